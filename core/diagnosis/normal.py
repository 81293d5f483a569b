"""How was the input normalized in training: hypotheses, ranked by what BatchNorm remembers.

It asks which of the known conventions is the most familiar to the network, and where BatchNorm does
not say, which of them makes the mask agree with itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from core.diagnosis.bias import agreement_without
from core.diagnosis.evidence import Facts
from core.diagnosis.familiar import ALL
from core.diagnosis.gauge import Gauge
from core.diagnosis.memory import Memory
from core.diagnosis.order import VOTES, is_judged, preference
from core.diagnosis.ordinary import ordinary_picture
from core.diagnosis.solve import solve
from core.errors import InspectionError
from core.image import Image
from core.preprocess import preprocess
from core.presets import IMAGENET_MEAN, IMAGENET_STD, PRESETS, convention_name
from core.settings import Preprocessing, change, flatten

TYPICAL_MEAN, MEAN_SPREAD = 0.45, 0.03  # of pixels from 0 to 1: mean, variance of means
TYPICAL_STD, SPREAD = 0.24, 0.16  # std, variance of its logarithm
OWN = "numbers of its own"
ONCE = "these numbers, applied once"
LARGEST_TWICE = 0.2  # std of a usual convention applied twice
KNOWN = 1.2  # oddness from which on no known convention fits
PLAIN_FIRST = 0.1  # nats by which they must be better than a known convention
CLEAR = 4.0  # difference of oddness that is no chance
PLAIN_SIZE: dict[str, Any] = {"resize": "none", "depth": "8", "dtype": "float32"}
STRANGE = 2.5  # nats, of an ordinary picture; healthy networks have less than 1
GOOD, CLOSE = 0.25, 0.1  # nats: below it an input is familiar, or just like the training's
AS_GOOD = 2.0  # factor within which an input is as familiar as the best
MARGIN = 3.0  # factor by which another family must be worse
ALIVE = 0.05  # nats of agreement: below it a mask says nothing
TIE = 1.05  # factor within which two conventions do equally well
HALF = 0.5  # share of the BatchNorms
RIVAL = 1.1  # factor by which it must beat a smaller change
THRESHOLDS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9)
RICHER, RICHER_LEAST = 2.5, 0.05  # factor and nats by which it must be better than what is fed now
TOLD_RICHER = 1.1  # the same factor where a ground truth says what is better
LARGE = 40.0  # logits: a lead of the winning class that networks do not show on what they know
SMALL = 256  # pixels of the shorter side, for what is only compared

Certainty = Literal["certain", "likely", "cannot tell"]
Ranking = tuple[tuple[str, float], ...]  # conventions with their nats

FAMILIES: dict[str, Mapping[str, Any]] = {
    **{n: PRESETS[n].changes for n in ("imagenet", "unit", "symmetric", "bytes", "espnet")},
    "mean only": {**PRESETS["unit"].changes, "mean": IMAGENET_MEAN},
    "bytes, mean only": {
        **PRESETS["bytes"].changes,
        "mean": tuple(255 * m for m in IMAGENET_MEAN),
    },
    "imagenet, /255 again": {
        **PRESETS["imagenet"].changes,
        "mean": IMAGENET_MEAN,
        "std": IMAGENET_STD,
        "divide_again": 255.0,
    },
}


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
    color: str = ""  # "" where the order cannot be told
    order_votes: float = 0.0  # for this order
    ranking: Ranking = field(default=())
    strange: bool = False  # even an ordinary picture is, so BatchNorm cannot be asked
    layers: tuple[float, ...] = ()  # nats at each of the first BatchNorms, as fed now
    layers_then: tuple[float, ...] = ()  # the same under the recovered convention


def recovered(facts: Facts) -> Recovered:
    """Rank the conventions: by BatchNorm near the input, else by agreement."""
    found = _recovered(facts)
    then = facts.layers(found.changes) if found.changes else ()
    color, votes = _order(facts, found)
    return replace(found, layers=facts.layers({}), layers_then=then, color=color, order_votes=votes)


def _order(facts: Facts, found: Recovered) -> tuple[str, float]:
    """The channel order under the recovered convention, and its votes; "" where they are few."""
    now = facts.settings.preprocessing.color
    if facts.network.in_channels == 1:
        return "gray", 0.0
    if found.certainty == "cannot tell" or facts.unusual or facts.head_is_random or now == "gray":
        return "", 0.0
    other = "bgr" if now == "rgb" else "rgb"
    as_now, as_other = (_in_order(found, color) for color in (now, other))
    fit = facts.strangeness(as_now)
    if fit is not None and fit > CLOSE:  # numbers that fit badly favor one of the orders
        return "", 0.0
    try:
        votes = preference(facts, as_now, as_other).votes
        color = now if votes < 0 else other
        judged = is_judged(facts, as_now if votes < 0 else as_other)
    except InspectionError:
        return "", 0.0
    return color if judged and abs(votes) > VOTES else "", abs(votes)


def _in_order(found: Recovered, color: str) -> dict[str, Any]:
    """The convention in this order; known numbers are those of red, green and blue."""
    changes = {**found.changes, "color": color}
    if found.family in FAMILIES and color == "bgr":
        changes |= {name: tuple(reversed(changes[name])) for name in ("mean", "std")}
    return changes


def _recovered(facts: Facts) -> Recovered:
    if facts.fresh_norms > HALF:
        return _unknown("BatchNorm remembers nothing: its statistics were never updated.", (), 0.0)
    colors = _colors(facts)
    fits: dict[str, float] = {}
    for name, changes in families(facts).items():
        each = [facts.strangeness({**changes, "color": color}) for color in colors]
        if heard := [kl for kl in each if kl is not None]:
            fits[name] = min(heard)
    current = facts.strangeness({})
    if not fits or current is None:
        return _by_agreement(facts)
    ranking = _ranked(facts, fits)
    if strangeness(facts, ranking[0][0]) > STRANGE:
        words = "BatchNorm's statistics do not belong together."
        return replace(_unknown(words, ranking, current), strange=True)
    if min(ranking[0][1], current) > GOOD:
        return _by_memory(facts, ranking, current)
    return _by_fit(facts, ranking, current)


def families(facts: Facts) -> dict[str, Mapping[str, Any]]:
    """The known conventions, what is fed if it is one applied twice, and numbers of its own.

    The last only where none of the known ones fits what is remembered.
    """
    if facts.memory is None:
        return FAMILIES
    named = {**FAMILIES, **_once(facts.settings.preprocessing)}
    known = min(oddness(facts.memory, changes) for changes in FAMILIES.values())
    if known < KNOWN:
        return named
    color = facts.settings.preprocessing.color
    guess = own_numbers(facts.case.image, facts.memory, color)
    return {**named, OWN: solved_numbers([facts.gauge] if facts.gauge else [], guess)}


def _once(now: Preprocessing) -> dict[str, Mapping[str, Any]]:
    """The numbers that give the present ones when they are applied twice."""
    if now.zscore or now.scale != "255" or max(now.std) > LARGEST_TWICE:
        return {}
    std = np.sqrt(now.std)
    mean = np.asarray(now.mean) / (1 + std)
    numbers = {"mean": mean, "std": std}
    once = {name: tuple(each.round(4).tolist()) for name, each in numbers.items()}
    return {ONCE: {**PRESETS["unit"].changes, **once}}


def _colors(facts: Facts) -> tuple[str, ...]:
    """The channel orders that the network can be fed."""
    return ("gray",) if facts.network.in_channels == 1 else ("rgb", "bgr")


def _ranked(facts: Facts, fits: Mapping[str, float]) -> Ranking:
    """The most familiar first; behind all others those that the checkpoint alone rules out."""
    known, memory = families(facts), facts.memory
    odd = {name: oddness(memory, known[name]) if memory else 0.0 for name in fits}
    most = min(odd.values()) + CLEAR
    # Numbers of its own are fitted to this picture, the others are not.
    later = {ONCE: PLAIN_FIRST, OWN: PLAIN_FIRST + GOOD * (fits.get(ONCE, GOOD) < GOOD)}

    def place(pair: tuple[str, float]) -> tuple[bool, float]:
        name, kl = pair
        return odd[name] > most, kl + later.get(name, 0.0)

    return tuple(sorted(fits.items(), key=place))


def solved_numbers(gauges: Sequence[Gauge], guess: Mapping[str, Any]) -> dict[str, Any]:
    """The guess made sharper by what the first BatchNorm remembers, as changes of the settings.

    Args:
        gauges: of pictures with samples of 0 to 255; [] leaves the guess as it is.
        guess: as `own_numbers` gives it.
    """
    if not gauges:
        return dict(guess)
    channels = gauges[0].means.shape[1] // 2
    first, second = (np.asarray(guess[name])[:channels] for name in ("mean", "std"))
    mean, std = (np.resize(part, 3) for part in solve(gauges, first, second))
    numbers = {"mean": tuple(map(float, mean.round(3))), "std": tuple(map(float, std.round(4)))}
    return {**guess, **numbers}


def own_numbers(image: Image, memory: Memory, color: str) -> dict[str, Any]:
    """Mean and std that would make a picture what the first BatchNorm remembers."""
    pixels = image.pixels.reshape(-1, 3) / 255
    if color == "bgr":
        pixels = pixels[:, ::-1]
    std = pixels.std(axis=0).clip(0.02) / memory.std
    mean = pixels.mean(axis=0) - std * np.resize(memory.mean, 3)
    numbers = {"mean": tuple(map(float, mean.round(3))), "std": tuple(map(float, std.round(4)))}
    return {**PRESETS["unit"].changes, **numbers}


def strangeness(facts: Facts, family: str) -> float:
    """How strange an ordinary picture is to all BatchNorms, fed as now or as this family, in nats.

    Statistics that belong together find it a little strange; others by orders of magnitude.
    """
    color = facts.settings.preprocessing.color
    feedings: list[Mapping[str, Any]] = [{}, {**families(facts)[family], "color": color}]
    if facts.memory is not None:
        own = own_numbers(ordinary_picture(), facts.memory, color)
        feedings.append({**own, "color": color})
    heard = []
    for changes in feedings:
        chosen = change(facts.settings, **changes, **PLAIN_SIZE).preprocessing
        ordinary = preprocess(ordinary_picture(), chosen)
        layers = facts.divergence(ordinary.tensor, ALL)
        heard.append(float(np.nan_to_num(np.median(layers), nan=np.inf)) if layers else 0.0)
    facts.forwards.count(len(feedings) * ordinary_picture().pixels[..., 0].size / facts.unit)
    return min(heard)


def _by_fit(facts: Facts, ranking: Ranking, current: float) -> Recovered:
    """The most familiar convention; certain where the checkpoint alone says the same."""
    (family, best), second = ranking[0], min(kl for _, kl in ranking[1:])
    reason = (
        f"Most familiar to the network is {convention_name(family)}: {best:.2g} nats; "
        f"the next has {second:.2g}."
    )
    if facts.memory is not None and _standard(facts.memory) and family == "imagenet":
        reason += " The picture's own z-score would leave the same memory."
    fed = min(facts.strangeness({"color": color}) or current for color in _colors(facts))
    if fed <= min(AS_GOOD * best, max(best, GOOD)):  # the ranking is of the better order too
        return Recovered("likely", reason, "", {}, 1.0, current, current, ranking=ranking)
    if facts.memory is not None:
        as_odd = oddness(facts.memory, families(facts)[family])
        if oddness(facts.memory, flatten(facts.settings)) < as_odd + 1:
            return _unknown("The checkpoint alone finds nothing odd.", ranking, current)
    changes = {**families(facts)[family], "color": facts.settings.preprocessing.color}
    agreed = second >= best and family in _remembered(facts)[:1]
    clear = second >= MARGIN * max(best, 0.02) or agreed
    margin = second / max(best, 1e-6)
    return Recovered(
        "certain" if clear else "likely",
        reason,
        family,
        changes,
        margin,
        best,
        current,
        ranking=ranking,
    )


def _standard(memory: Memory) -> bool:
    """Whether mean and std are about 0 and 1, as ImageNet's numbers and z-scores leave them."""
    return max(map(abs, memory.mean)) < 0.15 and abs(np.log(memory.std)) < 0.25


