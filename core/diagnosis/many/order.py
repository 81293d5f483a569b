"""Red and blue over a set: many small votes, and which order the first layer was trained on.

One picture often cannot decide. Two kinds of evidence are gathered, which fail in different places:
the votes of `channel_order.py` for each picture, and how well mean and std, solved anew in each
order, give what the first BatchNorm has stored: the channels of photographs go together in a way
that no mean and std can imitate in the wrong order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from core.diagnosis.measure.measurements import Measurements
from core.diagnosis.normalization.channel_order import preference
from core.diagnosis.thresholds import (
    CLEAR_ERRORS,
    ENOUGH_VOTES,
    FEWEST_VOTES,
    JUST_LIKE_NATS,
    KNOWN_CONFIDENCE,
    MOST_VOTES,
    ORDER_LIKE_NATS,
    SET_LAYER,
    SET_LAYER_ALONE,
    SET_VOTES,
    SET_VOTES_ERRORS,
    VOTE_MOST,
    VOTE_SPREAD,
)


@dataclass(frozen=True)
class OrderEvidence:
    """What speaks for the other channel order; negative numbers speak for the present one."""

    votes: tuple[float, ...] = ()  # of each picture, -VOTE_MOST..VOTE_MOST
    layer: float | None = None  # log of the factor by which the first layer fits it better
    nats: tuple[float, float] | None = None  # of the present order and the other, at that layer
    confidence: tuple[float, float] = (0.0, 0.0)  # mean, of the present order and the other
    likeness: tuple[tuple[float, float], ...] = field(default=())  # input_kl of each picture

    @property
    def mean(self) -> float:
        """Of the votes."""
        return float(np.mean(self.votes)) if self.votes else 0.0

    @property
    def errors(self) -> float:
        """The mean in its standard errors."""
        if len(self.votes) < 2:
            return 0.0
        spread = max(float(np.std(self.votes, ddof=1)), VOTE_SPREAD)
        return self.mean / spread * float(np.sqrt(len(self.votes)))

    @property
    def wants_more(self) -> bool:
        """Whether another picture may change what is said."""
        asked = len(self.votes)
        clear = asked >= ENOUGH_VOTES and abs(self.errors) >= CLEAR_ERRORS
        return asked < MOST_VOTES and not (clear and self.sign)

    @property
    def sign(self) -> int:
        """1 where the other order is told, -1 where the present one is, 0 where neither is."""
        for sign in (1, -1):
            if self._says(sign) and self._is_known(sign):
                return sign
        return 0

    def _says(self, sign: int) -> bool:
        """Whether both kinds of evidence say so, or one clearly and the other not the contrary."""
        if len(self.votes) < FEWEST_VOTES:
            return False
        mean, errors = sign * self.mean, sign * self.errors
        clear = mean >= SET_VOTES and errors >= SET_VOTES_ERRORS
        if self.layer is None:
            return clear
        layer = sign * self.layer
        if layer < -SET_LAYER or errors < -1:  # they contradict each other
            return False
        return clear or layer >= SET_LAYER_ALONE or (layer >= SET_LAYER and errors >= 1)

    def _is_known(self, sign: int) -> bool:
        """Whether the network knows these pictures in that order: of others no order is right."""
        named, other = self._at(self.confidence, sign)
        if named < KNOWN_CONFIDENCE:
            return False
        nats = self.nats
        if nats is None and self.likeness:
            nats = tuple(np.median(self.likeness, axis=0).tolist())
        if nats is None:
            return True
        named, other = self._at(nats, sign)
        return named <= JUST_LIKE_NATS or (named <= ORDER_LIKE_NATS and named <= other)

    @staticmethod
    def _at(pair: Sequence[float], sign: int) -> tuple[float, float]:
        now, other = pair
        return (other, now) if sign > 0 else (now, other)


def vote(measured: Measurements, base: Mapping[str, Any], other: Mapping[str, Any]) -> float | None:
    """What one picture says for the other order; None where it is too dark, bright or flat.

    Args:
        measured: of the picture.
        base: changes of the settings for the present order.
        other: the same for the other one, `color` included.

    Raises:
        InspectionError: the picture cannot be run in one of the orders.
        BudgetSpent: the network was run too often.
    """
    flat = measured.picture.is_flat and not measured.batchnorm.can_be_asked
    if measured.picture.is_unusual or flat:
        return None
    found = preference(measured, base, other)
    # What the weights alone say is no more for many pictures than for one.
    return float(np.clip(found.votes - found.stem, -VOTE_MOST, VOTE_MOST))
