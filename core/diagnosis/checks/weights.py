"""The weights: are they whole, finite, and of one network."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from core.architectures import build_network
from core.checkpoint import Checkpoint
from core.checkpoint.health.layers import uniform_distance
from core.checkpoint.health.numbers import is_finite
from core.diagnosis.finding import Evidence, Finding
from core.diagnosis.measure.head_bias import head_of
from core.diagnosis.measure.measurements import Measurements
from core.diagnosis.normalization.belonging import statistics_belong
from core.diagnosis.progress import Progress
from core.diagnosis.thresholds import (
    CONFIDENCE_STEP,
    DEEPEST_PREFIX,
    DIVERGED_SHARE,
    DOUBT_STEPS,
    EVEN_DISTANCE,
    FAIR_IOU,
    FEWEST_NUMBERS,
    FEWEST_WEIGHTS,
    JUST_LIKE_NATS,
    KL_STEP,
    LEAD_STEP,
    LEARNED_FACTOR,
    LEFT_STEP,
    MANY_NUMBERS,
    NAMES_SHOWN,
    UNDOUBTED_LEAD,
    UNTRAINED_SHARE,
    UNUSED_NORMS,
)
from core.errors import InspectionError, channels_in_words

if TYPE_CHECKING:
    import torch


def not_finite(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """W6 where single tensors are broken, N1 where the whole training ended in NaN."""
    tensors = measured.tensors
    numbers = {key: t for key, t in tensors.items() if t.is_floating_point() and t.numel()}
    bad = [key for key, tensor in numbers.items() if not is_finite(tensor)]
    if not bad:
        return
    share = len(bad) / len(numbers)
    named = ", ".join(bad[:NAMES_SHOWN]) + (", ..." if len(bad) > NAMES_SHOWN else "")
    evidence = (
        Evidence(f"{len(bad)} of {len(numbers)} tensors contain NaN or infinity.", len(bad)),
        Evidence(f"They are: {named}."),
    )
    if share >= DIVERGED_SHARE:
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


def class_count(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """W4: names for more or fewer classes than the head has."""
    names = measured.settings.display.class_names
    count = measured.network.num_classes
    ids = 2 if count == 1 else count
    if not names or abs(len(names) - ids) <= 1:  # the background is named or not
        return
    yield Finding(
        "W4",
        "likely",
        (
            Evidence(f"The head has {count} channels.", count),
            Evidence(f"There are {len(names)} class names.", len(names)),
        ),
        "Open the checkpoint that was trained on these classes, or give the names of its classes.",
        f"model = deeplabv3_resnet50(num_classes={count})",
        changes={"class_names": ()},
        separates="The class list in the training configuration.",
    )


def aux_head(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """W5: the aux head has other classes than the head, by the weights in the file."""
    tensors = measured.tensors
    ends = [
        [len(t) for key, t in tensors.items() if key.startswith(start) and t.ndim == 4]
        for start in ("classifier.", "aux_classifier.")
    ]
    if not all(ends) or ends[0][-1] == ends[1][-1]:
        return
    count, aux = ends[0][-1], ends[1][-1]
    used = measured.settings.forwarding.head == "aux"
    yield Finding(
        "W5",
        "certain",
        (
            Evidence(f"The head has {count} channels.", count),
            Evidence(f"The aux head has {aux}: it was not replaced for this training.", aux),
        ),
        "Read the main head, and remove the aux head from the file.",
        "state = {k: v for k, v in state.items() if not k.startswith('aux_classifier.')}",
        changes={"head": "out"} if used else {},
        kind="fault" if used else "note",
    )


OPENED = {
    1: 'image = Image.open(path).convert("L")',
    3: 'image = Image.open(path).convert("RGB")',
}
BANDS = "image = tifffile.imread(path)  # [h w {}]: all bands, in the order of the training"


def in_channels(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """F3: the first convolution expects another number of channels than it is given."""
    given, expected = measured.tensor.tensor.shape[1], measured.network.in_channels
    if given == expected:
        return
    color = {1: "gray", 3: "rgb"}.get(expected)
    wanted = "1 channel" if expected == 1 else f"{expected} channels"
    yield Finding(
        "F3",
        "certain",
        (Evidence(channels_in_words(expected, given), expected),),
        f"Feed {wanted}, as in training.",
        OPENED.get(expected, BANDS.format(expected)),
        changes={"color": color} if color else {},
    )


def never_trained(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """W3: the head fills exactly the range of PyTorch's initialization."""
    initial = _initial_head(measured)
    if initial is None:
        return
    weight, evidence = initial
    yield Finding(
        "W3",
        "certain" if weight.numel() >= MANY_NUMBERS else "likely",
        (*evidence, *_structureless(measured)),
        "Train the head, or load the file that contains the trained one.",
        "model.load_state_dict(state, strict=True)",
    )


