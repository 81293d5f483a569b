"""Red and blue: which of two channel orders the network prefers, without any ground truth.

No single sign decides it. Three are added: the least confidence over the brightness
variants, input_kl, and how much the mask agrees with those of the mirror image and the variants.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.diagnosis.measure.measurements import Measurements
from core.diagnosis.thresholds import (
    JUDGED_CONFIDENCE,
    JUDGED_LEAD,
    LEAST_AGREEMENT,
    VOTE_CONFIDENCE,
    VOTE_LOG_AGREEMENT,
    VOTES,
)


@dataclass(frozen=True)
class Preference:
    """What speaks for the other order."""

    surer: float  # by how much the mean confidence rises
    nearer: float  # factor by which input_kl is smaller; 1 without BatchNorm
    steadier: float = 1.0  # factor by which more of the mask is left

    @property
    def votes(self) -> float:
        """All signs as one number; negative for the present order."""
        factors = np.log(self.nearer) + np.log(self.steadier) / VOTE_LOG_AGREEMENT
        return self.surer / VOTE_CONFIDENCE + float(factors)


def preference(
    measured: Measurements, base: Mapping[str, Any], swapped: Mapping[str, Any]
) -> Preference:
    """Compare two orders; brightness variants are only run where the present order is in doubt.

    Args:
        measured: of the case.
        base: changes of the settings under which the orders are compared.
        swapped: the change of the order.

    Raises:
        InspectionError: the picture cannot be run in one of the orders.
    """
    both = {**base, **swapped}
    now, then = measured.batchnorm.input_kl(base), measured.batchnorm.input_kl(both)
    nearer = max(now, 1e-6) / max(then, 1e-6) if now is not None and then is not None else 1.0
    plain = Preference(measured.mask.confidence(both) - measured.mask.confidence(base), nearer)
    if plain.votes < -VOTES:
        return plain
    surer = measured.mask.least_confidence(both) - measured.mask.least_confidence(base)
    left = [measured.mask.steady_agreement(changes) + LEAST_AGREEMENT for changes in (base, both)]
    return Preference(surer, nearer, left[1] / left[0])


def is_judged(measured: Measurements, changes: Mapping[str, Any]) -> bool:
    """Whether the network seems to know the picture: of a flat or unknown one no order is right."""
    if measured.picture.is_flat:
        return False
    steady = measured.network.num_classes == 1 or measured.mask.steadiness(changes) > JUDGED_LEAD
    return steady and measured.mask.confidence(changes) > JUDGED_CONFIDENCE
