"""What forbids a calm word where no cause was found: a mask of one class, a truth that differs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from core.diagnosis.measure.failures import Failures
from core.diagnosis.measure.forwards import BudgetSpent
from core.diagnosis.measure.mask import main_share, mutual_information
from core.diagnosis.measure.measurements import Measurements
from core.diagnosis.normalization.naming import difference_in_words
from core.diagnosis.thresholds import (
    EMPTY_SHARE,
    EXPOSED_GAIN,
    FAIR_IOU,
    KEPT_SHARE,
    LARGEST_QUANTILE,
    ONE_CLASS_SHARE,
    TIE,
    UNSURE,
)
from core.errors import InspectionError
from core.inspection import Inspection
from core.labels import NO_CLASS
from core.settings import change, flatten
from core.verdict import LOW_MIOU, Verdict, class_name, judge

# What is tried on a mask, by the settings that change.
GROUPS = {
    "normalization": {"mean", "std", "scale", "divide_again", "zscore", "depth"},
    "channel order": {"color"},
    "size": {"resize", "height", "width", "side", "multiple", "pad_color", "interpolation"},
    "BatchNorm mode": {"mode"},
    "threshold": {"threshold", "rule", "activation"},
    "head": {"head"},
    "precision": {"dtype"},
}


@dataclass(frozen=True)
class Unexplained:
    """Why "no problem found" would say too much."""

    seen: str  # what is seen, as one sentence
    tried: str  # what was tried, and what that rules out
    decides: str  # the next piece of evidence

    def to_dict(self) -> dict[str, Any]:
        """The three texts by their names."""
        return asdict(self)


def unexplained(measured: Measurements) -> Unexplained | None:
    """What is left to explain where no fault was found; None for a mask that nothing contradicts.

    A network that cannot be run is no healthy one, and neither is a mask of one class, unless a
    ground truth says that it should be.
    """
    try:
        seen = measured.seen
    except InspectionError as error:
        return Unexplained(
            f"The network cannot be run with these settings: {error.message}",
            "So its mask was not examined.",
            error.remedy,
        )
    except BudgetSpent:
        return None
    display, truth = measured.settings.display, measured.case.truth
    if truth is not None and truth.ids.shape != seen.labels.ids.shape:
        truth = None
    verdict = judge(seen.labels, seen.class_names, truth, display.ignore_index)
    return next(_contradictions(measured, seen, verdict), None)


def with_failures(left: Unexplained | None, failures: Failures) -> Unexplained | None:
    """Tell also what could not be computed: where no fault was found, that is no calm either.

    Args:
        left: what the mask itself leaves to explain.
        failures: of the diagnosis.
    """
    words = " ".join(failed.words for failed in failures)
    if left is not None or not words:
        return left and replace(left, tried=f"{left.tried} {words}".strip())
    return Unexplained(
        f"Whether something is wrong cannot be told. {words}",
        "What could be computed shows no fault.",
        "What would decide: the rest, with settings under which it can be computed.",
    )


def _contradictions(
    measured: Measurements, seen: Inspection, verdict: Verdict
) -> Iterator[Unexplained]:
    """The gravest first: numbers that are none, then a mask that shows nothing, then its score."""
    if (broken := float((~np.isfinite(seen.logits.values)).mean())) > 0:
        yield _not_finite(measured, broken)
    by_truth = verdict.mean_iou
    right = by_truth is not None and by_truth >= LOW_MIOU and not verdict.missing
    if not right and _shows_nothing(measured, seen):
        yield _one_class(measured, seen)
    if measured.truth.counted is not None and not measured.truth.counted.any():
        ignored = measured.settings.display.ignore_index
        yield _apart(measured, f"No pixel of the ground truth counts: all are {ignored}, ignored")
    if by_truth is not None and by_truth < LOW_MIOU:
        yield _apart(measured, f"The mIoU against the ground truth is {by_truth:.2f}")
    if not right and (sure := _surest(seen)) < UNSURE:
        yield _unsure(measured, sure)
    if verdict.missing:
        class_id, share = max(verdict.missing.items(), key=lambda pair: pair[1])
        name = "ids that this network does not have"
        if class_id < seen.labels.num_classes:
            name = f"{class_name(class_id, seen.class_names)}, and the mask has none"
        yield _apart(measured, f"{share:.1%} of the ground truth are {name}")


def _shows_nothing(measured: Measurements, seen: Inspection) -> bool:
    """Whether all but a few pixels are of one class, and the few are no shapes.

    A small object is found in the mirrored picture too; chance is not.
    """
    ids = seen.labels.ids
    if main_share(ids) >= ONE_CLASS_SHARE:
        return True
    if main_share(ids) < EMPTY_SHARE:
        return False
    try:
        kept = measured.mask.agreement({})
    except (InspectionError, BudgetSpent):
        return True
    return kept < KEPT_SHARE * mutual_information(ids, ids)


def _surest(seen: Inspection) -> float:
    """The largest probabilities, 0..1; 1 where the numbers are none."""
    confidence = seen.labels.confidence
    if seen.labels.activation == "none" or not np.isfinite(confidence).all():
        return 1.0
    return float(np.quantile(confidence, LARGEST_QUANTILE))


def _unsure(measured: Measurements, sure: float) -> Unexplained:
    return Unexplained(
        f"The network is sure of nothing: at {LARGEST_QUANTILE:.0%} of the pixels its largest "
        f"probability is below {sure:.2f}. A head that was never trained, or not loaded, does so; "
        "these files do not tell whether this one was.",
        _tried(measured),
        "What would decide: the mask of a training picture, which a trained network is sure of; "
        "what load_state_dict returned when the training began.",
    )


def _not_finite(measured: Measurements, share: float) -> Unexplained:
    return Unexplained(
        f"{share:.1%} of the logits are NaN or infinite, and these files do not tell why.",
        f"{_tried(measured)} Ruled out: weights that are not finite.",
        "What would decide: the first layer whose output is not finite, found with a hook on every "
        "layer; the same forward in float32.",
    )


def _one_class(measured: Measurements, seen: Inspection) -> Unexplained:
    ids, counts = np.unique(seen.labels.ids, return_counts=True)
    top, share = int(ids[counts.argmax()]), counts.max() / counts.sum()
    what = f"{share:.1%} of its pixels "
    what += "reach no threshold" if top == NO_CLASS else f"are {class_name(top, seen.class_names)}"
    ruled_out = "weights and logits that are not finite, and the colors: the label map is empty too"
    return Unexplained(
        f"The mask shows nothing, and these files do not tell why: {what}.",
        f"{_tried(measured)} Ruled out: {ruled_out}.",
        "What would decide: a picture that certainly shows another class; a ground truth of this "
        "one; the loss and the score at the end of the training.",
    )


def _apart(measured: Measurements, seen: str) -> Unexplained:
    light = _by_light(measured)
    why = f"{light} The light is the likeliest reason." if light else ""
    return Unexplained(
        f"{seen}. {why}" if light else f"{seen}; these files do not tell why.",
        _tried(measured),
        "What would decide: whether the ground truth belongs to this picture; the mask of a "
        "training picture; the score of each class at the end of the training.",
    )


def _by_light(measured: Measurements) -> str:
    """That the mask is right on the picture as a usual exposure shows it; "" where it is not."""
    if not (measured.picture.is_unusual or measured.picture.is_flat):
        return ""
    try:
        now, lit = measured.truth.iou({}), measured.truth.iou_well_exposed({})
    except (InspectionError, BudgetSpent):
        return ""
    if now is None or lit < FAIR_IOU or lit < EXPOSED_GAIN * now:
        return ""
    return (
        "The picture is darker, paler or flatter than photographs are: with its levels stretched "
        f"to those of a usual exposure the mIoU is {lit:.2f}."
    )


def _tried(measured: Measurements) -> str:
    """Which settings were changed without an answer, as a sentence."""
    now = flatten(measured.settings)
    masks = measured.truth.scored
    changed = {name for mask in masks for name, value in mask.changes.items() if value != now[name]}
    names = [group for group, fields in GROUPS.items() if fields & changed]
    if not names:
        return "No other settings were tried."
    listed = ", ".join(names[:-1]) + " and " * (len(names) > 1) + names[-1]
    best = max(masks, key=lambda mask: mask.score)
    ends = "and none gives a better mask."
    if best.score > TIE * measured.truth.mask_score({}):
        words = difference_in_words(measured.settings, change(measured.settings, **best.changes))
        ends = f"and none was found to be the training's; the best mask is that with {words}"
        ends += f", mIoU {best.iou:.2f}." if best.iou is not None else "."
    return f"{len(masks)} other settings were tried ({listed}), {ends}"
