"""The training: does the network itself say background, whatever it is fed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from core.diagnosis.finding import Certainty, Evidence, Finding
from core.diagnosis.measure.head_bias import agreement_without_bias, bias_lead
from core.diagnosis.measure.mask import UNFLIPPED, main_share, mutual_information
from core.diagnosis.measure.measurements import Measurements
from core.diagnosis.progress import Progress
from core.diagnosis.thresholds import (
    ALIVE_NATS,
    BENEATH_NATS,
    BIAS_LEAD,
    EMPTY_SHARE,
    FOREGROUND_SHARE,
    LARGEST_QUANTILE,
    LEAST_LEAD,
    LIVELY_SHARE,
    LOW_CUTS,
    NEAR_STEP,
    NEVER_LEARNED,
    RENAMED_SHARE,
    SECOND_SHARE,
    SEEN_SHARE,
    TARGET_STEP,
    TYPICAL_NATS,
    UNLIKE_STORED,
)
from core.labels import probabilities
from core.verdict import class_name


def background_only(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """T1: nothing that can be changed at inference brings a class out, and all of it was tried."""
    if measured.failures or not measured.masks_compare or so_far.masks_mean_nothing:
        return
    seen = measured.under(so_far.fixes)
    top = int(seen.labels.shares().argmax())
    if main_share(seen.labels.ids) < EMPTY_SHARE or ((seen.labels.ids >= 0).all() and top != 0):
        return
    if not np.isfinite(seen.logits.values).all():
        return
    if measured.batchnorm.can_be_asked and measured.layers.upper > UNLIKE_STORED:
        return  # these are not the weights that its training ended with, or not their statistics
    lead, beneath = bias_lead(measured), _beneath(measured, so_far)
    there = _truth_shows(measured)
    evidence = [
        Evidence(
            "No other normalization, channel order, size, mode or threshold that was tried "
            "makes a class appear.",
            len(so_far.tried),
        )
    ]
    if there is not None:
        evidence.append(Evidence(f"{there:.0%} of the ground truth is foreground.", there))
    if lead is not None:
        evidence.append(
            Evidence(
                f"The head bias of the background is {lead:.1f} above the largest other one.", lead
            )
        )
    words = (
        "Where the background leads least, the masks of the picture and its mirror image agree by "
        f"{beneath:.2f} nats."
    )
    evidence.append(Evidence(words, beneath))
    bare = agreement_without_bias(measured, so_far.fixes)  # 0 where no bias leads
    if bare > TYPICAL_NATS:
        words = f"Without the head's bias both masks show something, and agree by {bare:.2f} nats."
        evidence.append(Evidence(words, bare))
    certainty = _certainty(there, lead, beneath > BENEATH_NATS or bare > TYPICAL_NATS)
    if certainty is None:
        return
    yield Finding(
        "T1",
        certainty,
        tuple(evidence),
        "Train longer, with a loss that weighs the classes, on crops that show the foreground.",
        "loss = nn.CrossEntropyLoss(weight=1 / frequency)",
        separates="A picture that certainly shows the class, with its ground truth.",
    )


def _certainty(there: float | None, lead: float | None, hidden: bool) -> Certainty | None:
    """A ground truth decides; without one the head's bias, and whether it hides something."""
    if there is not None:
        return "likely" if there > FOREGROUND_SHARE else None
    return "likely" if lead is not None and lead > BIAS_LEAD and hidden else None


