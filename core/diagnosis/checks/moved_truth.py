"""The ground truth against its picture: is it moved, as by another crop."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from core.diagnosis.causes import CAUSES
from core.diagnosis.finding import Evidence, Finding
from core.diagnosis.measure.measurements import Measurements
from core.diagnosis.measure.truth import mean_iou_of
from core.diagnosis.progress import Progress
from core.diagnosis.thresholds import (
    LEAST_MOVED,
    MOST_MOVED,
    RENAMED_GAIN,
    RENAMED_SHARE,
    TURNED_IOU,
)

Overlap = tuple[slice, slice]


def moved(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """T6: the mask agrees with the ground truth once that is moved, and not before."""
    truth = measured.case.truth
    if truth is None or not measured.truth.has_shapes or so_far.masks_mean_nothing:
        return
    if any(CAUSES[cause].stage == "truth" for cause in so_far.faults):
        return
    ignore, fixes = measured.settings.display.ignore_index, so_far.fixes
    no_changes: dict[str, Any] = {}
    for changes in (no_changes, fixes):
        labels, now = measured.under(changes).labels, measured.truth.iou(changes)
        if now is None or now >= TURNED_IOU:
            return
        down, right = best_move(truth.ids, labels.ids)
        if max(abs(down), abs(right)) < LEAST_MOVED:
            continue
        of_mask, of_truth = overlaps(labels.ids.shape, down, right)
        best = mean_iou_of(labels.ids[of_mask], truth.ids[of_truth], labels.num_classes, ignore)
        if best is not None and best >= max(RENAMED_SHARE, now + RENAMED_GAIN):
            yield _finding(down, right, now, best)
            return


def best_move(truth: np.ndarray, ids: np.ndarray) -> tuple[int, int]:
    """By how many pixels down and right the truth has to be moved to agree with the mask best.

    The cross-correlation of the planes of each class, by Fourier transforms; moves of more than
    MOST_MOVED of a side are not looked at.

    Args:
        truth: Int[h w].
        ids: Int[h w].

    >>> ids = np.zeros((32, 32), int); ids[4:9, 10:17] = 1
    >>> best_move(np.roll(ids, (-3, 5), (0, 1)), ids)
    (3, -5)
    """
    height, width = ids.shape
    total = np.zeros((height, width))
    for class_id in np.intersect1d(truth, ids):
        planes = ((ids == class_id).astype(np.float32), (truth == class_id).astype(np.float32))
        mine, theirs = (np.fft.rfft2(plane - plane.mean()) for plane in planes)
        total += np.fft.irfft2(mine * theirs.conj(), s=(height, width))
    near = [np.minimum(np.arange(side), side - np.arange(side)) for side in (height, width)]
    far = (near[0] > MOST_MOVED * height)[:, None] | (near[1] > MOST_MOVED * width)[None]
    down, right = np.unravel_index(np.where(far, -np.inf, total).argmax(), total.shape)
    return _signed(int(down), height), _signed(int(right), width)


def _signed(move: int, side: int) -> int:
    return move - side if move > side // 2 else move


def overlaps(shape: tuple[int, ...], down: int, right: int) -> tuple[Overlap, Overlap]:
    """Where both are, once the truth is moved: rows and columns of the mask, and of the truth."""
    moves = ((shape[0], down), (shape[1], right))
    of_mask = tuple(slice(max(0, move), side + min(0, move)) for side, move in moves)
    of_truth = tuple(slice(max(0, -move), side - max(0, move)) for side, move in moves)
    return (of_mask[0], of_mask[1]), (of_truth[0], of_truth[1])


def _finding(down: int, right: int, now: float, best: float) -> Finding:
    where = f"{abs(down)} pixels {'down' if down >= 0 else 'up'} and {abs(right)} to the "
    where += "right" if right >= 0 else "left"
    return Finding(
        "T6",
        "likely",
        (
            Evidence(f"As it is, the mIoU of the mask against the ground truth is {now:.2f}.", now),
            Evidence(f"With the ground truth moved by {where} it is {best:.2f}.", best),
        ),
        "Crop, pad and resize picture and ground truth in the same way, and train again where the "
        "training read such pairs.",
        f"ids = np.roll(ids, ({down}, {right}), (0, 1))  # to look at it, not to train with",
        separates="Both files in one viewer, one over the other.",
    )
