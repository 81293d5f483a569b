"""The numbers on their way: BatchNorm statistics, training mode, half precision."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from core.diagnosis.finding import Evidence, Finding
from core.diagnosis.measure.measurements import Measurements
from core.diagnosis.progress import Progress
from core.diagnosis.thresholds import (
    HALF_MAX,
    HARMLESS_SHARE,
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


def negative_variance(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """B1: no picture has a variance below 0; its root is NaN, and so is all that follows."""
    stored = {k: v for k, v in measured.tensors.items() if k.endswith(".running_var") and v.numel()}
    bad = [key for key, variance in stored.items() if float(variance.min()) < 0]
    if not bad:
        return
    yield Finding(
        "B1",
        "certain",
        (
            Evidence(f"{len(bad)} of {len(stored)} BatchNorms have a variance below 0.", len(bad)),
            Evidence("The weights were added up with negative factors, or damaged."),
        ),
        "Average the checkpoints again with factors from 0 to 1, or estimate the statistics again.",
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
    """B2 with its scores; where the stored statistics are at fault (B1), it is a note."""
    if measured.batchnorm.never_updated_share > UNUSED_NORMS:
        return
    if measured.settings.forwarding.mode != "train":
        return
    stored = measured.truth.mask_score({**so_far.fixes, "mode": "eval"})
    own = measured.truth.mask_score({**so_far.fixes, "mode": "train"})
    effect = measured.mask.changed({"mode": "eval"}, so_far.fixes)
    harmless = effect < HARMLESS_SHARE or so_far.statistics_are_broken
    yield Finding(
        "B2",
        "certain",
        (
            Evidence("The mode is train: BatchNorm uses the statistics of this one picture."),
            Evidence(f"With the running statistics the mask score is {stored:.2f} nats.", stored),
            Evidence(f"With the statistics of this picture it is {own:.2f}.", own),
        ),
        "Switch to evaluation mode before the forward.",
        "model.eval()",
        changes={} if so_far.statistics_are_broken else {"mode": "eval"},
        effect=effect,
        kind="note" if harmless else "fault",
    )
