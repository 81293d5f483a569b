"""B1: BatchNorm's stored statistics destroy a mask that the picture's own statistics bring back.

Momentum that lags, batches of one, statistics of other pictures: every normalization then gives a
bad mask. So this is asked before any of them is named.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from core.diagnosis.finding import Certainty, Evidence, Finding
from core.diagnosis.measure.measurements import Measurements
from core.diagnosis.measure.own_statistics import StoredAgainstObserved
from core.diagnosis.normalization.agreement import reduced
from core.diagnosis.normalization.conventions import (
    CONVENTIONS,
    memory_of,
    stored_numbers,
)
from core.diagnosis.progress import Progress
from core.diagnosis.thresholds import (
    ALIVE_NATS,
    AS_STORED,
    CONTRADICTORY_NATS,
    FAIR_IOU,
    LIKE_TRAINING_NATS,
    OWN_GAIN,
    OWN_GAIN_BY_TRUTH,
    OWN_GAIN_IOU,
    OWN_GAIN_NATS,
    OWN_GAIN_SHARE,
    OWN_GAIN_UNSEEN,
    STORED_DOUBTED,
    UNLIKE_STORED,
    UNUSED_NORMS,
)
from core.errors import InspectionError

Changes = Mapping[str, Any]


@dataclass(frozen=True)
class _Asked:
    """What the check compares, in nats of the mask score."""

    stored: float
    rival: float  # the best of everything else that was tried with the stored statistics
    tried: int
    own: float
    layers: StoredAgainstObserved
    contradictory: bool  # also before the reference picture
    unlike: bool  # many layers see other numbers than they stored, which no normalization does


def unusable(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """B1: the picture's own statistics give the mask that no normalization gives."""
    if measured.batchnorm.never_updated_share > UNUSED_NORMS or so_far.masks_mean_nothing:
        return
    if so_far.statistics_are_broken:  # a variance below 0 needs no comparison
        return
    if not measured.batchnorm.can_be_asked or not _is_doubted(measured, so_far):
        return
    asked = _asked(measured, so_far)
    chosen, trained = measured.settings.forwarding.mode, {**so_far.fixes, "mode": "train"}
    if asked is None or (sure := _certainty(measured, asked, trained)) is None:
        return
    if not asked.contradictory and _is_exposure(measured, so_far, asked, trained):
        return
    yield Finding(
        "B1",
        sure,
        tuple(_evidence(measured, asked, trained)),
        "Estimate the statistics again on training pictures, or train with larger batches.",
        "model.train(); [model(x) for x in batches]; model.eval()",
        changes={"mode": "train"} if chosen == "eval" else {},
        effect=measured.mask.changed(trained, so_far.fixes),
        separates="A training picture: if its mask is bad in eval mode too, it is the file (B1).",
    )


def _is_exposure(measured: Measurements, so_far: Progress, asked: _Asked, trained: Changes) -> bool:
    """Whether the stored statistics do as well on the picture as a usual exposure shows it.

    What layers behind the first see is no matter of the light, so there a little less is less.
    """
    if not measured.truth.has_shapes:
        return False
    exposed = measured.truth.iou_well_exposed({**so_far.fixes, "mode": "eval"})
    own = measured.truth.iou(trained) or 0.0
    if asked.unlike and asked.layers.behind:
        return exposed + OWN_GAIN_IOU >= own
    return OWN_GAIN_BY_TRUTH * exposed >= own


def _is_doubted(measured: Measurements, so_far: Progress) -> bool:
    """Whether the mask with the stored statistics is worth asking about."""
    if measured.settings.forwarding.mode == "train" or _is_contradictory(so_far):
        return True
    fixes = {**so_far.fixes, "mode": "eval"}
    if not measured.mask.is_alive(fixes):
        return True
    if measured.truth.has_shapes:
        return not measured.truth.matches(fixes) or measured.layers.upper > UNLIKE_STORED
    return measured.truth.mask_score(fixes) <= STORED_DOUBTED * measured.truth.max_score


def _is_contradictory(so_far: Progress) -> bool:
    return so_far.recovered is not None and so_far.recovered.contradictory


def _asked(measured: Measurements, so_far: Progress) -> _Asked | None:
    """The scores; None where nothing can be at fault with the statistics."""
    layers, contradictory = measured.layers, _is_contradictory(so_far)
    unlike = layers.upper > UNLIKE_STORED if layers.behind else contradictory
    if not unlike and not measured.truth.has_shapes:
        return None
    evaluated = {**so_far.fixes, "mode": "eval"}
    stored = measured.truth.mask_score(evaluated)
    own = measured.truth.mask_score({**so_far.fixes, "mode": "train"})
    little = unlike and measured.truth.has_shapes and _gained(measured, so_far) > OWN_GAIN_IOU
    if own < ALIVE_NATS or not (little or own >= OWN_GAIN_BY_TRUTH * stored):
        return None
    rivals = list(_rivals(measured, so_far))
    scores = [score for changes in rivals if (score := _score(measured, evaluated, changes))]
    best = max([stored, *scores])
    return _Asked(stored, best, len(rivals), own, layers, contradictory, unlike)


def _gained(measured: Measurements, so_far: Progress) -> float:
    """By how much the picture's own statistics raise the mIoU."""
    before, after = (
        measured.truth.iou({**so_far.fixes, "mode": mode}) or 0.0 for mode in ("eval", "train")
    )
    return after - before


