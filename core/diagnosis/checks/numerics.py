"""The numbers on their way: BatchNorm statistics, training mode, half precision."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from core.diagnosis.evidence import Facts
from core.diagnosis.finding import Evidence, Finding

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


NO_FORWARD = (training_mode, half)
ONE_FORWARD = (overflow,)
