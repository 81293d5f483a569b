"""Red and blue: which of two channel orders the network prefers, without any ground truth.

No single sign decides it. Five are added: how few pixels another view of the picture changes
(mirrored, brighter, darker), how much the mask agrees with those views, the least confidence over
them, input_kl, and the order in which the network is fed that the first convolution began from,
where it is a known one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.diagnosis.measure.measurements import Measurements
from core.diagnosis.normalization.known_stems import Likeness, like_a_known_stem
from core.diagnosis.normalization.memory import first_filters
from core.diagnosis.thresholds import (
    FLAT_NEARER,
    JUDGED_CONFIDENCE,
    JUDGED_LEAD,
    JUST_LIKE_NATS,
    KNOWN_CONFIDENCE,
    KNOWN_LEAD,
    LEAST_AGREEMENT,
    ORDER_LIKE_NATS,
    STEM_VOTES,
    VOTE_CONFIDENCE,
    VOTE_LOG_AGREEMENT,
    VOTE_LOG_CHANGED,
    VOTE_LOG_KL,
    VOTES,
    VOTES_WITHOUT_NORM,
)


@dataclass(frozen=True)
class Preference:
    """What speaks for the other order."""

    surer: float  # by how much the mean confidence rises
    nearer: float  # factor by which input_kl is smaller; 1 without BatchNorm
    steadier: float = 1.0  # factor by which more of the mask is left
    calmer: float = 1.0  # factor by which other views change fewer pixels
    stem: float = 0.0  # votes of the weights alone, whatever the picture is

    @property
    def votes(self) -> float:
        """All signs as one number; negative for the present order."""
        factors = (
            np.log(self.nearer) / VOTE_LOG_KL
            + np.log(self.steadier) / VOTE_LOG_AGREEMENT
            + np.log(self.calmer) / VOTE_LOG_CHANGED
        )
        return self.surer / VOTE_CONFIDENCE + float(factors) + self.stem


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
    stem = stem_votes(measured, swapped["color"])
    surer = measured.mask.confidence(both) - measured.mask.confidence(base)
    plain = Preference(surer, nearer, stem=stem)
    if plain.votes < -VOTES:
        return plain
    surer = measured.mask.least_confidence(both) - measured.mask.least_confidence(base)
    left = [measured.mask.steady_agreement(changes) + LEAST_AGREEMENT for changes in (base, both)]
    moved = [measured.mask.changed_by_views(changes) for changes in (base, both)]
    return Preference(surer, nearer, left[1] / left[0], moved[0] / moved[1], stem)


def known_stem(measured: Measurements) -> Likeness | None:
    """The published network whose first convolution this one began from; None where none is."""
    filters = first_filters(measured.network.stem, measured.tensors)
    return None if filters is None else like_a_known_stem(filters)


def stem_votes(measured: Measurements, color: str) -> float:
    """Votes of the weights for this order; 0 where they began from no known stem."""
    known = known_stem(measured)
    if known is None:
        return 0.0
    return STEM_VOTES if known.color == color else -STEM_VOTES


def needed_votes(measured: Measurements) -> float:
    """How many votes decide: more where BatchNorm cannot be asked, as one sign is missing."""
    return VOTES if measured.batchnorm.has_several else VOTES_WITHOUT_NORM


def is_judged(
    measured: Measurements, changes: Mapping[str, Any], rather_than: Mapping[str, Any]
) -> bool:
    """Whether the network knows the picture: of an unknown one no order is right.

    Args:
        measured: of the case.
        changes: of the settings, for the order that would be told.
        rather_than: the same for the other order.
    """
    nats, other = map(measured.batchnorm.input_kl, (changes, rather_than))
    flat = measured.picture.is_flat
    if flat if nats is None else not _is_like_training(nats, other or 0.0, flat=flat):
        return False
    known = nats is not None and nats <= JUST_LIKE_NATS  # a network that is unsure of all it sees
    sure, led = (KNOWN_CONFIDENCE, KNOWN_LEAD) if known else (JUDGED_CONFIDENCE, JUDGED_LEAD)
    steady = measured.network.num_classes == 1 or measured.mask.steadiness(changes) > led
    return steady and measured.mask.confidence(changes) > sure


def _is_like_training(nats: float, other: float, *, flat: bool) -> bool:
    """Just like it; or somewhat, and BatchNorm does not prefer the other order.

    Of a faded picture a network may be surer and calmer in the wrong order, against its BatchNorm:
    so there BatchNorm must clearly prefer the order that is told.
    """
    if flat:
        return nats <= ORDER_LIKE_NATS and other >= FLAT_NEARER * nats
    return nats <= JUST_LIKE_NATS or (nats <= ORDER_LIKE_NATS and nats <= other)
