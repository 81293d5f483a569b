"""What common code would have written to disk from these labels, and how much of it looks black."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.colors import DARK, colorize
from core.labels import Labels, probabilities


@dataclass(frozen=True, eq=False)
class SavedPicture:
    """One way of saving a mask."""

    label: str
    code: str  # what people write; `labels` and `probs` are theirs
    picture: np.ndarray  # UInt8[h w] or UInt8[h w 3]
    black_share: float  # of the pixels a person would see as black, 0..1


def saved_pictures(
    labels: Labels, values: np.ndarray, colors: np.ndarray
) -> tuple[SavedPicture, ...]:
    """Save the labels in the ways that people do.

    Args:
        labels: the label map; NO_CLASS becomes 255 in uint8, as a cast does.
        values: the logits, Float32[C h w].
        colors: the palette, UInt8[n 3].
    """
    ids = labels.ids.astype(np.uint8)  # wraps, as people's code does
    best = _probability(values)
    count = max(1, labels.num_classes - 1)
    return (
        _saved("ids as gray", "Image.fromarray(labels.astype(np.uint8))", ids),
        _saved("ids x 255", "Image.fromarray(labels.astype(np.uint8) * 255)", ids * np.uint8(255)),
        _saved("probabilities", "Image.fromarray(probs.astype(np.uint8))", best.astype(np.uint8)),
        _saved(
            "ids spread over gray",
            f"Image.fromarray((labels * (255 / {count})).astype(np.uint8))",
            (ids * (255 / count)).clip(0, 255).astype(np.uint8),
        ),
        _saved("colored", "Image.fromarray(palette[labels])", colorize(labels.ids, colors)),
    )


def _probability(values: np.ndarray) -> np.ndarray:
    """Of the foreground where there is one channel, else of the winner: Float32[h w]."""
    activation = "sigmoid" if len(values) == 1 else "softmax"
    best: np.ndarray = np.nan_to_num(probabilities(values, activation)).max(axis=0)
    return best


def _saved(label: str, code: str, picture: np.ndarray) -> SavedPicture:
    luma = picture if picture.ndim == 2 else picture @ np.array([299, 587, 114]) // 1000
    return SavedPicture(label, code, picture, float((luma < DARK).mean()))
