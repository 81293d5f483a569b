"""Whether BatchNorm's running statistics are those of these weights: somebody trained with them.

A short training moves the weights little, but the statistics follow whatever the weights are;
weights that were damaged, exchanged or never loaded leave them behind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.diagnosis.normalization.conventions import CONVENTIONS
from core.diagnosis.thresholds import BELONGING_NATS
from core.errors import InspectionError

if TYPE_CHECKING:
    from core.diagnosis.measure.measurements import Measurements


def statistics_belong(measured: Measurements) -> bool:
    """Whether some feeding of the picture, well exposed or as it is, is like training.

    The reference picture is asked last: a network of microscopes knows nothing like it.

    False where no BatchNorm can be asked, or where that failed, which is noted.
    """
    if measured.case.network is None:
        return False
    color = measured.settings.preprocessing.color
    feedings: list[dict[str, Any]] = [{}, *({**c, "color": color} for c in CONVENTIONS.values())]
    try:
        if not measured.batchnorm.can_be_asked:
            return False
        pictures = (measured.case.image, measured.picture.well_exposed)
        found = (measured.batchnorm.picture_kl(picture, feedings) for picture in pictures)
        return (
            any(kl < BELONGING_NATS for kl in found)
            or measured.batchnorm.reference_kl(feedings) < BELONGING_NATS
        )
    except InspectionError as error:
        measured.failures.add("whether BatchNorm's statistics belong to the weights", error)
        return False
