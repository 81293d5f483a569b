"""From summed confusion counts to what is said of a whole set; equal to torchmetrics.

A class that is in neither map has NaN and is left out of every mean, and so is one that is ignored
(its pixels do not count, so what is found of it elsewhere is no measure of it). Ids outside the
network's are a last row and column of the matrix (`core.scores.confusion_matrix`): they count as
wrong, and are no class of a mean.
"""

from __future__ import annotations

import numpy as np

from core.scores import iou_per_class


def pixel_accuracy(matrix: np.ndarray) -> float | None:
    """Share of the pixels that count whose id is the true one, 0..1; None where none counts.

    Args:
        matrix: Int64[n+1 n+1] of `confusion_matrix`.

    >>> pixel_accuracy(np.array([[2, 1, 0], [0, 1, 0], [0, 0, 0]]))
    0.75
    """
    total = int(matrix.sum())
    return float(np.diagonal(matrix)[:-1].sum() / total) if total else None


def dice_per_class(matrix: np.ndarray) -> np.ndarray:
    """Twice the intersection over the sum of both, Float64[n]; NaN for a class in neither map.

    >>> dice_per_class(np.array([[1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])).tolist()
    [0.6666666666666666, 0.6666666666666666, nan]
    """
    hits = np.diagonal(matrix)
    with np.errstate(invalid="ignore"):
        dice: np.ndarray = 2 * hits / (matrix.sum(axis=0) + matrix.sum(axis=1))
    return dice[:-1]


def figures_per_class(matrix: np.ndarray, ignore_index: int) -> tuple[np.ndarray, np.ndarray]:
    """IoU and Dice, Float64[n] each; NaN for a class in neither map, and for the ignored one."""
    iou, dice = iou_per_class(matrix), dice_per_class(matrix)
    if 0 <= ignore_index < len(iou):
        iou[ignore_index] = dice[ignore_index] = np.nan
    return iou, dice
