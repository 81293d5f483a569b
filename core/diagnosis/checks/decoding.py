"""The decision rule: can this output pass through it."""

from __future__ import annotations

from collections.abc import Iterator

from core.diagnosis.evidence import Facts
from core.diagnosis.finding import Evidence, Finding


def one_channel(facts: Facts) -> Iterator[Finding]:
    """R1: argmax over one channel is always 0, softmax over one channel always 1."""
    rule, activation = facts.rule
    if facts.channels != 1 or (rule != "argmax" and activation != "softmax"):
        return
    what = "Argmax over it is 0" if rule == "argmax" else "Softmax over it is 1"
    yield Finding(
        "R1",
        "certain",
        (
            Evidence("The network has one output channel.", 1),
            Evidence(f"{what} everywhere, whatever the network says."),
        ),
        "Decide with a sigmoid and a threshold.",
        "mask = model(x).sigmoid()[0, 0] > 0.5",
        changes={"rule": "threshold", "activation": "sigmoid", "threshold": 0.5},
    )


NO_FORWARD = (one_channel,)
