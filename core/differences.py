"""Where mask and ground truth differ: the kind of error of each pixel, and its color."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

import numpy as np


class Kind(IntEnum):
    """What a pixel of the mask is beside the ground truth; id 0 is taken as the background."""

    RIGHT = 0  # the same id
    MISSED = 1  # the mask says 0 or no class, the truth another id
    FALSE = 2  # the mask has a class, the truth says 0
    CONFUSED = 3  # both have a class, and not the same one
    IGNORED = 4  # the truth has the ignore id: not counted


# Okabe and Ito, Color Universal Design (2008): vermillion, sky blue, yellow; apart in luma too.
COLORS = {Kind.MISSED: (213, 94, 0), Kind.FALSE: (86, 180, 233), Kind.CONFUSED: (240, 228, 66)}
DIMMED = 0.4  # of the luma of the picture: darker than each of these colors
HATCH = (110, 160)  # the two grays of what is ignored
STRIPES = 40  # of the hatching, along the longer side


@dataclass(frozen=True, eq=False)
class Differences:
    """A mask beside its ground truth, pixel by pixel."""

    kinds: np.ndarray  # UInt8[h w], a `Kind` each
    shares: Mapping[Kind, float]  # of the pixels that count, 0..1, sum 1; empty where none counts
    ignored: float  # share of all pixels that do not count, 0..1


def differences(ids: np.ndarray, truth: np.ndarray, ignore_index: int) -> Differences:
    """Tell the kind of error of every pixel.

    Args:
        ids: Int32[h w], found; NO_CLASS where no class reached the threshold.
        truth: Int32[h w], 0 or more.
        ignore_index: true id whose pixels do not count; -1: all count.

    >>> found, truth = np.array([[0, 0, 1, 2, 0]]), np.array([[0, 1, 0, 1, 255]])
    >>> differences(found, truth, ignore_index=255).kinds.tolist()
    [[0, 1, 2, 3, 4]]
    """
    kinds = np.full(truth.shape, Kind.CONFUSED, np.uint8)
    kinds[truth == 0] = Kind.FALSE
    kinds[ids <= 0] = Kind.MISSED
    kinds[ids == truth] = Kind.RIGHT
    kinds[truth == ignore_index] = Kind.IGNORED
    *counts, ignored = np.bincount(kinds.ravel(), minlength=len(Kind)).tolist()
    counted = sum(counts)
    shares = {Kind(k): count / counted for k, count in enumerate(counts)} if counted else {}
    return Differences(kinds, shares, ignored / kinds.size)


def paint(pixels: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """Paint errors over the picture, which is gray and dimmed: UInt8[h w 3].

    Args:
        pixels: UInt8[h w 3].
        kinds: UInt8[h w], a `Kind` each.
    """
    luma = pixels @ np.array([0.299, 0.587, 0.114], np.float32)
    painted = np.repeat((DIMMED * luma + 0.5).astype(np.uint8)[..., None], 3, axis=2)
    for kind, color in COLORS.items():
        painted[kinds == kind] = color
    ignored = kinds == Kind.IGNORED
    painted[ignored] = _hatching(kinds.shape)[ignored][:, None]
    return painted


def _hatching(size: tuple[int, ...]) -> np.ndarray:
    """Diagonal stripes in two grays, UInt8[h w]."""
    diagonal = np.add.outer(np.arange(size[0]), np.arange(size[1]))
    stripe = diagonal // max(1, max(size) // STRIPES) % 2
    grays: np.ndarray = np.array(HATCH, np.uint8)[stripe]
    return grays
