"""One line that says what is seen: the largest class, the classes present, the mIoU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.labels import Labels
from core.scores import Truth, confusion_matrix, iou_per_class, mean_iou

ONE_COLOR = 0.9  # from this share on, a person calls the mask one-colored
LOW_MIOU = 0.5  # below which a person would not call a mask right
MISSED_SHARE = 0.001  # of the ground truth: a class of fewer pixels may be missed


@dataclass(frozen=True, eq=False)
class Verdict:
    """What is seen in the labels, as numbers and as a sentence."""

    shares: np.ndarray  # Float64[num_classes], 0..1
    iou: np.ndarray | None  # Float64[num_classes], NaN where a class is in neither
    mean_iou: float | None
    sentence: str
    one_color: bool
    # Share of the ground truth, 0..1, by the classes that the mask lacks; num_classes: by all ids
    # that the network does not have.
    missing: Mapping[int, float]


def judge(labels: Labels, class_names: Sequence[str], truth: Truth | None, ignore: int) -> Verdict:
    """Say what is seen.

    Args:
        labels: the label map.
        class_names: one name per label id.
        truth: ground truth of the same picture, if there is one.
        ignore: the ground-truth id that does not count; -1: all count.
    """
    shares = labels.shares()
    iou, missing = None, {}
    if truth is not None:
        matrix = confusion_matrix(labels.ids, truth.ids, labels.num_classes, ignore)
        iou, missing = iou_per_class(matrix), _missing(matrix)
    mean = None if iou is None else mean_iou(iou)
    sentence = _sentence(shares, class_names, mean)
    one_color = bool(shares.max(initial=0) >= ONE_COLOR)
    return Verdict(shares, iou, mean, sentence, one_color, missing)


def _missing(matrix: np.ndarray) -> dict[int, float]:
    """Share of the counted pixels by those true ids that are found nowhere, 0..1.

    Args:
        matrix: Int64[k + 1, k + 1] of `confusion_matrix`; its last id, of others, is k.
    """
    true, found = matrix.sum(axis=1), matrix.sum(axis=0)
    shares = true / max(1, int(true.sum()))
    lost = np.flatnonzero((shares >= MISSED_SHARE) & (found == 0))
    return {int(k): float(shares[k]) for k in lost}


def class_name(class_id: int, names: Sequence[str]) -> str:
    """The id, and the name where it has one of its own.

    >>> class_name(1, ["class 0", "cup"]), class_name(0, ["class 0", "cup"])
    ('class 1 (cup)', 'class 0')
    """
    plain = f"class {class_id}"
    return plain if names[class_id] == plain else f"{plain} ({names[class_id]})"


def _sentence(shares: np.ndarray, class_names: Sequence[str], mean: float | None) -> str:
    top = int(shares.argmax())
    parts = [f"{shares[top]:.1%} {class_name(top, class_names)}".replace("%", " %")]
    parts.append(f"{np.count_nonzero(shares)} of {len(shares)} classes present")
    if (none := 1 - shares.sum()) > 1e-9:
        parts.append(f"{none:.1%} below the threshold".replace("%", " %"))
    if mean is not None:
        parts.append(f"mIoU {mean:.3f} against the ground truth")
    return "; ".join(parts)
