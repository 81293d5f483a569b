"""Other ways to feed the picture, each of which would explain that two programs disagree."""

from __future__ import annotations

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


def feeds(image: Image, settings: Settings) -> tuple[Feed, ...]:
    """What the settings feed, and what a graph may expect instead; the likeliest first.

    Args:
        image: the picture.
        settings: of the checkpoint, whose feeding is right.
    """
    how = settings.preprocessing
    if how.color == "gray":
        return tuple(_scaled(image, how))
    other = replace(how, color="bgr" if how.color == "rgb" else "rgb")
    usual = list(_scaled(image, how))
    first = usual[0].x
    exchanged = [
        Feed(
            "E3" if not feed.cause else feed.cause, f"{feed.words}, red and blue exchanged", feed.x
        )
        for feed in _scaled(image, other)
    ]
    scrambled = Feed(
        "E2",
        "the same numbers as [h w c], reshaped to [c h w]",
        first.transpose(0, 2, 3, 1).reshape(first.shape),
    )
    swapped = Feed("E3", "the same numbers, red and blue exchanged", first[:, ::-1].copy())
    return (*usual, swapped, *exchanged[1:], scrambled, _unscrambled(first))


def _scaled(image: Image, how: Preprocessing) -> list[Feed]:
    ways = (
        ("", "as the checkpoint is fed", how),
        ("E1", "pixels from 0 to 1 without mean and std", replace(how, scale="255", **PLAIN)),
        ("E1", "pixels from 0 to 255", replace(how, scale="1", **PLAIN)),
    )
    found: list[Feed] = []
    for cause, words, way in ways:
        if cause and way == how:
            continue
        found.append(Feed(cause, words, preprocess(image, way).tensor.float().numpy()))
    return found


def _unscrambled(x: np.ndarray) -> Feed:
    """What a graph needs that takes planes for pixels, by a reshape inside."""
    batch, channels, height, width = x.shape
    numbers = x.reshape(batch, height, width, channels).transpose(0, 3, 1, 2)
    return Feed("E2", "planes [c h w] taken for pixels [h w c]", np.ascontiguousarray(numbers))