def _initial_head(measured: Measurements) -> tuple[torch.Tensor, tuple[Evidence, ...]] | None:
    """The head's weight and how well it fits PyTorch's initialization; None where it does not."""
    head = head_of(measured)
    if head is None:
        return None
    name, weight = head
    bound = 1 / math.sqrt(weight[0].numel())  # kaiming_uniform(a=sqrt(5)), torch/nn/modules/conv.py
    distance, largest = uniform_distance(weight, bound), float(weight.float().abs().max())
    if (
        weight.numel() < FEWEST_NUMBERS
        or not largest <= bound * 1.00001
        or distance > EVEN_DISTANCE / math.sqrt(weight.numel())
    ):
        return None
    return weight, (
        Evidence(
            f"{name} looks like PyTorch's initialization, uniform within {bound:.4f}: "
            f"its distance from that distribution is {distance:.3f}.",
            distance,
        ),
        Evidence(f"Its largest weight is {largest:.4f}.", largest),
    )


def untrained(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """W8: no weight is more than random numbers, though the head is not as PyTorch makes it."""
    empty = measured.spectra.constant_share >= UNTRAINED_SHARE
    evidence = _one_number(measured) if empty else _structureless(measured)
    if not evidence or _initial_head(measured) is not None:
        return
    fresh = measured.batchnorm.never_updated_share > UNUSED_NORMS
    if not (fresh or empty) and (statistics_belong(measured) or _masks_are_fair(measured)):
        return
    if fresh:
        evidence += (Evidence("The statistics of BatchNorm were never updated either."),)
    yield Finding(
        "W8",
        "certain" if fresh or empty else "likely",
        evidence,
        "Open an earlier checkpoint of this training, or convert the original file again; no "
        "setting at inference helps.",
        "model.load_state_dict(torch.load('earlier.pth'), strict=True)",
        separates="The loss during training: it becomes NaN or stays as it began where the "
        "training failed, and falls where the file was damaged afterwards.",
    )


def _masks_are_fair(measured: Measurements) -> bool:
    """Whether a ground truth says so of the mask, as it is or with the picture's own statistics."""
    if not measured.truth.has_shapes:
        return False
    try:
        scores = [measured.truth.iou({"mode": mode}) or 0.0 for mode in ("eval", "train")]
    except InspectionError as error:
        measured.failures.add("whether the ground truth speaks for the weights", error)
        return False
    return max(scores) >= FAIR_IOU


def _one_number(measured: Measurements) -> tuple[Evidence, ...]:
    """That nearly all weights are one number all over, mostly 0."""
    spectra = measured.spectra
    words = (
        f"{spectra.constant} of {spectra.count + spectra.constant} weights are one number all "
        "over, as a conversion or a sharded training leaves what it had no numbers for."
    )
    return (Evidence(words, spectra.constant_share),)


def _structureless(measured: Measurements) -> tuple[Evidence, ...]:
    """That nearly all weights are like random numbers; () where some are more.

    A short training may change few of them much, and one that clearly learned refutes it.
    """
    spectra = measured.spectra
    few, learned = spectra.count < FEWEST_WEIGHTS, spectra.largest > LEARNED_FACTOR
    if few or learned or spectra.share < UNTRAINED_SHARE:
        return ()
    words = (
        f"{spectra.random} of {spectra.count} weights are like random numbers: none of their "
        "singular values exceeds what chance gives."
    )
    return (Evidence(words, spectra.share),)


def prefixed(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """W1: every name begins with something that the network does not know."""
    checkpoint = measured.case.checkpoint
    if checkpoint is None or measured.case.network is not None:
        return
    prefix = shared_start(list(checkpoint.tensors))
    if prefix and _builds(checkpoint, prefix):
        yield _prefixed(prefix, len(checkpoint.tensors))


def shared_start(keys: list[str]) -> str:
    """What all but a few names begin with, up to a dot; "" for nothing."""
    starts = Counter(key.partition(".")[0] for key in keys)
    start, count = starts.most_common(1)[0] if starts else ("", 0)
    return f"{start}." if start and count > 0.5 * len(keys) else ""


def _builds(checkpoint: Checkpoint, prefix: str) -> bool:
    """Whether the network can be built without the prefix, taken off as often as it takes."""
    tensors = checkpoint.tensors
    for _ in range(DEEPEST_PREFIX):
        tensors = {key.removeprefix(prefix): tensor for key, tensor in tensors.items()}
        try:
            build_network(replace(checkpoint, tensors=tensors))
            return True
        except InspectionError:
            prefix = shared_start(list(tensors))
    return False


def _prefixed(prefix: str, count: int) -> Finding:
    return Finding(
        "W1",
        "certain",
        (
            Evidence(
                f"The {count} names begin with {prefix}; load_state_dict(strict=False) would "
                "load none of them into a network whose names lack it.",
                count,
            ),
        ),
        "Take the prefix off and load with strict=True.",
        f"state = {{k.removeprefix({prefix!r}): v for k, v in state.items()}}",
    )


def other_pictures(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """W7: usual colors, nothing else found, and still unsure in most places, and all strange.

    Networks differ in how sure they are when all is well, so no sign tells it: four are added.
    """
    fixes, mask = so_far.fixes, measured.mask
    if so_far.faults or measured.picture.is_unusual or measured.truth.matches(fixes):
        return
    if measured.failures:  # that nothing else was found tells nothing where something was not asked
        return
    if measured.network.num_classes == 1:
        return
    steady = mask.steadiness(fixes)
    if steady > UNDOUBTED_LEAD or measured.picture.is_flat:
        return
    divergence = measured.batchnorm.input_kl_of_all(fixes)
    if measured.batchnorm.can_be_asked and divergence <= JUST_LIKE_NATS:
        return  # a network that is unsure of what it was trained on
    sure = mask.least_confidence(fixes)
    left = mask.steady_agreement(fixes) / max(mask.agreement(fixes), 1e-6)
    doubt = (UNDOUBTED_LEAD - steady) / LEAD_STEP + divergence / KL_STEP
    doubt += (1 - sure) / CONFIDENCE_STEP - math.log(max(left, 1e-3)) / LEFT_STEP
    if doubt < DOUBT_STEPS:
        return
    score = measured.truth.iou(fixes)
    by_truth = (Evidence(f"The mIoU is {score:.2f}.", score),) if score is not None else ()
    unlike = (
        "How unlike training the picture is: its KL divergence from the running statistics of all "
        f"BatchNorm layers is {divergence:.2f} nats."
    )
    unlike_training = (Evidence(unlike, divergence),) if measured.batchnorm.can_be_asked else ()
    yield Finding(
        "W7",
        "likely" if score is not None else "possible",
        (
            *by_truth,
            Evidence(
                f"At the median pixel the winning class leads by {steady:.0%} of its lead at the "
                "most confident pixels.",
                steady,
            ),
            *unlike_training,
            Evidence(
                f"At the worst of three brightnesses the mean confidence is {sure:.2f}.", sure
            ),
            Evidence(
                f"Mirrored, brightened and darkened pictures keep {left:.0%} of the agreement "
                "of the masks.",
                left,
            ),
        ),
        "Open a checkpoint that was trained on pictures like this one.",
        "model.load_state_dict(torch.load('trained_on_these.pth'))",
        separates="A training picture: if the mask is good there, this is the cause.",
    )
