"""The ground truth against its picture: is it turned or mirrored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from core.diagnosis.finding import Evidence, Finding
from core.diagnosis.measure.measurements import Measurements
from core.diagnosis.measure.truth import mean_iou_of
from core.diagnosis.progress import Progress
from core.diagnosis.thresholds import RENAMED_GAIN, RENAMED_SHARE, TURNED_IOU

# How the ground truth is tried -> the line that does it, and the same as a function.
TURNS: dict[str, tuple[str, Callable[[np.ndarray], np.ndarray]]] = {
    "mirrored left to right": ("ids[:, ::-1]", lambda ids: ids[:, ::-1]),
    "turned upside down": ("ids[::-1]", lambda ids: ids[::-1]),
    "turned by half a turn": ("ids[::-1, ::-1]", lambda ids: ids[::-1, ::-1]),
    "transposed": ("ids.T", lambda ids: ids.T),
    "turned left": ("np.rot90(ids, -1)", lambda ids: np.rot90(ids, -1)),
    "turned right": ("np.rot90(ids)", lambda ids: np.rot90(ids)),
    "transposed and turned by half a turn": ("ids[::-1, ::-1].T", lambda ids: ids[::-1, ::-1].T),
}


def turned_truth(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """T6: the mask agrees with the ground truth once that is turned or mirrored, and not before.

    Both the user's mask and the one with the fixes are asked: a truth that is turned makes other
    checks find what is none.
    """
    truth = measured.case.truth
    if truth is None or not measured.truth.has_shapes or so_far.masks_mean_nothing:
        return
    ignore = measured.settings.display.ignore_index
    no_changes: dict[str, Any] = {}
    for changes in (no_changes, so_far.fixes):
        labels, now = measured.under(changes).labels, measured.truth.iou(changes)
        if now is None or now >= TURNED_IOU:
            return
        scores = {
            name: mean_iou_of(labels.ids, turned, labels.num_classes, ignore) or 0.0
            for name, (_, turn) in TURNS.items()
            if (turned := turn(truth.ids)).shape == labels.ids.shape
        }
        name, best = max(scores.items(), key=lambda pair: pair[1])
        if best >= max(TURNED_IOU, now + RENAMED_GAIN):
            yield turned_finding(name, now, best)
            return


def turned_finding(name: str, now: float, best: float) -> Finding:
    """T6: turned in the way of this name the ground truth agrees.

    Args:
        name: a key of TURNS.
        now: mIoU as it is.
        best: mIoU with the ground truth turned.
    """
    line, _ = TURNS[name]
    return Finding(
        "T6",
        "certain" if best >= RENAMED_SHARE else "likely",
        (
            Evidence(f"As it is, the mIoU of the mask against the ground truth is {now:.2f}.", now),
            Evidence(f"With the ground truth {name} it is {best:.2f}.", best),
        ),
        "Turn picture and ground truth in the same way, and train again where the training read "
        "such pairs.",
        f"ids = np.ascontiguousarray({line})",
        separates="Both files in one viewer, one over the other.",
    )