def _rivals(measured: Measurements, so_far: Progress) -> Iterator[Changes]:
    """What else could explain the bad mask; every known one where a ground truth can judge."""
    if so_far.recovered is not None and so_far.recovered.changes:
        yield so_far.recovered.changes
    if (numbers := stored_numbers(measured)) is not None:
        yield numbers  # also undo a dark picture or one of low contrast, which is no fault
    if not measured.truth.has_shapes:
        return
    now = measured.settings.preprocessing
    small = reduced(measured)
    yield from ({**changes, "color": now.color, **small} for changes in CONVENTIONS.values())
    if now.color != "gray":
        yield {"color": "bgr" if now.color == "rgb" else "rgb"}
    if now.resize != "none":
        yield {"resize": "none"}


def _score(measured: Measurements, base: Changes, changes: Changes) -> float:
    """0 for what cannot be run: it is counted as that, and beats nothing."""
    try:
        return measured.truth.mask_score({**base, **changes})
    except InspectionError as error:
        measured.failures.add("a convention beside the picture's own statistics", error)
        return 0.0


def _certainty(measured: Measurements, asked: _Asked, trained: Changes) -> Certainty | None:
    """Certain where a ground truth and the layers say the same."""
    if not measured.truth.has_shapes:
        wins = asked.own > OWN_GAIN * asked.stored + OWN_GAIN_NATS and asked.own > asked.rival
        return "likely" if wins and asked.unlike else None
    if asked.own - asked.stored < OWN_GAIN_SHARE * measured.truth.max_score:
        # Little, but what the layers show as well.
        rivaled = asked.rival >= asked.own
        return "likely" if asked.unlike and asked.layers.behind and not rivaled else None
    if asked.unlike and asked.rival < OWN_GAIN_BY_TRUTH * asked.own:
        clear = asked.own > OWN_GAIN_BY_TRUTH * asked.rival and not measured.failures
        return "certain" if clear else "likely"
    if asked.layers.behind and asked.layers.upper < AS_STORED:
        return None  # it is the input that the picture's own statistics make up for
    # No layer shows why: then the input must be usual, or its numbers solved and tried in vain.
    usual = asked.layers.layers[:1] and asked.layers.layers[0] <= LIKE_TRAINING_NATS
    if measured.rule[0] != "argmax" or not (usual or memory_of(measured)):
        return None
    # A weak network may gain a little on a dark picture: the mask has to become a fair one.
    fair = (measured.truth.iou(trained) or 0.0) >= FAIR_IOU
    return "likely" if fair and asked.own > OWN_GAIN_UNSEEN * asked.rival else None


def _evidence(measured: Measurements, asked: _Asked, trained: Changes) -> Iterator[Evidence]:
    yield Evidence(
        f"With the running statistics the mask score is {asked.stored:.2f} nats.", asked.stored
    )
    yield Evidence(f"With the statistics of this picture it is {asked.own:.2f}.", asked.own)
    if (now := measured.truth.iou({})) is not None:
        then = measured.truth.iou(trained) or 0.0
        yield Evidence(f"The mIoU is {now:.2f} as it is, and {then:.2f} with them.", then)
    if asked.tried:
        feedings = "feeding" if asked.tried == 1 else "feedings"
        yield Evidence(
            f"Of {asked.tried} other {feedings} (normalization, channel order, size) none scores "
            f"more than {asked.rival:.2f} with the running statistics.",
            asked.rival,
        )
    if asked.layers.behind:
        yield Evidence(
            "Behind the first BatchNorm, where the normalization of the input no longer counts, a "
            f"quarter of the layers see what is {asked.layers.upper:.2g} nats of KL divergence or "
            f"more from what they stored; the largest is {asked.layers.largest:.2g}.",
            asked.layers.upper,
        )
    if asked.contradictory:
        yield Evidence(
            "Even the reference picture is unlike training: its KL divergence from BatchNorm's "
            f"running statistics exceeds {CONTRADICTORY_NATS} nats."
        )


def left_behind(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """B1 where nothing brings a mask back: the statistics are not those of these weights.

    They lag so far that one picture's own are no better, or the weights were changed afterwards.
    """
    if so_far.faults or measured.failures or not measured.truth.has_shapes:
        return
    if not measured.batchnorm.can_be_asked or measured.layers.upper <= UNLIKE_STORED:
        return
    score = measured.truth.iou(so_far.fixes)
    if score is None or score >= FAIR_IOU:
        return
    if measured.truth.iou_well_exposed(so_far.fixes) >= FAIR_IOU:
        return
    upper = measured.layers.upper
    yield Finding(
        "B1",
        "possible",
        (
            Evidence(f"The mIoU is {score:.2f}, and no other feeding makes it good.", score),
            Evidence(
                "Behind the first BatchNorm a quarter of the layers see what is "
                f"{upper:.2g} nats of KL divergence or more from what they stored; where all is "
                "well they see what they stored.",
                upper,
            ),
            Evidence(
                "Statistics that lag do this, and so do weights that a conversion exchanged, "
                "turned or left out after the training."
            ),
        ),
        "Estimate the statistics again on training pictures; where that does not help, convert the "
        "weights again and compare the logits of both programs.",
        "model.train(); [model(x) for x in batches]; model.eval()",
        separates="The mask of a training picture in train mode: good where only the statistics "
        "lag, bad where the weights are damaged.",
    )
