"""What was recovered of the training's normalization."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Certainty = Literal["certain", "likely", "cannot tell"]
Ranking = tuple[tuple[str, float], ...]  # conventions with their nats


@dataclass(frozen=True)
class Recovered:
    """The convention of the training, as far as the evidence goes."""

    certainty: Certainty
    reason: str
    family: str
    changes: Mapping[str, Any]  # {} where it is as it should be, or nothing is better
    margin: float  # factor by which the next family is worse
    kl: float  # nats of the best
    current: float  # nats of the user's own settings
    color: str = ""  # "" where the order cannot be determined
    order_votes: float = 0.0  # for this order
    ranking: Ranking = field(default=())
    also: str = ""  # another convention that does as well, so that neither is said alone
    contradictory: bool = False  # BatchNorm's running statistics, so that they show nothing
    layers: tuple[float, ...] = ()  # nats at each of the first BatchNorms, as fed now
    layers_then: tuple[float, ...] = ()  # the same under the recovered convention


def cannot_tell(reason: str, ranking: Ranking, current: float) -> Recovered:
    """Nothing was recovered; the reason says why."""
    return Recovered("cannot tell", reason, "", {}, 1.0, current, current, ranking=ranking)
