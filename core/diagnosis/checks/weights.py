"""The weights: are they whole, finite, and of one network."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from core.diagnosis.evidence import Facts
from core.diagnosis.finding import Evidence, Finding

DIVERGED = 0.5  # share of the weights from which on it was the training that ended in NaN
SHOWN = 3  # names in a sentence


def not_finite(facts: Facts) -> Iterator[Finding]:
    """W6 where single tensors are broken, N1 where the whole training ended in NaN."""
    tensors = facts.case.checkpoint.tensors if facts.case.checkpoint else {}
    numbers = {key: t for key, t in tensors.items() if t.is_floating_point() and t.numel()}
    bad = [key for key, tensor in numbers.items() if not bool(torch.isfinite(tensor).all())]
    if not bad:
        return
    share = len(bad) / len(numbers)
    named = ", ".join(bad[:SHOWN]) + (", ..." if len(bad) > SHOWN else "")
    evidence = (
        Evidence(f"{len(bad)} of {len(numbers)} tensors hold NaN or infinity.", len(bad)),
        Evidence(f"They are {named}."),
    )
    if share >= DIVERGED:
        yield Finding(
            "N1",
            "certain",
            evidence,
            "Go back to a checkpoint from before the loss became NaN, and train on in float32 or "
            "with clipped gradients.",
            "torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)",
        )
        return
    yield Finding(
        "W6",
        "certain",
        evidence,
        "Use an older checkpoint: these numbers cannot be mended.",
        "assert all(t.isfinite().all() for t in state_dict.values() if t.is_floating_point())",
    )


def class_count(facts: Facts) -> Iterator[Finding]:
    """W4: names for more or fewer classes than the head has."""
    names = facts.settings.display.class_names
    count = facts.network.num_classes
    ids = 2 if count == 1 else count
    if not names or abs(len(names) - ids) <= 1:  # the background is named or not
        return
    yield Finding(
        "W4",
        "likely",
        (
            Evidence(f"The head has {count} channels.", count),
            Evidence(f"There are names for {len(names)} classes.", len(names)),
        ),
        "Open the checkpoint that was trained on these classes, or give it its own names.",
        f"model = deeplabv3_resnet50(num_classes={count})",
        changes={"class_names": ()},
        separates="Look at the class list in the configuration of the training.",
    )


def aux_head(facts: Facts) -> Iterator[Finding]:
    """W5: the aux head has other classes than the head."""
    aux, count = facts.network.aux_classes, facts.network.num_classes
    if aux is None or aux == count:
        return
    used = facts.settings.forwarding.head == "aux"
    yield Finding(
        "W5",
        "certain",
        (
            Evidence(f"The head has {count} channels.", count),
            Evidence(f"The aux head has {aux}: it was left as it was before training.", aux),
        ),
        "Read the head, and drop the aux head from the file.",
        "state = {k: v for k, v in state.items() if not k.startswith('aux_classifier.')}",
        changes={"head": "out"} if used else {},
        kind="fault" if used else "note",
    )


def in_channels(facts: Facts) -> Iterator[Finding]:
    """F3: the first convolution expects another number of channels than it is given."""
    given, expected = facts.tensor.tensor.shape[1], facts.network.in_channels
    if given == expected:
        return
    color = {1: "gray", 3: "rgb"}.get(expected)
    yield Finding(
        "F3",
        "certain",
        (
            Evidence(f"The first convolution takes {expected} channels.", expected),
            Evidence(f"It is given {given}.", given),
        ),
        f"Feed {expected} channels, as in the training.",
        'image = Image.open(path).convert("L")'
        if expected == 1
        else 'image = Image.open(path).convert("RGB")',
        changes={"color": color} if color else {},
    )


NO_NETWORK = (not_finite,)
NO_FORWARD = (class_count, aux_head, in_channels)
