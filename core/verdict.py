"""One line that says what is seen: the largest class, the classes present, the mIoU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.labels import Labels
from core.scores import Truth, confusion_matrix, iou_per_class, mean_iou

ONE_COLOR = 0.9  # from this share on, a person calls the mask one-colored


@dataclass(frozen=True, eq=False)
class Verdict:
    """What is seen in the labels, as numbers and as a sentence."""

    shares: np.ndarray  # Float64[num_classes], 0..1
    iou: np.ndarray | None  # Float64[num_classes], NaN where a class is in neither
    mean_iou: float | None
    sentence: str
    one_color: bool


def judge(labels: Labels, class_names: Sequence[str], truth: Truth | None, ignore: int) -> Verdict:
    """Say what is seen.

    Args:
        labels: the label map.
        class_names: one name per label id.
        truth: ground truth of the same picture, if there is one.
        ignore: the ground-truth id that does not count; -1: all count.
    """
    shares = labels.shares()
    iou = None
    if truth is not None:
        matrix = confusion_matrix(labels.ids, truth.ids, labels.num_classes, ignore)
        iou = iou_per_class(matrix)
    mean = None if iou is None else mean_iou(iou)
    sentence = _sentence(shares, class_names, mean)
    return Verdict(shares, iou, mean, sentence, bool(shares.max(initial=0) >= ONE_COLOR))


def _sentence(shares: np.ndarray, class_names: Sequence[str], mean: float | None) -> str:
    top = int(shares.argmax())
    name = f"class {top}"
    if class_names[top] != name:
        name += f" ({class_names[top]})"
    parts = [f"{shares[top]:.1%} {name}".replace("%", " %")]
    parts.append(f"{np.count_nonzero(shares)} of {len(shares)} classes present")
    if (none := 1 - shares.sum()) > 1e-9:
        parts.append(f"{none:.1%} below the threshold".replace("%", " %"))
    if mean is not None:
        parts.append(f"mIoU {mean:.3f} against the ground truth")
    return "; ".join(parts)
