"""The input: does it have the size, scale, order, mean and std that the network expects."""

from __future__ import annotations

from collections.abc import Iterator

from core.diagnosis.evidence import Facts
from core.diagnosis.finding import Evidence, Finding

TINY = 64  # pixels: a shorter side below it leaves 2 x 2 numbers at a stride of 32


def tiny(facts: Facts) -> Iterator[Finding]:
    """S1: resized to so little that no object is left."""
    height, width = facts.tensor.tensor.shape[2:]
    before = facts.case.image.pixels.shape[:2]
    if min(height, width) >= TINY or min(before) < 2 * TINY:
        return
    yield Finding(
        "S1",
        "likely",
        (
            Evidence(f"The network is fed {width} x {height} pixels.", min(height, width)),
            Evidence(f"The picture has {before[1]} x {before[0]}.", min(before)),
        ),
        "Feed the size of the training; where it is not known, the picture's own.",
        "image = image.resize(training_size)",
        changes={"resize": "none"},
    )


NO_FORWARD = (tiny,)