def from_memory(facts: Facts, ranking: Mapping[str, float]) -> Recovered | None:
    """What the checkpoint alone remembers; None where it remembers nothing.

    Args:
        facts: of the case.
        ranking: nats by family, where the picture was asked too.
    """
    if facts.memory is None:
        return None
    families = {n: c for n, c in FAMILIES.items() if n in ranking or not ranking}
    odd = {name: oddness(facts.memory, changes) for name, changes in families.items()}
    now = oddness(facts.memory, flatten(facts.settings))
    (family, best), (_, second) = sorted(odd.items(), key=lambda pair: pair[1])[:2]
    mean = ", ".join(f"{value:.2g}" for value in facts.memory.mean)
    reason = (
        f"The first BatchNorm remembers an input of mean {mean} and std {facts.memory.std:.3g}: "
        f"that is {convention_name(family)}."
    )
    order = tuple(ranking.items())
    if now < best + CLEAR or best > CLEAR:
        return _unknown("The checkpoint alone finds nothing odd.", order, 0.0)
    changes = {**families[family], "color": facts.settings.preprocessing.color}
    margin = second / max(best, 0.1)
    return Recovered("likely", reason, family, changes, margin, 0, 0, ranking=order)


def _by_memory(facts: Facts, ranking: Ranking, current: float) -> Recovered:
    """Where this picture is unlike those of the training: what the checkpoint alone remembers."""
    known = from_memory(facts, dict(ranking))
    if known is None:
        return _by_agreement(facts, ranking, current)
    return replace(known, current=current)


