"""Where BatchNorm does not say: which convention makes a mask that agrees with itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.diagnosis.measure.head_bias import agreement_without_bias
from core.diagnosis.measure.measurements import Measurements
from core.diagnosis.normalization.conventions import CONVENTIONS
from core.diagnosis.normalization.recovered import Ranking, Recovered, cannot_tell
from core.errors import InspectionError
from core.presets import convention_name

ALIVE = 0.05  # nats of agreement: below it a mask says nothing
TIE = 1.05  # factor within which two conventions do equally well
RIVAL = 1.1  # factor by which it must beat a smaller change
THRESHOLDS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9)
RICHER, RICHER_LEAST = 2.5, 0.05  # factor and nats by which it must be better than what is fed now
TOLD_RICHER = 1.1  # the same factor where a ground truth says what is better
LARGE = 40.0  # logits: a lead of the winning class that networks do not show on what they know
SMALL = 256  # pixels of the shorter side, for what is only compared


def by_agreement(
    measured: Measurements,
    fixes: Mapping[str, Any],
    ranking: Ranking = (),
    current: float = 0.0,
    *,
    masks_tell: bool,
) -> Recovered:
    """Which convention makes a mask that agrees with itself, with logits of a usual size.

    Args:
        measured: of the case.
        fixes: what the findings so far would change.
        ranking: by BatchNorm, where it was asked.
        current: nats of what is fed, where it was asked.
        masks_tell: False where it was found that masks mean nothing.
    """
    if measured.picture.is_unusual or not masks_tell:
        return cannot_tell("The picture is too dark, bright or flat to compare masks.", (), current)
    color, base = measured.settings.preprocessing.color, fixes
    small = reduced(measured)
    try:
        changes = {n: {**base, **c, **small, "color": color} for n, c in CONVENTIONS.items()}
        usual = {n: c for n, c in changes.items() if measured.mask.decision(c) < LARGE}
        rich = {n: _richness(measured, c) for n, c in usual.items()}
        now, rival = _richness(measured, {**base, **small}), _rival(measured, fixes, small)
        absurd = measured.mask.decision({**base, **small}) > LARGE
    except InspectionError:
        return cannot_tell("No convention can be run.", ranking, current)
    if len(rich) < 2:
        return cannot_tell("Under no convention the logits are of a usual size.", ranking, current)
    (family, best), (other, second) = sorted(rich.items(), key=lambda pair: -pair[1])[:2]
    first, next_ = map(convention_name, (family, other))
    words = f"{best:.2f} nats under {first}, {second:.2f} under {next_}, {now:.2f} now"
    if now >= max(best / TIE, ALIVE) and not absurd:
        reason = f"No convention makes a mask that agrees better with itself than it does: {words}."
        return Recovered("likely", reason, "", {}, now / max(best, 1e-6), 0, 0, ranking=ranking)
    flat, has_shapes = measured.picture.is_flat, measured.truth.has_shapes
    if flat and not absurd and not has_shapes:
        return cannot_tell(
            "The picture is too flat: more contrast is always richer.", ranking, current
        )
    richer = TOLD_RICHER if has_shapes and not flat else RICHER
    needed = ALIVE if absurd else max(ALIVE, richer * now + RICHER_LEAST, RIVAL * rival)
    if best < needed:
        return cannot_tell(f"No convention stands out: {words}.", ranking, current)
    then, margin = {**CONVENTIONS[family], "color": color}, best / max(second, 1e-6)
    if margin < TIE:
        reason = f"Two conventions do equally well, and better than what is fed: {words}."
        return Recovered("cannot tell", reason, family, then, margin, 0, current, ranking=ranking)
    reason = f"The mask agrees with itself best under {first}: {words}."
    return Recovered("likely", reason, family, then, margin, 0, current, ranking=ranking)


def _richness(measured: Measurements, changes: Mapping[str, Any]) -> float:
    """How good the mask is, in nats; without a ground truth it must also be steady."""
    good = measured.truth.mask_score(changes)
    if measured.case.truth is not None or good < ALIVE:
        return good
    return measured.mask.steady_agreement(changes)


def reduced(measured: Measurements) -> dict[str, Any]:
    """Settings for a smaller size where the picture is large."""
    if min(measured.tensor.tensor.shape[2:]) <= 1.5 * SMALL:
        return {}
    return {"resize": "shorter", "side": SMALL}


def _rival(measured: Measurements, fixes: Mapping[str, Any], small: Mapping[str, Any]) -> float:
    """What a smaller change would bring: of the threshold, the statistics, the bias."""
    changes: list[Mapping[str, Any]] = [{"mode": "train"}] if measured.batchnorm.count else []
    if measured.rule[0] != "argmax":
        changes += [{"threshold": value} for value in THRESHOLDS]
    tried = [_richness(measured, {**fixes, **small, **each}) for each in changes]
    return max([*tried, agreement_without_bias(measured, fixes)])
