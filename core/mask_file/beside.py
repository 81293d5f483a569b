"""A mask beside what belongs to it: has it the picture's size, does it agree with the truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from core.mask_file.finding import NO_CLASS, Reading
from core.mask_file.inspect import MaskReport
from core.scores import confusion_matrix, iou_per_class, mean_iou

BETTER = 0.05  # of mIoU, from which on other names for the ids are told
MOST = 256  # classes of which a confusion matrix is made

Size = tuple[int, int]  # width, height


@dataclass(frozen=True)
class Agreement:
    """How a mask and its ground truth agree, under the ids that were found."""

    mean_iou: float | None
    by_class: dict[int, float]
    renamed: dict[int, int]  # ids of the mask -> ids of the truth that fit much better; or {}
    renamed_iou: float | None  # the mIoU then

    @property
    def words(self) -> str:
        """One or two sentences."""
        if self.mean_iou is None:
            return "No class is in the mask or in the ground truth."
        said = f"mIoU with the ground truth: {self.mean_iou:.3f}."
        if self.renamed:
            names = ", ".join(f"{a} is {b}" for a, b in self.renamed.items() if a != b)
            said += f" With other names for the ids ({names}) it is {self.renamed_iou:.3f}."
        return said

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "mean_iou": self.mean_iou,
            "iou_per_class": {str(k): v for k, v in self.by_class.items()},
            "renamed": {str(k): v for k, v in self.renamed.items()},
            "renamed_mean_iou": self.renamed_iou,
        }


def beside_picture(mask: Size, picture: Size) -> str:
    """Whether the mask fits the picture, in a sentence; sizes are width, height."""
    named = f"The mask has {mask[0]} x {mask[1]} pixels, the picture {picture[0]} x {picture[1]}"
    if mask == picture:
        return "The mask has the size of the picture."
    if mask == picture[::-1]:
        return f"{named}: width and height are exchanged, as after a transpose."
    if mask[0] * picture[1] == mask[1] * picture[0]:
        factor = picture[0] / mask[0]
        return f"{named}: it is {factor:g} times as large. Resize labels to the nearest pixel."
    return f"{named}: it has another shape, so it was cropped, padded or stretched."


def beside_truth(report: MaskReport, truth: MaskReport) -> Agreement | str:
    """How they agree, or a sentence about why that cannot be said."""
    mine, right = report.reading, truth.reading
    if mine is None:
        return "The file holds no ids that could be compared with the ground truth."
    if right is None:
        return f"The ground truth holds no ids. {truth.first.sentence}"
    if mine.ids.shape != right.ids.shape:
        (height, width), (rows, columns) = mine.ids.shape, right.ids.shape
        return (
            f"The mask has {width} x {height} pixels, the ground truth {columns} x {rows}. They "
            "are not compared: resizing would change what they say."
        )
    return _compared(mine, right)


def _compared(mine: Reading, right: Reading) -> Agreement | str:
    count = int(max(mine.ids.max(), right.ids.max(), 0)) + 1
    if count > MOST:
        return f"The ids go up to {count - 1}; of more than {MOST} no table is made."
    matrix = confusion_matrix(mine.ids, right.ids, count, NO_CLASS)
    iou = iou_per_class(matrix)
    names = best_names(matrix[:-1, :-1])
    renamed = np.full(count + 1, count)
    for own, other in names.items():
        renamed[own] = other
    ids = renamed[np.where(mine.ids == NO_CLASS, count, mine.ids)]
    other_iou = mean_iou(iou_per_class(confusion_matrix(ids, right.ids, count, NO_CLASS)))
    mean = mean_iou(iou)
    better = mean is not None and other_iou is not None and other_iou > mean + BETTER
    return Agreement(
        mean,
        {k: float(v) for k, v in enumerate(iou) if not np.isnan(v)},
        names if better else {},
        other_iou if better else None,
    )


def best_names(matrix: np.ndarray) -> dict[int, int]:
    """Each id of the mask and the true one that it shares most pixels with, one to one."""
    left, names = matrix.astype(np.int64), {}
    left = left.copy()
    while left.size and left.max() > 0:
        right, own = np.unravel_index(int(left.argmax()), left.shape)
        names[int(own)] = int(right)
        left[right, :] = 0
        left[:, own] = 0
    return dict(sorted(names.items()))
