"""Where BatchNorm does not say: which convention makes a mask that agrees with itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.diagnosis.measure.head_bias import agreement_without_bias
from core.diagnosis.measure.measurements import Measurements
from core.diagnosis.normalization.conventions import ZSCORE, hypotheses
from core.diagnosis.normalization.recovered import Ranking, Recovered, cannot_tell
from core.diagnosis.thresholds import (
    ABSURD_LEAD,
    ALIVE_NATS,
    BEATS_RIVAL,
    COMPARED_SIDE,
    RICHER,
    RICHER_BY_TRUTH,
    RICHER_NATS,
    TIE,
    TRIED_CUTS,
)
from core.errors import InspectionError
from core.presets import convention_name


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
    if not masks_tell or _is_too_odd(measured, fixes):
        return cannot_tell("The picture is too dark, bright or flat to compare masks.", (), current)
    color, base = measured.settings.preprocessing.color, fixes
    small = reduced(measured)
    known = hypotheses(measured.settings.preprocessing)
    changes = {n: {**base, **c, **small, "color": color} for n, c in known.items()}
    rich, failed = _tried(measured, changes)
    if failed:
        return cannot_tell(failed, ranking, current)
    now, rival = _richness(measured, {**base, **small}), smaller_change(measured, fixes, small)
    absurd = measured.mask.decision({**base, **small}) > ABSURD_LEAD
    if len(rich) < 2:
        return cannot_tell(
            "The logits are unusually large under every convention.", ranking, current
        )
    (family, best), (other, second) = sorted(rich.items(), key=lambda pair: -pair[1])[:2]
    first, next_ = map(convention_name, (family, other))
    words = f"{best:.2f} nats under {first}, {second:.2f} under {next_}, {now:.2f} now"
    if measured.settings.forwarding.flip != "none":
        words += ", all without flipped views"
    if now >= max(best / TIE, ALIVE_NATS) and not absurd:
        reason = f"No convention makes the mask agree better with its mirrored one: {words}."
        return Recovered("likely", reason, "", {}, now / max(best, 1e-6), 0, 0, ranking=ranking)
    flat, has_shapes = measured.picture.is_flat, measured.truth.has_shapes
    if flat and not absurd and not has_shapes:
        return cannot_tell(
            "The picture is too flat: more contrast always gives a richer mask.", ranking, current
        )
    richer = RICHER_BY_TRUTH if has_shapes and not flat else RICHER
    needed = (
        ALIVE_NATS if absurd else max(ALIVE_NATS, richer * now + RICHER_NATS, BEATS_RIVAL * rival)
    )
    if best < needed:
        return cannot_tell(f"No convention stands out: {words}.", ranking, current)
    then, margin = {**known[family], "color": color}, best / max(second, 1e-6)
    if margin < TIE:
        reason = f"Two conventions do equally well, and better than the one that is fed: {words}."
        return Recovered(
            "cannot tell", reason, family, then, margin, 0, current, ranking=ranking, also=other
        )
    reason = f"The mask agrees best with that of the mirrored picture under {first}: {words}."
    return Recovered("likely", reason, family, then, margin, 0, current, ranking=ranking)


def _is_too_odd(measured: Measurements, fixes: Mapping[str, Any]) -> bool:
    """Whether light explains the mask: not where it is dead and a ground truth can judge."""
    if not measured.picture.is_unusual:
        return False
    return not measured.truth.has_shapes or measured.mask.is_alive(fixes)


def without_close_zscore(scores: Mapping[str, float], *, by_truth: bool) -> dict[str, float]:
    """Scores by convention; a z-score only where it clearly beats all fixed numbers.

    It comes to about the same as the right numbers on most pictures, and more contrast makes a
    richer mask, so without a ground truth it is not named at all.
    """
    fixed = {name: score for name, score in scores.items() if name != ZSCORE}
    clear = by_truth and scores.get(ZSCORE, 0.0) > BEATS_RIVAL * max(fixed.values(), default=0.0)
    return dict(scores) if clear else fixed


def _tried(
    measured: Measurements, conventions: Mapping[str, Mapping[str, Any]]
) -> tuple[dict[str, float], str]:
    """How good the mask is under each, but for absurd logits; and what could not be run, in words.

    Where one of them did not happen, the best of the others is no evidence.
    """
    rich: dict[str, float] = {}
    errors: list[InspectionError] = []
    for name, changes in conventions.items():
        try:
            if measured.mask.decision(changes) < ABSURD_LEAD:
                rich[name] = _richness(measured, changes)
        except InspectionError as error:
            errors.append(error)
    rich = without_close_zscore(rich, by_truth=measured.truth.has_shapes)
    if not errors:
        return rich, ""
    what = f"{len(errors)} of {len(conventions)} conventions"
    measured.failures.add(what, errors[0])
    return rich, f"{what} could not be run: {errors[0].message}"


def _richness(measured: Measurements, changes: Mapping[str, Any]) -> float:
    """How good the mask is, in nats; without a ground truth it must also be steady."""
    good = measured.truth.mask_score(changes)
    if measured.case.truth is not None or good < ALIVE_NATS:
        return good
    return measured.mask.steady_agreement(changes)


def reduced(measured: Measurements) -> dict[str, Any]:
    """Settings for a smaller size that the network takes, where the picture is large."""
    height, width = measured.tensor.tensor.shape[2:]
    if min(height, width) <= 1.5 * COMPARED_SIDE:
        return {}
    longer = COMPARED_SIDE * max(height, width) // min(height, width)
    wanted = (longer, COMPARED_SIDE) if height > width else (COMPARED_SIDE, longer)
    rows, columns = measured.sizes.nearest(*wanted)
    if rows * columns >= height * width:
        return {}
    if (rows, columns) == wanted:
        return {"resize": "shorter", "side": COMPARED_SIDE}
    return {"resize": "fixed", "height": rows, "width": columns}


def smaller_change(
    measured: Measurements, fixes: Mapping[str, Any], small: Mapping[str, Any]
) -> float:
    """What a smaller change would bring: of the threshold, the statistics, the bias."""
    changes: list[Mapping[str, Any]] = [{"mode": "train"}] if measured.batchnorm.count else []
    if measured.rule[0] != "argmax":
        changes += [{"threshold": value} for value in TRIED_CUTS]
    tried = [_richness(measured, {**fixes, **small, **each}) for each in changes]
    return max([*tried, agreement_without_bias(measured, fixes)])
