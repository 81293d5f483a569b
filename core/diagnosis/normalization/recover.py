"""How was the input normalized in training: hypotheses, ranked by BatchNorm's running statistics.

It asks which of the known conventions is the nearest to these statistics, and where
BatchNorm does not say, which of them makes the mask agree with itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from core.diagnosis.measure.measurements import Measurements
from core.diagnosis.measure.picture import lit
from core.diagnosis.measure.reference_picture import reference_picture
from core.diagnosis.normalization.agreement import by_agreement
from core.diagnosis.normalization.by_truth import by_truth
from core.diagnosis.normalization.channel_order import is_judged, needed_votes, preference
from core.diagnosis.normalization.conventions import (
    CONVENTIONS,
    DIVIDED,
    FIXED,
    ONCE,
    OWN,
    ZSCORE,
    candidates,
    memory_distance,
    memory_of,
    own_numbers,
)
from core.diagnosis.normalization.memory import Memory
from core.diagnosis.normalization.numbers import with_numbers
from core.diagnosis.normalization.recovered import Certainty, Ranking, Recovered, cannot_tell
from core.diagnosis.normalization.stated import with_statement
from core.diagnosis.normalization.ties import as_good, same_scale
from core.diagnosis.thresholds import (
    AS_LIKE_TRAINING,
    CLEAR_DISTANCE,
    CLEARLY_NEXT,
    CONTRADICTORY_NATS,
    FITTED_HANDICAP,
    JUST_LIKE_NATS,
    LEAST_DISTANCE,
    LEAST_NATS,
    LIKE_TRAINING_NATS,
    MORE_LIGHT,
    STANDARD_LOG_STD,
    STANDARD_MEAN,
    UNUSED_NORMS,
)
from core.errors import InspectionError
from core.presets import convention_name
from core.settings import flatten


def recover(
    measured: Measurements, fixes: Mapping[str, Any], *, masks_tell: bool = True
) -> Recovered:
    """Rank the conventions: by BatchNorm near the input, else by agreement.

    Args:
        measured: of the case.
        fixes: what the findings so far would change.
        masks_tell: False where it was found that masks mean nothing.

    Raises:
        InspectionError: the network cannot be run under the user's settings.
        BudgetSpent: the search has run the network too often.
    """
    found = _recovered(measured, fixes, masks_tell)
    found = with_numbers(measured, found)
    if masks_tell:
        found = by_truth(measured, fixes, found)
    found = with_statement(measured, found, fixes)
    layers = measured.batchnorm.input_kl_by_layer
    then = layers(found.changes) if found.changes else ()
    color, votes = _order(measured, found, masks_tell)
    return replace(found, layers=layers({}), layers_then=then, color=color, order_votes=votes)


def _order(measured: Measurements, found: Recovered, masks_tell: bool) -> tuple[str, float]:
    """The channel order under the recovered convention, and its votes; "" where they are few."""
    now = measured.settings.preprocessing.color
    if measured.network.in_channels == 1:
        return "gray", 0.0
    silent = found.certainty == "cannot tell" or measured.picture.is_unusual or not masks_tell
    if silent or now == "gray":
        return "", 0.0
    other = "bgr" if now == "rgb" else "rgb"
    as_now, as_other = (_in_order(found, color) for color in (now, other))
    fit = measured.batchnorm.input_kl(as_now)
    if fit is not None and fit > JUST_LIKE_NATS:  # numbers that fit badly favor one of the orders
        return "", 0.0
    try:
        votes = preference(measured, as_now, as_other).votes
        color = now if votes < 0 else other
        better, worse = (as_now, as_other) if votes < 0 else (as_other, as_now)
        judged = is_judged(measured, better, worse)
    except InspectionError as error:
        measured.failures.add("the order of the channels", error)
        return "", 0.0
    return color if judged and abs(votes) > needed_votes(measured) else "", abs(votes)


def _in_order(found: Recovered, color: str) -> dict[str, Any]:
    """The convention in this order; known numbers are those of red, green and blue."""
    changes = {**found.changes, "color": color}
    if found.family in CONVENTIONS and not found.has_other_numbers and color == "bgr":
        changes |= {name: tuple(reversed(changes[name])) for name in ("mean", "std")}
    return changes


def _recovered(measured: Measurements, fixes: Mapping[str, Any], masks_tell: bool) -> Recovered:
    if measured.batchnorm.never_updated_share > UNUSED_NORMS:
        return cannot_tell(
            "BatchNorm's running statistics were never updated, so they show nothing.", (), 0
        )
    memory = memory_of(measured)
    known = candidates(measured, memory)
    fits = _fits(measured, known)
    current = measured.batchnorm.input_kl({})
    if not fits or current is None:
        found = by_agreement(measured, fixes, masks_tell=masks_tell)
        why = f" {measured.network.silent_norm}." if measured.network.silent_norm else ""
        return replace(found, reason=f"{found.reason}{why}")
    ranking = _ranked(memory, known, fits)
    if _contradict(measured, memory, known[ranking[0][0]]):
        words = "BatchNorm's running statistics contradict each other."
        return replace(cannot_tell(words, ranking, current), contradictory=True)
    if min(ranking[0][1], current) <= LIKE_TRAINING_NATS:
        return _by_fit(measured, memory, known, ranking, current)
    from_checkpoint = from_memory(measured, memory, dict(ranking))
    if from_checkpoint is None:
        return by_agreement(measured, fixes, ranking, current, masks_tell=masks_tell)
    return replace(from_checkpoint, current=current)


def _fits(measured: Measurements, known: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Nats of each convention in the better channel order; {} where BatchNorm cannot be asked."""
    fits: dict[str, float] = {}
    for name, changes in known.items():
        each = [
            measured.batchnorm.input_kl({**changes, "color": color}) for color in _colors(measured)
        ]
        if found := [kl for kl in each if kl is not None]:
            fits[name] = min(found)
    return fits