def class_never_wins(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """T5: the ground truth has a class that wins nowhere, and the others are right."""
    truth, counted = measured.case.truth, measured.truth.counted
    if truth is None or counted is None or so_far.masks_mean_nothing or not counted.any():
        return
    seen = measured.under(so_far.fixes)
    ids, logits = seen.labels.ids, seen.logits.values
    if ids.shape != truth.ids.shape or not np.isfinite(logits).all() or (ids == 0).all():
        return
    if measured.picture.is_unusual:
        return
    lost = _lost_classes(ids, truth.ids[counted], seen.labels.num_classes)
    if lost:
        lost = _nowhere(measured, so_far, lost)
    others = counted & ~np.isin(truth.ids, list(lost))
    right = float((ids == truth.ids)[others].mean()) if others.any() else 0.0
    if not lost or right < RENAMED_SHARE:
        return
    class_id = max(lost, key=lambda k: lost[k])
    there = logits[:, counted & (truth.ids == class_id)]
    if _comes_second(there, class_id) > SECOND_SHARE or _behind(there, class_id) < NEVER_LEARNED:
        return
    name = class_name(class_id, seen.class_names)
    yield Finding(
        "T5",
        "likely",
        (
            Evidence(f"{lost[class_id]:.0%} of the ground truth are {name}.", lost[class_id]),
            Evidence("In the mask it wins at no more than a thousandth of the pixels."),
            Evidence(f"Of the pixels of the other classes {right:.0%} are right.", right),
        ),
        "Let the background count in the loss: neither ignore_index=0 nor reduce_zero_label, and "
        "no 255 in its place."
        if class_id == 0
        else f"See that the labels of the training hold class {class_id} and that the loss does "
        "not ignore it, and train again.",
        "loss = nn.CrossEntropyLoss(ignore_index=255)",
        separates="The ids in the labels of the training, counted: np.unique(ids, "
        "return_counts=True).",
    )


def _lost_classes(ids: np.ndarray, truth: np.ndarray, num_classes: int) -> dict[int, float]:
    """Share of the ground truth, 0..1, by the classes that win nowhere.

    Args:
        ids: Int32[h w], the mask.
        truth: Int32[n], the counted pixels of the ground truth.
        num_classes: ids that the mask can have.
    """
    shares = {k: float((truth == k).mean()) for k in range(num_classes)}
    return {
        k: share
        for k, share in shares.items()
        if share > FOREGROUND_SHARE and float((ids == k).mean()) < SEEN_SHARE
    }


def _nowhere(
    measured: Measurements, so_far: Progress, lost: Mapping[int, float]
) -> dict[int, float]:
    """Of the lost classes those that win in no other view: brighter, darker, mirrored, exposed.

    A class that was learned is missed in one light and seen in another.
    """
    picture = measured.picture
    views = (picture.well_exposed, picture.mirrored, *picture.brightness_variants)
    masks = [measured.of_picture(view, so_far.fixes).labels.ids for view in views]
    return {
        k: share
        for k, share in lost.items()
        if all(float((ids == k).mean()) < SEEN_SHARE for ids in masks)
    }


def _comes_second(logits: np.ndarray, class_id: int) -> float:
    """Share of the pixels at which only one class is above this one, 0..1; 0 of two classes.

    A class that was learned, and is only missed here, comes second nearly everywhere.

    Args:
        logits: Float32[C n], at the pixels of the class.
        class_id: below C, but for a single channel.
    """
    if len(logits) <= 2:
        return 0.0
    return float(((logits > logits[class_id]).sum(axis=0) == 1).mean())


def _behind(logits: np.ndarray, class_id: int) -> float:
    """By how much the winner leads over this class, in logits; the median over the pixels.

    Args:
        logits: Float32[C n], at the pixels of the class.
        class_id: below C, but for a single channel.
    """
    if len(logits) == 1:
        return float(np.median(np.abs(logits[0])))
    return float(np.median(logits.max(axis=0) - logits[class_id]))


def divided_targets(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """T7: the largest probabilities are about 1 / 255, and half of that is the right threshold."""
    rule, activation = measured.rule
    if rule != "threshold" or activation != "sigmoid" or so_far.masks_mean_nothing:
        return
    logits = measured.under(so_far.fixes).logits.values
    if not np.isfinite(logits).all():
        return
    scores = probabilities(logits, "sigmoid")[min(1, len(logits) - 1)]
    largest = float(np.quantile(scores, LARGEST_QUANTILE))
    low, high = (factor * TARGET_STEP for factor in NEAR_STEP)
    if not low <= largest <= high:
        return
    tried = {cut: measured.truth.mask_score({**so_far.fixes, "threshold": cut}) for cut in LOW_CUTS}
    cut, score = max(tried.items(), key=lambda pair: pair[1])
    if score < max(ALIVE_NATS, LIVELY_SHARE * measured.truth.max_score):
        return
    changes = {"threshold": cut}
    share = float((measured.under({**so_far.fixes, **changes}).labels.ids > 0).mean())
    yield Finding(
        "T7",
        "possible" if measured.case.truth is None else "likely",
        (
            Evidence(f"The largest probabilities are {largest:.4f}; 1 / 255 is 0.0039.", largest),
            Evidence(f"At a threshold of {cut:g} the mask shows {share:.1%} foreground.", share),
        ),
        "Train with targets of 0 and 1; until then, take half of 1 / 255 as the threshold.",
        "target = (mask > 0).float()  # ToTensor() has divided by 255 already",
        changes=changes,
        effect=measured.mask.changed(changes, so_far.fixes),
        separates="The largest target of the training: target.max().",
    )


def _truth_shows(measured: Measurements) -> float | None:
    """Share of the counted ground truth that is no background, 0..1."""
    if measured.case.truth is None:
        return None
    ids = measured.case.truth.ids
    counted = ids[ids != measured.settings.display.ignore_index]
    return float((counted != 0).mean()) if counted.size else None


def _beneath(measured: Measurements, so_far: Progress) -> float:
    """Agreement of the mask that would be seen if the background did not lead, in nats."""
    changes = {**so_far.fixes, **UNFLIPPED}
    there = measured.under(changes).logits.values
    mirror = measured.of_picture(measured.picture.mirrored, changes).logits.values
    first, second = _above_median(there), _above_median(mirror)[:, ::-1]
    return mutual_information(first, second)


def _above_median(values: np.ndarray) -> np.ndarray:
    """Where the lead of the background is smaller than at nine of ten pixels."""
    lead = values[0] - values[1:].max(axis=0) if len(values) > 1 else -values[0]
    small: np.ndarray = (lead < np.quantile(lead, LEAST_LEAD)).astype(np.int32)
    return small
