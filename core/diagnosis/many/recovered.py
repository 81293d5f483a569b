"""The convention of the training as a set tells it: from the first layer, or from many answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from core.diagnosis.many.family import Family
from core.diagnosis.many.light import is_exposure
from core.diagnosis.normalization.conventions import FIXED, OWN, ZSCORE, memory_distance
from core.diagnosis.normalization.memory import Memory
from core.diagnosis.normalization.naming import affine
from core.diagnosis.normalization.recovered import Certainty, Recovered, Solved, cannot_tell
from core.diagnosis.thresholds import (
    AGREEING_SHARE,
    AS_LIKE_TRAINING,
    CLEARLY_NEXT,
    ENOUGH_ZSCORES,
    JUST_LIKE_NATS,
    NO_KNOWN_DISTANCE,
    ONE_PICTURE_NATS,
    SAME_NUMBERS,
    WORSE_FED,
)
from core.presets import convention_name
from core.settings import Settings, change, flatten


def from_layer(
    families: Mapping[str, Family], memory: Memory, settings: Settings, color: str
) -> tuple[Recovered, bool]:
    """What the first layer shows, and whether another light explains it as well.

    Args:
        families: by channel order; that which is fed is the first.
        memory: of the checkpoint.
        settings: of the user.
        color: the channel order for which it is told.
    """
    found = families[color]
    count = found.numbers.count
    best = min(families.values(), key=lambda family: family.nats)
    fed = min(family.fed for family in families.values())
    least = max(best.nats, ONE_PICTURE_NATS / count)
    reason = _reason(found, count)
    fits = fed <= JUST_LIKE_NATS or fed <= AS_LIKE_TRAINING * least
    alike = _holds(families, settings) or fed <= WORSE_FED * least
    if fits and (alike or _is_reversed(found, settings)):
        return Recovered("likely", reason, "", {}, 1.0, fed, fed, ranking=found.ranking), False
    if not found.name:
        return cannot_tell("No mean and std fit the first BatchNorm.", found.ranking, fed), False
    if _is_light(found, memory, settings):
        words = "The pictures are lit otherwise than those of the training."
        return cannot_tell(words, found.ranking, fed), True
    margin = found.next / max(found.nats, ONE_PICTURE_NATS / count)
    sure: Certainty = "certain" if margin >= CLEARLY_NEXT else "likely"
    changes = {**found.changes, "color": color}
    known = found.name if found.name != OWN else found.near
    answer = Recovered(sure, reason, known, changes, margin, found.nats, fed, ranking=found.ranking)
    return _with_numbers(answer, found), False


def _holds(families: Mapping[str, Family], settings: Settings) -> bool:
    """Whether what is fed lies in the intervals that are solved."""
    chosen = settings.preprocessing
    if chosen.zscore:
        return any(family.name == ZSCORE for family in families.values())
    mean, std = affine(chosen)
    return any(
        family.numbers.holds(mean[: len(family.numbers.mean)], std[: len(family.numbers.std)])
        for family in families.values()
    )


def _is_reversed(found: Family, settings: Settings) -> bool:
    """Whether the convention is the one that is fed, its numbers read backwards: no other one."""
    if not found.changes or found.changes["zscore"] or settings.preprocessing.zscore:
        return False
    told = affine(change(settings, **found.changes).preprocessing)
    backwards = [part[::-1] for part in affine(settings.preprocessing)]
    return np.allclose(told, backwards, rtol=0, atol=SAME_NUMBERS)


def _is_light(found: Family, memory: Memory, settings: Settings) -> bool:
    """Whether what is fed is a usual convention for this checkpoint, and only the light differs."""
    chosen = settings.preprocessing
    if chosen.zscore or chosen.scale == "max" or found.name not in (OWN, ZSCORE):
        return False
    if found.name == ZSCORE and found.numbers.count >= ENOUGH_ZSCORES:
        return False  # a set of fixed numbers has its pictures' light in it, and z-scores have not
    usual = memory_distance(memory, flatten(settings)) < NO_KNOWN_DISTANCE
    return usual and is_exposure(found, chosen)


def _reason(found: Family, count: int) -> str:
    name = convention_name(found.name) if found.name != OWN else "mean and std solved from them"
    first = f"Over {count} pictures the first BatchNorm is nearest to training with {name}"
    return f"{first}: {found.nats:.2g} nats; with the next convention {found.next:.2g}."


def _with_numbers(answer: Recovered, found: Family) -> Recovered:
    """The answer with the solved numbers beside it; z-scores have none."""
    return answer if found.name == ZSCORE else replace(answer, solved=solved_of(found))


def solved_of(found: Family) -> Solved:
    """The numbers of a set as they are told."""
    numbers = found.numbers
    return Solved(
        tuple(map(float, numbers.mean)),
        tuple(map(float, numbers.std)),
        round(numbers.mean_within, 3),
        round(float(np.exp(numbers.log_std_within)), 2),
        found.name != OWN,
    )


def from_answers(answers: Sequence[Recovered]) -> Recovered:
    """What most pictures say, asked one by one: where no first layer is there to be pooled.

    Args:
        answers: of each picture.
    """
    telling = [each for each in answers if each.certainty != "cannot tell"]
    if not telling or len(telling) < AGREEING_SHARE * len(answers):
        words = f"{len(telling)} of {len(answers)} pictures tell a convention."
        return cannot_tell(words, (), 0.0)
    family, count = Counter(each.family for each in telling).most_common(1)[0]
    same = [each for each in telling if each.family == family]
    share = f"{count} of {len(answers)} pictures say the same, each asked alone"
    first = same[len(same) // 2]
    if count < AGREEING_SHARE * len(telling):
        return cannot_tell(f"The pictures contradict each other: only {share}.", (), 0.0)
    name = convention_name(family) if family in FIXED or family else "what is fed"
    reason = f"{share}: {name}. {first.reason}"
    kl, current = (np.median([getattr(each, key) for each in same]) for key in ("kl", "current"))
    return Recovered(
        "likely", reason, family, first.changes, first.margin, float(kl), float(current)
    )