def _colors(measured: Measurements) -> tuple[str, ...]:
    """The channel orders that the network can be fed."""
    return ("gray",) if measured.network.in_channels == 1 else ("rgb", "bgr")


def _ranked(
    memory: Memory | None, known: Mapping[str, Mapping[str, Any]], fits: Mapping[str, float]
) -> Ranking:
    """The nearest first; behind all others those that the checkpoint alone rules out."""
    distances = {name: memory_distance(memory, known[name]) if memory else 0.0 for name in fits}
    most = min(distances.values()) + CLEAR_DISTANCE
    slip = min(fits.get(ONCE, LIKE_TRAINING_NATS), fits.get(DIVIDED, LIKE_TRAINING_NATS))
    # Numbers of its own are fitted to this picture, the others are not. What the user's numbers are
    # without a slip is no guess: known ones that fit as well may be near them by chance.
    later = {
        ONCE: -LEAST_NATS,
        DIVIDED: -LEAST_NATS,
        OWN: FITTED_HANDICAP + LIKE_TRAINING_NATS * (slip < LIKE_TRAINING_NATS),
    }

    def place(pair: tuple[str, float]) -> tuple[bool, float]:
        name, kl = pair
        return distances[name] > most, kl + later.get(name, 0.0)

    return tuple(sorted(fits.items(), key=place))


def _contradict(
    measured: Measurements, memory: Memory | None, convention: Mapping[str, Any]
) -> bool:
    """Whether the reference picture and the user's are: as fed, as this convention, as the memory.

    Pictures of microscopes or at night are as unlike the reference as broken statistics are.
    """
    color = measured.settings.preprocessing.color
    feedings: list[Mapping[str, Any]] = [{}, {**convention, "color": color}]
    if memory is not None:
        own = own_numbers(reference_picture(), memory, color)
        feedings.append({**own, "color": color})
    if measured.batchnorm.reference_kl(feedings) <= CONTRADICTORY_NATS:
        return False
    return measured.batchnorm.picture_kl(measured.case.image, feedings) > CONTRADICTORY_NATS


