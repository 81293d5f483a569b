"""How was the input normalized in training: hypotheses, ranked by what BatchNorm remembers.

A thin stand-in: it asks which of the known conventions is the most familiar to the network, and
where BatchNorm does not say, which of them makes the mask agree with itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from core.diagnosis.evidence import Facts
from core.diagnosis.familiar import Listener
from core.errors import InspectionError
from core.preprocess import preprocess
from core.presets import IMAGENET_MEAN, IMAGENET_STD, PRESETS
from core.settings import change

GOOD = 0.25  # nats: below it an input is familiar
MARGIN = 3.0  # factor by which another family must be worse
ALIVE = 0.05  # nats of agreement: below it a mask says nothing
HALF = 0.5  # share of the BatchNorms
RIVAL = 1.1  # factor by which it must beat a smaller change
THRESHOLDS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9)
RICHER = 1.25  # factor of agreement by which a convention must lead where BatchNorm is silent

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

    certainty: str  # certain | likely | cannot tell
    reason: str
    family: str
    changes: Mapping[str, Any]  # {} where it cannot be told
    margin: float  # factor by which the next family is worse
    kl: float  # nats of the best
    current: float  # nats of the user's own settings
    color: str = ""  # "" where the order cannot be told
    order_margin: float = 1.0
    ranking: tuple[tuple[str, float], ...] = field(default=())


def recovered(facts: Facts) -> Recovered:
    """Rank the conventions: by BatchNorm near the input, else by agreement."""
    if facts.fresh_norms > HALF:
        return _unknown("BatchNorm remembers nothing: its statistics were never updated.", (), 0.0)
    listener = Listener(facts.network.module)
    colors = ("gray",) if facts.network.in_channels == 1 else ("rgb", "bgr")
    fits: dict[str, float] = {}
    for name, changes in FAMILIES.items():
        each = [_fit(facts, listener, {**changes, "color": color}) for color in colors]
        if heard := [kl for kl in each if kl is not None]:
            fits[name] = min(heard)
    current = _fit(facts, listener, {})
    if not fits or current is None:
        return _by_agreement(facts)
    ranking = tuple(sorted(fits.items(), key=lambda pair: pair[1]))
    (family, best), (_, second) = ranking[:2]
    if best > GOOD and current > GOOD:
        return _by_agreement(facts, ranking, current)
    reason = f"The network finds {family} familiar: {best:.2g} nats; the next has {second:.2g}."
    if current < best:
        return Recovered("likely", reason, "", {}, 1.0, current, current, ranking=ranking)
    sure = "certain" if second >= MARGIN * max(best, 0.02) else "likely"
    changes = {**FAMILIES[family], "color": facts.settings.preprocessing.color}
    return Recovered(
        sure, reason, family, changes, second / max(best, 1e-6), best, current, ranking=ranking
    )


def _fit(facts: Facts, listener: Listener, changes: Mapping[str, Any]) -> float | None:
    if not listener.hears:
        return None
    try:
        chosen = change(facts.settings, **{**changes, "dtype": "float32"})
        tensor = preprocess(facts.case.image, chosen.preprocessing)
    except InspectionError:
        return None
    facts.forwards += 0.1  # it ends at the fifth BatchNorm
    heard = listener.divergence(tensor.tensor)
    return median(heard) if heard else None


def _by_agreement(
    facts: Facts, ranking: tuple[tuple[str, float], ...] = (), current: float = 0.0
) -> Recovered:
    """Which convention makes the mask agree with itself, clearly more than the next."""
    color, base = facts.settings.preprocessing.color, facts.mended
    try:
        rich = {n: facts.goodness({**base, **c, "color": color}) for n, c in FAMILIES.items()}
        now, rival = facts.goodness(base), _rival(facts)
    except InspectionError:
        return _unknown("No convention can be run.", ranking, current)
    (family, best), (_, second) = sorted(rich.items(), key=lambda pair: -pair[1])[:2]
    words = f"{best:.2f} nats under {family}, {second:.2f} under the next, {now:.2f} now"
    if best < ALIVE or best < RICHER * max(second, now) or best < RIVAL * rival:
        return _unknown(f"No convention stands out: {words}.", ranking, current)
    changes = {**FAMILIES[family], "color": color}
    reason = f"The mask agrees with itself best under {family}: {words}."
    return Recovered(
        "likely", reason, family, changes, best / max(second, 1e-6), 0, current, ranking=ranking
    )


def _rival(facts: Facts) -> float:
    """What a smaller change than another normalization would bring: threshold or statistics."""
    changes: list[Mapping[str, Any]] = [{"mode": "train"}] if facts.num_norms else []
    if facts.rule[0] != "argmax":
        changes += [{"threshold": value} for value in THRESHOLDS]
    return max((facts.goodness({**facts.mended, **each}) for each in changes), default=0.0)


def _unknown(reason: str, ranking: tuple[tuple[str, float], ...], current: float) -> Recovered:
    return Recovered("cannot tell", reason, "", {}, 1.0, current, current, ranking=ranking)
