"""Which convention a training followed, over a set: known ones, z-scores, or numbers of its own.

All is arithmetic on the pool of the first layer: no hypothesis costs a forward. A family is named
where its numbers lie in the interval that the set shows; where none does, the numbers are told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np

from core.diagnosis.many.numbers import SetNumbers, solve_set
from core.diagnosis.many.pool import Pool
from core.diagnosis.normalization.conventions import FIXED, OWN, ZSCORE
from core.diagnosis.normalization.memory import Memory
from core.diagnosis.normalization.naming import affine
from core.diagnosis.normalization.recovered import Ranking
from core.diagnosis.thresholds import (
    AS_LIKE_TRAINING,
    CLEARLY_NEXT,
    JUST_LIKE_NATS,
    LARGEST_BYTE,
    ONE_PICTURE_NATS,
)
from core.presets import PRESETS
from core.settings import Preprocessing


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """A known convention, in one order of its numbers."""

    name: str
    changes: Mapping[str, Any]  # of the settings, the channel order left out
    mean: np.ndarray  # Float64[c], pixels from 0 to 1
    std: np.ndarray  # Float64[c]


@dataclass(frozen=True, eq=False)
class Family:
    """What a set shows of the normalization in one channel order."""

    color: str
    name: str  # of the convention that holds; OWN for numbers of its own; "" for none
    near: str  # the known convention that fits best, whether its numbers hold or not
    changes: Mapping[str, Any]  # the convention as changes of the settings, `color` included
    nats: float  # of it
    fed: float  # nats of what the user feeds
    numbers: SetNumbers
    loss: float  # of these numbers, see `Fit`: the other channel order has another one
    ranking: Ranking  # known conventions with their nats, the best first

    @property
    def next(self) -> float:
        """Nats of the best known convention of another name."""
        return next((nats for name, nats in self.ranking if name not in (self.name, self.near)), 0)


def family_of(blocks: Sequence[Pool], memory: Memory, color: str) -> Family:
    """What the pictures show, fed in this channel order.

    Args:
        blocks: of the set, in this order.
        memory: of the checkpoint.
        color: "rgb", "bgr" or "gray".
    """
    pool, numbers = reduce(Pool.__add__, blocks), solve_set(blocks, memory, LARGEST_BYTE)
    own = pool.of_numbers(numbers.mean, numbers.std, LARGEST_BYTE)
    zscore = pool.of_zscores().nats
    fits = [(each, pool.of_numbers(each.mean, each.std, LARGEST_BYTE).nats) for each in known(pool)]
    nearest, nats = min(fits, key=lambda pair: pair[1])
    ranking = _ranking(fits, zscore)
    fed = pool.of_feeding().nats
    found = Family(color, "", nearest.name, {}, nats, fed, numbers, own.loss, ranking)
    least = ONE_PICTURE_NATS / pool.count
    most = CLEARLY_NEXT * max(own.nats, least)
    within = [(h, n) for h, n in fits if numbers.holds(h.mean, h.std) and n <= most]
    if _is_zscore(zscore, own.nats, nats, least):
        changes = {**PRESETS[ZSCORE].changes, "color": color}
        return replace(found, name=ZSCORE, near=ZSCORE, changes=changes, nats=zscore)
    if within:
        held, its_nats = min(within, key=lambda pair: pair[1])
        changes = {**held.changes, "color": color}
        return replace(found, name=held.name, near=held.name, changes=changes, nats=its_nats)
    if own.nats > JUST_LIKE_NATS:
        return found
    return replace(
        found, name=OWN, changes=numbers_as_changes(numbers, nearest, color), nats=own.nats
    )


def _is_zscore(zscore: float, own: float, known: float, least: float) -> bool:
    """Whether z-scores fit as well as what is solved, and known numbers do not nearly so."""
    seen = max(zscore, least)
    return seen <= AS_LIKE_TRAINING * max(own, least) and known >= CLEARLY_NEXT * seen


def _ranking(fits: Sequence[tuple[Hypothesis, float]], zscore: float) -> Ranking:
    best = {ZSCORE: zscore}
    for each, nats in fits:
        best[each.name] = min(nats, best.get(each.name, np.inf))
    return tuple(sorted(best.items(), key=lambda pair: pair[1]))


def known(pool: Pool) -> list[Hypothesis]:
    """The known conventions, each with its numbers in both orders where that makes a difference."""
    named = {**FIXED, "clip": PRESETS["clip"].changes, "caffe": PRESETS["caffe"].changes}
    tried = []
    for name, changes in named.items():
        plain = {key: value for key, value in changes.items() if key != "color"}
        turned = {key: tuple(reversed(plain[key])) for key in ("mean", "std")}
        tried.append(_hypothesis(name, plain, pool.channels))
        if {**plain, **turned} != plain and pool.channels > 1:
            tried.append(_hypothesis(name, {**plain, **turned}, pool.channels))
    return tried


def _hypothesis(name: str, changes: dict[str, Any], channels: int) -> Hypothesis:
    mean, std = affine(replace(Preprocessing(), **changes))
    return Hypothesis(name, changes, mean[:channels], std[:channels])


def numbers_as_changes(numbers: SetNumbers, like: Hypothesis, color: str) -> dict[str, Any]:
    """The solved numbers, with the divisions of the known convention that they are nearest to."""
    divisor, again = float(like.changes["scale"]), float(like.changes["divide_again"])
    mean = np.resize(numbers.mean, 3) * LARGEST_BYTE / divisor
    std = np.resize(numbers.std, 3) * LARGEST_BYTE / divisor / again
    return {
        **like.changes,
        "mean": tuple(map(float, mean.round(3))),
        "std": tuple(float(f"{value:.4g}") for value in std),
        "color": color,
    }