def _by_fit(
    measured: Measurements,
    memory: Memory | None,
    known: Mapping[str, Mapping[str, Any]],
    ranking: Ranking,
    current: float,
) -> Recovered:
    """The nearest convention; certain where the checkpoint alone says the same."""
    (family, best), second = ranking[0], min(kl for _, kl in ranking[1:])
    reason = (
        f"The input is most like training with {convention_name(family)}: its KL divergence from "
        f"BatchNorm's running statistics is {best:.2g} nats; with the next convention {second:.2g}."
    )
    if memory is not None and _standard(memory) and family == "imagenet":
        reason += " A z-score of each picture would leave the same running statistics."
    fed = min(
        measured.batchnorm.input_kl({"color": color}) or current for color in _colors(measured)
    )
    if fed <= min(
        AS_LIKE_TRAINING * best, max(best, LIKE_TRAINING_NATS)
    ):  # the ranking is of the better order too
        return Recovered("likely", reason, "", {}, 1.0, current, current, ranking=ranking)
    if memory is not None and not _is_clear(measured, family, best, current):
        fitted = memory_distance(memory, known[family])
        if memory_distance(memory, flatten(measured.settings)) < fitted + 1:
            return cannot_tell("The checkpoint alone shows no mismatch.", ranking, current)
    if _is_light(measured, known[family], max(best, LEAST_NATS)):
        words = (
            "A brighter picture, fed as now, would be as like training: light explains this as "
            "well as another normalization does."
        )
        return cannot_tell(words, ranking, current)
    changes = {**known[family], "color": measured.settings.preprocessing.color}
    tied = as_good(memory, known, ranking)
    if not tied and family == "imagenet" and memory is not None and _standard(memory):
        tied = ZSCORE
    agreed = second >= best and family in _by_memory(memory)[:1]
    clear = second >= CLEARLY_NEXT * max(best, LEAST_NATS) or agreed
    margin = second / max(best, 1e-6)
    sure: Certainty = "certain" if clear and tied in ("", ZSCORE) else "likely"
    if tied and not same_scale(CONVENTIONS[family], CONVENTIONS[tied]):
        sure = "cannot tell"
    return Recovered(
        sure, reason, family, changes, margin, best, current, ranking=ranking, also=tied
    )


def _is_light(measured: Measurements, convention: Mapping[str, Any], best: float) -> bool:
    """Whether a brighter picture, fed as now, is as like training as this one under a convention.

    A mean that is subtracted looks like a picture that is darker than those of the training; what
    divides by another std looks like no light.
    """
    if not same_scale(flatten(measured.settings), convention):
        return False
    asked = measured.batchnorm.input_kl_of_picture
    found = (asked(lit(measured.case.image, gain)) for gain in MORE_LIGHT)
    return any(nats is not None and nats <= best for nats in found)


def _is_clear(measured: Measurements, family: str, best: float, current: float) -> bool:
    """Whether a usual picture is just like training as this convention, and clearly not as fed.

    The checkpoint alone takes pictures for typical photographs; a microscope's are brighter.
    """
    odd = measured.picture.is_unusual or measured.picture.is_flat
    clear = best <= JUST_LIKE_NATS and current >= CLEARLY_NEXT * max(best, LEAST_NATS)
    return family in FIXED and clear and not odd


def _standard(memory: Memory) -> bool:
    """Whether mean and std are about 0 and 1, as ImageNet's numbers and z-scores leave them."""
    return max(map(abs, memory.mean)) < STANDARD_MEAN and abs(np.log(memory.std)) < STANDARD_LOG_STD


def _by_memory(memory: Memory | None) -> tuple[str, ...]:
    """Conventions by their memory distance, the best first."""
    if memory is None:
        return ()
    return tuple(sorted(FIXED, key=lambda name: memory_distance(memory, FIXED[name])))


def from_memory(
    measured: Measurements, memory: Memory | None, ranking: Mapping[str, float]
) -> Recovered | None:
    """The convention that fits the checkpoint alone; None without a memory.

    Args:
        measured: of the case.
        memory: of its checkpoint.
        ranking: nats by family, where the picture was asked too.
    """
    if memory is None:
        return None
    families = {n: c for n, c in FIXED.items() if n in ranking or not ranking}
    distances = {name: memory_distance(memory, changes) for name, changes in families.items()}
    now = memory_distance(memory, flatten(measured.settings))
    (family, best), (_, second) = sorted(distances.items(), key=lambda pair: pair[1])[:2]
    mean = ", ".join(f"{value:.2g}" for value in memory.mean)
    reason = (
        f"The first BatchNorm's running statistics show an input of mean {mean} and std "
        f"{memory.std:.3g}: that is {convention_name(family)}."
    )
    order = tuple(ranking.items())
    if now < best + CLEAR_DISTANCE or best > CLEAR_DISTANCE:
        return cannot_tell("The checkpoint alone shows no mismatch.", order, 0.0)
    changes = {**families[family], "color": measured.settings.preprocessing.color}
    margin = second / max(best, LEAST_DISTANCE)
    return Recovered("likely", reason, family, changes, margin, 0, 0, ranking=order)
