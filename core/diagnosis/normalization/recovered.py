"""What was recovered of the training's normalization."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Certainty = Literal["certain", "likely", "cannot tell"]
Ranking = tuple[tuple[str, float], ...]  # conventions with their nats


@dataclass(frozen=True)
class Solved:
    """Mean and std as one picture shows them: a family is not its numbers."""

    mean: tuple[float, ...]  # by channel in the order fed, of pixels from 0 to 1
    std: tuple[float, ...]  # likewise
    mean_within: float  # pixels from 0 to 1, on either side
    std_factor: float  # within which std is, on either side
    known_within: bool  # whether the known numbers of the family lie in these intervals

    def to_dict(self) -> dict[str, Any]:
        """As it is printed."""
        return asdict(self)


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
    solved: Solved | None = None  # where the first BatchNorm shows the family's own numbers

    @property
    def has_other_numbers(self) -> bool:
        """Whether the numbers are others than those that the family is known for."""
        return self.solved is not None and not self.solved.known_within

    def to_dict(self) -> dict[str, Any]:
        """The answer without its ranking, as it is printed."""
        return {
            "certainty": self.certainty,
            "family": self.family,
            "also": self.also,
            "reason": self.reason,
            "changes": dict(self.changes),
            "solved": self.solved.to_dict() if self.solved else None,
            "color": self.color,
        }


def cannot_tell(reason: str, ranking: Ranking, current: float) -> Recovered:
    """Nothing was recovered; the reason says why."""
    return Recovered("cannot tell", reason, "", {}, 1.0, current, current, ranking=ranking)
