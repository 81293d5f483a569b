"""The numbers on their way: BatchNorm statistics, training mode, half precision."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from core.diagnosis.finding import Evidence, Finding
from core.diagnosis.measure.measurements import Measurements
from core.diagnosis.progress import Progress
from core.diagnosis.thresholds import (
    CONTRADICTORY_NATS,
    HALF_MAX,
    HARMLESS_SHARE,
    OWN_GAIN,
    OWN_GAIN_NATS,
    STORED_DOUBTED,
    UNUSED_NORMS,
)


def training_mode(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """B2: BatchNorm uses this picture's statistics, so the mask depends on what else is in it."""
    if measured.settings.forwarding.mode != "train":
        return
    yield Finding(
        "B2",
        "likely",
        (Evidence("The mode is train: BatchNorm uses the statistics of this one picture."),),
        "Switch to evaluation mode before the forward.",
        "model.eval()",
        changes={"mode": "eval"},
        separates="If train is better than eval, the running statistics are at fault (B1).",
    )


def never_updated(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """B1: mean 0 and variance 1, as BatchNorm begins."""
    if measured.batchnorm.never_updated_share <= UNUSED_NORMS:
        return
    fresh = sum(measured.batchnorm.never_updated)
    yield Finding(
        "B1",
        "certain",
        (
            Evidence(
                f"{fresh} of {measured.batchnorm.count} BatchNorms have mean 0 and variance 1: "
                "they were never updated.",
                fresh,
            ),
        ),
        "Estimate the statistics again on some training pictures.",
        "model.train(); [model(x) for x in batches]; model.eval()",
        changes={"mode": "train"},
    )


def half(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """N2: float16 ends at 65504; beyond it is infinity, and then NaN."""
    if measured.settings.preprocessing.dtype != "float16":
        return
    largest = float(abs(measured.tensor.values).max())
    if largest <= HALF_MAX:
        return
    yield Finding(
        "N2",
        "certain",
        (Evidence("The tensor itself exceeds 65504, the largest float16.", largest),),
        "Run in float32, or in bfloat16, which has the range of float32.",
        "model.float()(x.float())",
        changes={"dtype": "float32"},
    )


def overflow(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """N2: finite in float32, not in float16."""
    if measured.settings.preprocessing.dtype != "float16":
        return
    bad = 1 - float(np.isfinite(measured.seen.logits.values).mean())
    whole = measured.under({"dtype": "float32"}).logits.values
    if not bad or not np.isfinite(whole).all():
        return
    yield Finding(
        "N2",
        "certain",
        (
            Evidence(f"In float16 {bad:.0%} of the logits are not finite.", bad),
            Evidence("In float32 all of them are finite."),
        ),
        "Run in float32, or in bfloat16, which has the range of float32.",
        "model.float()(x.float())",
        changes={"dtype": "float32"},
        effect=measured.mask.changed({"dtype": "float32"}, so_far.fixes),
    )


def statistics(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """B1, B2: whether running statistics or those of this picture give the better mask."""
    if measured.batchnorm.never_updated_share > UNUSED_NORMS:
        return
    evaluated, trained = {**so_far.fixes, "mode": "eval"}, {**so_far.fixes, "mode": "train"}
    chosen = measured.settings.forwarding.mode
    stored = measured.truth.mask_score(evaluated)
    if (
        chosen == "eval"
        and stored > STORED_DOUBTED * measured.truth.max_score
        and not _contradict(so_far)
    ):
        return
    own = measured.truth.mask_score(trained)
    words = (
        Evidence(f"With the running statistics the mask score is {stored:.2f} nats.", stored),
        Evidence(f"With the statistics of this picture it is {own:.2f}.", own),
    )
    unusable = own > OWN_GAIN * stored + OWN_GAIN_NATS and _contradict(so_far)
    if unusable:
        yield Finding(
            "B1",
            "likely",
            (
                *words,
                Evidence(
                    "Even the reference picture is unlike training: its KL divergence from "
                    f"BatchNorm's running statistics exceeds {CONTRADICTORY_NATS} nats."
                ),
            ),
            "Estimate the statistics again on training pictures, or train with larger batches.",
            "model.train(); [model(x) for x in batches]; model.eval()",
            changes={"mode": "train"} if chosen == "eval" else {},
            effect=measured.mask.changed(trained, so_far.fixes),
            separates="Another checkpoint of this training: B1 lies in the file, not in the code.",
        )
    if chosen == "train":
        effect = measured.mask.changed({"mode": "eval"}, so_far.fixes)
        harmless = effect < HARMLESS_SHARE or unusable
        yield Finding(
            "B2",
            "certain",
            (
                Evidence("The mode is train: BatchNorm uses the statistics of this one picture."),
                *words,
            ),
            "Switch to evaluation mode before the forward.",
            "model.eval()",
            changes={"mode": "eval"},
            effect=effect,
            kind="note" if harmless else "fault",
        )


def _contradict(so_far: Progress) -> bool:
    """Whether BatchNorm's running statistics contradict each other, whatever is fed."""
    return so_far.recovered is not None and so_far.recovered.contradictory
