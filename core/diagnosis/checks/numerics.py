"""The numbers on their way: BatchNorm statistics, training mode, half precision."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from core.diagnosis.evidence import Facts
from core.diagnosis.finding import Evidence, Finding
from core.diagnosis.normal import STRANGE

BETTER, BETTER_LEAST = 1.4, 0.1  # factor and nats by which own statistics must be better
DOUBTED = 0.5  # of what a mask of these classes could tell: above it nothing is asked
HARMLESS = 0.02  # share of the pixels
HALF_MAX = 65504  # the largest float16


def training_mode(facts: Facts) -> Iterator[Finding]:
    """B2: BatchNorm uses this picture's statistics, so the mask depends on what else is in it."""
    if facts.settings.forwarding.mode != "train":
        return
    yield Finding(
        "B2",
        "likely",
        (Evidence("The mode is train: BatchNorm uses the statistics of this one picture."),),
        "Switch to inference before the forward.",
        "model.eval()",
        changes={"mode": "eval"},
        separates="Where train is better than eval, the stored statistics are at fault (B1).",
    )


def never_updated(facts: Facts) -> Iterator[Finding]:
    """B1: mean 0 and variance 1, as BatchNorm begins."""
    if facts.fresh_norms <= 0.5:
        return
    fresh = sum(facts.norms)
    yield Finding(
        "B1",
        "certain",
        (
            Evidence(
                f"{fresh} of {facts.num_norms} BatchNorms have mean 0 and variance 1: they never "
                "saw a picture.",
                fresh,
            ),
        ),
        "Estimate the statistics anew on some training pictures.",
        "model.train(); [model(x) for x in batches]; model.eval()",
        changes={"mode": "train"},
    )


def half(facts: Facts) -> Iterator[Finding]:
    """N2: float16 ends at 65504; beyond it is infinity, and then NaN."""
    if facts.settings.preprocessing.dtype != "float16":
        return
    largest = float(abs(facts.tensor.values).max())
    if largest <= HALF_MAX:
        return
    yield Finding(
        "N2",
        "certain",
        (Evidence("The tensor itself is beyond 65504, the largest float16.", largest),),
        "Run in float32, or in bfloat16, which has the range of float32.",
        "model.float()(x.float())",
        changes={"dtype": "float32"},
    )


def overflow(facts: Facts) -> Iterator[Finding]:
    """N2: finite in float32, not in float16."""
    if facts.settings.preprocessing.dtype != "float16":
        return
    bad = 1 - float(np.isfinite(facts.seen.logits.values).mean())
    whole = facts.under({"dtype": "float32"}).logits.values
    if not bad or not np.isfinite(whole).all():
        return
    yield Finding(
        "N2",
        "certain",
        (
            Evidence(f"In float16 {bad:.0%} of the logits are not finite.", bad),
            Evidence("In float32 all of them are."),
        ),
        "Run in float32, or in bfloat16, which has the range of float32.",
        "model.float()(x.float())",
        changes={"dtype": "float32"},
        effect=facts.changed({"dtype": "float32"}),
    )


def statistics(facts: Facts) -> Iterator[Finding]:
    """B1, B2: which of stored and own statistics gives the better mask."""
    if facts.fresh_norms > 0.5:
        return
    evaluated, trained = {**facts.mended, "mode": "eval"}, {**facts.mended, "mode": "train"}
    chosen = facts.settings.forwarding.mode
    stored = facts.goodness(evaluated)
    if chosen == "eval" and stored > DOUBTED * facts.richest and not facts.strange:
        return
    own = facts.goodness(trained)
    words = (
        Evidence(f"With the stored statistics the mask tells {stored:.2f} nats.", stored),
        Evidence(f"With this picture's own it tells {own:.2f}.", own),
    )
    unusable = own > BETTER * stored + BETTER_LEAST and facts.strange
    if unusable:
        yield Finding(
            "B1",
            "likely",
            (
                *words,
                Evidence(f"To BatchNorm any ordinary picture is over {STRANGE} nats odd."),
            ),
            "Estimate the statistics anew on some training pictures, or train with larger batches.",
            "model.train(); [model(x) for x in batches]; model.eval()",
            changes={"mode": "train"} if chosen == "eval" else {},
            effect=facts.changed(trained),
            separates="Another checkpoint of this training: B1 is in the file, not in the code.",
        )
    if chosen == "train":
        effect = facts.changed({"mode": "eval"})
        harmless = effect < HARMLESS or unusable
        yield Finding(
            "B2",
            "certain",
            (
                Evidence("The mode is train: BatchNorm uses the statistics of this one picture."),
                *words,
            ),
            "Switch to inference before the forward.",
            "model.eval()",
            changes={"mode": "eval"},
            effect=effect,
            kind="note" if harmless else "fault",
        )


NO_FORWARD = (training_mode, never_updated, half)
ONE_FORWARD = (overflow,)
COUNTERFACTUAL = (statistics,)
