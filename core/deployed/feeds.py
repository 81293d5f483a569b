"""Other ways to feed the picture, each of which would explain that two programs disagree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from core.image import Image
from core.preprocess import preprocess
from core.settings import Preprocessing, Settings

PLAIN: dict[str, Any] = {
    "mean": (0.0, 0.0, 0.0),
    "std": (1.0, 1.0, 1.0),
    "divide_again": 1.0,
    "zscore": False,
}


@dataclass(frozen=True, eq=False)
class Feed:
    """One input, and what it would mean if a graph needs it."""

    cause: str  # "" for what the settings feed
    words: str  # what is fed
    x: np.ndarray  # Float32[1 c h w]


def feeds(image: Image, settings: Settings) -> Iterator[Feed]:
    """What the settings feed, then what a graph may expect instead; the likeliest first.

    Args:
        image: the picture.
        settings: of the checkpoint, whose feeding is right.
    """
    how = settings.preprocessing
    first = _fed("", "as the checkpoint is fed", image, how)
    yield first
    yield from _unnormalized(image, how, "")
    if how.color == "gray":
        return
    exchanged = ", red and blue exchanged"
    yield Feed("E3", f"the same numbers{exchanged}", first.x[:, ::-1].copy())
    other = replace(how, color="bgr" if how.color == "rgb" else "rgb")
    yield from _unnormalized(image, other, exchanged)
    pixels = first.x.transpose(0, 2, 3, 1).reshape(first.x.shape)
    yield Feed("E2", "the same numbers as [h w c], reshaped to [c h w]", pixels)
    yield _unscrambled(first.x)


def _unnormalized(image: Image, how: Preprocessing, more: str) -> Iterator[Feed]:
    """For graphs that normalize themselves; what is fed already is no other way."""
    ways = (
        ("pixels from 0 to 1 without mean and std", replace(how, scale="255", **PLAIN)),
        ("pixels from 0 to 255", replace(how, scale="1", **PLAIN)),
    )
    for words, way in ways:
        if way != how:
            yield _fed("E1", f"{words}{more}", image, way)


def _fed(cause: str, words: str, image: Image, how: Preprocessing) -> Feed:
    return Feed(cause, words, preprocess(image, how).tensor.float().numpy())


def _unscrambled(x: np.ndarray) -> Feed:
    """What a graph needs that takes planes for pixels, by a reshape inside."""
    batch, channels, height, width = x.shape
    numbers = x.reshape(batch, height, width, channels).transpose(0, 3, 1, 2)
    return Feed("E2", "planes [c h w] taken for pixels [h w c]", np.ascontiguousarray(numbers))
