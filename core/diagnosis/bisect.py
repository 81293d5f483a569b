"""The first bad stage: the first of the five that is constant, not finite or out of range."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from core.colors import DARK, colorize, palette_colors
from core.diagnosis.thresholds import (
    BLACK_SHARE,
    DEAD_INPUT_STD,
    FLAT_LOGITS,
    HUGE_LOGIT,
    LARGE_INPUT,
    ONE_CLASS_SHARE,
)

if TYPE_CHECKING:
    from core.inspection import Inspection

Stage = Literal["", "input", "tensor", "logits", "labels", "mask"]


@dataclass(frozen=True)
class Bisect:
    """The first bad stage; "" where there is none."""

    stage: Stage = ""
    words: str = "Every stage varies, is finite and is in range."
    numbers: dict[str, float] = field(default_factory=dict)  # by what was measured


def bisect(inspection: Inspection) -> Bisect:
    """Walk down the stages and stop at the first that is not alive.

    An input or a tensor out of the ordinary is only spoken of where something behind it is dead:
    some networks are rightly fed with 0 to 255.
    """
    behind = next(_behind(inspection), None)
    if behind is None:
        return Bisect()
    return next(_before(inspection), behind)


def _before(seen: Inspection) -> Iterator[Bisect]:
    yield from _input(seen.image.pixels)
    yield from _tensor(seen.input.values)


def _behind(seen: Inspection) -> Iterator[Bisect]:
    yield from _logits(seen.logits.values)
    yield from _labels(seen)
    yield from _mask(seen)


def _input(pixels: np.ndarray) -> Iterator[Bisect]:
    if is_one_color(pixels):
        spread = float(np.ptp(pixels, axis=(0, 1)).max())
        yield Bisect("input", "The picture itself has one color.", {"range": spread})


def is_one_color(pixels: np.ndarray) -> bool:
    """Whether no channel of UInt8[h w c] varies by more than rounding."""
    return bool(np.ptp(pixels, axis=(0, 1)).max() < 2)


def _tensor(values: np.ndarray) -> Iterator[Bisect]:
    if not np.isfinite(values).all():
        bad = float((~np.isfinite(values)).mean())
        yield Bisect("tensor", f"{bad:.1%} of the tensor is not finite.", {"not finite": bad})
        return
    largest = float(np.abs(values).max())
    if largest > LARGE_INPUT:
        words = (
            f"The tensor's largest magnitude is {largest:.0f}; networks are fed values of about 1."
        )
        yield Bisect("tensor", words, {"largest": largest})
    elif (std := float(values.std())) < DEAD_INPUT_STD:
        yield Bisect("tensor", f"The tensor hardly varies: its std is {std:.2g}.", {"std": std})


def _logits(values: np.ndarray) -> Iterator[Bisect]:
    finite = np.isfinite(values)
    if not finite.all():
        bad = float(1 - finite.mean())
        yield Bisect("logits", f"{bad:.1%} of the logits are not finite.", {"not finite": bad})
        return
    largest, std = float(np.abs(values).max()), float(values.std(axis=(1, 2)).max())
    if largest > HUGE_LOGIT:
        yield Bisect(
            "logits", f"The largest magnitude of a logit is {largest:.3g}.", {"largest": largest}
        )
    elif std < FLAT_LOGITS * max(largest, 1e-6):
        words = f"The logits are flat: they vary by {std:.2g} over the picture."
        yield Bisect("logits", words, {"std": std})


def _labels(seen: Inspection) -> Iterator[Bisect]:
    shares = seen.labels.shares()
    top = int(shares.argmax())
    none = 1 - float(shares.sum())
    if none >= ONE_CLASS_SHARE:
        yield Bisect("labels", "No class reaches the threshold anywhere.", {"below": none})
    elif shares[top] >= ONE_CLASS_SHARE:
        words = f"{shares[top]:.1%} of the pixels are {seen.class_names[top]}."
        yield Bisect("labels", words, {"share": float(shares[top])})


def _mask(seen: Inspection) -> Iterator[Bisect]:
    mask = colorize(seen.labels.ids, palette_colors(seen.settings.display, seen.labels.num_classes))
    dark = float((mask @ np.array([299, 587, 114]) // 1000 < 2 * DARK).mean())
    if dark >= BLACK_SHARE:
        yield Bisect("mask", f"{dark:.1%} of the colored mask is nearly black.", {"dark": dark})