def _remembered(facts: Facts) -> tuple[str, ...]:
    """Conventions by how well they fit what the checkpoint alone remembers, the best first."""
    if facts.memory is None:
        return ()
    memory = facts.memory
    return tuple(sorted(FAMILIES, key=lambda name: oddness(memory, FAMILIES[name])))


def oddness(memory: Memory, changes: Mapping[str, Any]) -> float:
    """How odd the training's pictures would be, had they been fed like this; 0 is a typical one."""
    if changes.get("zscore"):
        std = memory.std * changes["divide_again"]
        return float(np.mean(np.square(memory.mean)) + np.log(std) ** 2 / SPREAD)
    divisor = 255.0 if changes["scale"] == "max" else float(changes["scale"])
    channels = len(memory.mean)
    std = np.asarray(changes["std"])[:channels] * changes["divide_again"] * divisor / 255
    mean = np.asarray(changes["mean"])[:channels] * divisor / 255 + std * np.asarray(memory.mean)
    width = np.log(np.maximum(std * memory.std, 1e-9) / TYPICAL_STD)
    return float(np.mean((mean - TYPICAL_MEAN) ** 2) / MEAN_SPREAD + np.mean(width**2) / SPREAD)


def _by_agreement(facts: Facts, ranking: Ranking = (), current: float = 0.0) -> Recovered:
    """Which convention makes a mask that agrees with itself, with logits of a usual size."""
    if facts.unusual or facts.head_is_random:
        return _unknown("The picture is too dark, bright or flat to compare masks.", (), current)
    color, base = facts.settings.preprocessing.color, facts.mended
    small = reduced(facts)
    try:
        changes = {n: {**base, **c, **small, "color": color} for n, c in FAMILIES.items()}
        usual = {n: c for n, c in changes.items() if facts.decision(c) < LARGE}
        rich = {n: _richness(facts, c) for n, c in usual.items()}
        now, rival = _richness(facts, {**base, **small}), _rival(facts, small)
        absurd = facts.decision({**base, **small}) > LARGE
    except InspectionError:
        return _unknown("No convention can be run.", ranking, current)
    if len(rich) < 2:
        return _unknown("Under no convention the logits are of a usual size.", ranking, current)
    (family, best), (other, second) = sorted(rich.items(), key=lambda pair: -pair[1])[:2]
    first, next_ = map(convention_name, (family, other))
    words = f"{best:.2f} nats under {first}, {second:.2f} under {next_}, {now:.2f} now"
    if now >= max(best / TIE, ALIVE) and not absurd:
        reason = f"No convention makes a mask that agrees better with itself than it does: {words}."
        return Recovered("likely", reason, "", {}, now / max(best, 1e-6), 0, 0, ranking=ranking)
    if facts.flat and not absurd and not facts.has_shapes:
        return _unknown(
            "The picture is too flat: more contrast is always richer.", ranking, current
        )
    richer = TOLD_RICHER if facts.has_shapes and not facts.flat else RICHER
    needed = ALIVE if absurd else max(ALIVE, richer * now + RICHER_LEAST, RIVAL * rival)
    if best < needed:
        return _unknown(f"No convention stands out: {words}.", ranking, current)
    then, margin = {**FAMILIES[family], "color": color}, best / max(second, 1e-6)
    if margin < TIE:
        reason = f"Two conventions do equally well, and better than what is fed: {words}."
        return Recovered("cannot tell", reason, family, then, margin, 0, current, ranking=ranking)
    reason = f"The mask agrees with itself best under {first}: {words}."
    return Recovered("likely", reason, family, then, margin, 0, current, ranking=ranking)


def _richness(facts: Facts, changes: Mapping[str, Any]) -> float:
    """How good the mask is, in nats; without a ground truth it must also be steady."""
    good = facts.goodness(changes)
    if facts.case.truth is not None or good < ALIVE:
        return good
    return facts.steady_agreement(changes)


def reduced(facts: Facts) -> dict[str, Any]:
    """Settings for a smaller size where the picture is large."""
    if min(facts.tensor.tensor.shape[2:]) <= 1.5 * SMALL:
        return {}
    return {"resize": "shorter", "side": SMALL}


def _rival(facts: Facts, small: Mapping[str, Any]) -> float:
    """What a smaller change would bring: of the threshold, the statistics, the bias."""
    changes: list[Mapping[str, Any]] = [{"mode": "train"}] if facts.num_norms else []
    if facts.rule[0] != "argmax":
        changes += [{"threshold": value} for value in THRESHOLDS]
    tried = [_richness(facts, {**facts.mended, **small, **each}) for each in changes]
    return max([*tried, agreement_without(facts)])


def _unknown(reason: str, ranking: Ranking, current: float) -> Recovered:
    return Recovered("cannot tell", reason, "", {}, 1.0, current, current, ranking=ranking)
