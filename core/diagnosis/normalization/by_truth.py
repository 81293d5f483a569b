"""A ground truth decides between conventions: it outranks what BatchNorm or a mirror suggests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from core.diagnosis.measure.measurements import Measurements
from core.diagnosis.normalization.agreement import reduced, smaller_change, without_close_zscore
from core.diagnosis.normalization.conventions import CONVENTIONS, OWN, hypotheses, stored_numbers
from core.diagnosis.normalization.recovered import Recovered
from core.diagnosis.thresholds import (
    BEATS_RIVAL,
    EXPOSED_GAIN,
    FAIR_IOU,
    JUST_LIKE_NATS,
    LIKE_TRAINING_NATS,
    TIE,
    TRUTH_GAIN,
    WORSE_FED,
)
from core.errors import InspectionError
from core.presets import convention_name


def by_truth(measured: Measurements, fixes: Mapping[str, Any], found: Recovered) -> Recovered:
    """What was found, unless the mask of another convention is clearly nearer the ground truth.

    Args:
        measured: of a case.
        fixes: what the findings so far would change.
        found: by BatchNorm or by agreement.

    Raises:
        InspectionError: the network cannot be run under the user's settings.
        BudgetSpent: the search has run the network too often.
    """
    if not measured.truth.has_shapes or measured.truth.matches(fixes):
        return found
    nearest = _clearly_nearest(found)
    odd = (measured.picture.is_unusual or measured.picture.is_flat) and not nearest
    # A threshold may be the cause instead; light and contrast help odd pictures in any case.
    alive = measured.mask.is_alive(fixes)
    doubted = odd and alive and not found.changes
    if not found.changes and measured.rule[0] != "argmax":
        return found
    base = {**fixes, **reduced(measured)}
    color = {"color": measured.settings.preprocessing.color}
    tries = {name: {**changes, **color} for name, changes in _tries(measured, found).items()}
    scores = without_close_zscore(_scores(measured, base, tries), by_truth=True)
    if len(scores) < 2:
        return found
    (family, best), (other, second) = sorted(scores.items(), key=lambda pair: -pair[1])[:2]
    now = measured.truth.mask_score(base)
    before = scores.get(found.family, now) if found.changes else TRUTH_GAIN * now / BEATS_RIVAL
    if family == found.family or best <= max(BEATS_RIVAL * before, BEATS_RIVAL * now):
        return found
    iou = measured.truth.iou({**base, **tries[family]}) or 0.0
    if iou < FAIR_IOU:
        return found
    by_light = EXPOSED_GAIN * measured.truth.iou_well_exposed(base) > iou if doubted else False
    if doubted and (by_light or family not in CONVENTIONS):
        return found  # as usually exposed it is right as it is fed; numbers of its own undo light
    # A picture's own statistics undo a wrong normalization too, so they are no rival to both.
    if family != nearest and best <= BEATS_RIVAL * smaller_change(measured, fixes, base):
        return found
    words = (
        f"The ground truth decides: the mIoU is {iou:.2f} under {convention_name(family)}, and "
        f"{measured.truth.iou(base) or 0.0:.2f} as it is fed; the mask score is {best:.2f} nats, "
        f"{second:.2f} under {convention_name(other)}, {now:.2f} now."
    )
    margin = best / max(second, 1e-6)
    known = replace(found, reason=words, changes=tries[family], margin=margin, solved=None)
    tied = known.margin < TIE
    return replace(
        known,
        certainty="cannot tell" if tied else "likely",
        family=family,
        kl=0.0,
        also=other if tied else "",
    )


def _clearly_nearest(found: Recovered) -> str:
    """The convention that makes a picture just like training that is not as it is fed, or ""."""
    # Numbers of its own were fitted to this very picture, so they are left out.
    known = [pair for pair in found.ranking if pair[0] in CONVENTIONS]
    family, least = min(known, key=lambda pair: pair[1], default=("", LIKE_TRAINING_NATS))
    other = found.current > max(LIKE_TRAINING_NATS, WORSE_FED * least)
    return family if other and least <= JUST_LIKE_NATS else ""


def _tries(measured: Measurements, found: Recovered) -> dict[str, Mapping[str, Any]]:
    """Every known convention, what was found, and the numbers that BatchNorm has stored."""
    tries = hypotheses(measured.settings.preprocessing)
    if (numbers := stored_numbers(measured)) is not None:
        tries[OWN] = numbers
    return {**tries, found.family: found.changes} if found.changes else tries


def _scores(
    measured: Measurements, base: Mapping[str, Any], tries: Mapping[str, Mapping[str, Any]]
) -> dict[str, float]:
    """Nats of the mask score; without those that cannot be run."""
    scores = {}
    for name, changes in tries.items():
        try:
            scores[name] = measured.truth.mask_score({**base, **changes})
        except InspectionError as error:
            measured.failures.add(f"the convention {name}", error)
    return scores
