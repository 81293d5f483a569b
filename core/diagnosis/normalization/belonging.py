"""Whether BatchNorm's running statistics are those of these weights: somebody trained with them.

A short training moves the weights little, but the statistics follow whatever the weights are;
weights that were damaged, exchanged or never loaded leave them behind.
"""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

from core.diagnosis.normalization.conventions import CONVENTIONS
from core.diagnosis.thresholds import BELONGING_NATS, BELONGING_SHARE, FAIR_IOU
from core.errors import InspectionError

if TYPE_CHECKING:
    from core.diagnosis.measure.measurements import Measurements


def statistics_belong(measured: Measurements) -> bool:
    """Whether some feeding of the picture, as it is or well exposed, is like training.

    Either their KL divergence is small, or it depends on the picture much: numbers that no training
    saw are as far from any picture as from the reference picture.

    Returns:
        False also where no BatchNorm can be asked, or where that failed, which is noted.
    """
    if measured.case.network is None:
        return False
    color = measured.settings.preprocessing.color
    feedings: list[dict[str, Any]] = [{}, *({**c, "color": color} for c in CONVENTIONS.values())]
    try:
        if not measured.batchnorm.can_be_asked:
            return False
        pictures = (measured.case.image, measured.picture.well_exposed)
        found = [measured.batchnorm.picture_kl(picture, feedings) for picture in pictures]
        found.append(measured.batchnorm.reference_kl(feedings))
    except InspectionError as error:
        measured.failures.add("whether BatchNorm's statistics belong to the weights", error)
        return False
    least, most = min(found), max(found)
    return least < BELONGING_NATS or (isfinite(most) and least < BELONGING_SHARE * most)


def masks_are_fair(measured: Measurements) -> bool:
    """Whether a ground truth says so of the mask, as it is or with the picture's own statistics."""
    if not measured.truth.has_shapes:
        return False
    try:
        scores = [measured.truth.iou({"mode": mode}) or 0.0 for mode in ("eval", "train")]
    except InspectionError as error:
        measured.failures.add("whether the ground truth speaks for the weights", error)
        return False
    return max(scores) >= FAIR_IOU
