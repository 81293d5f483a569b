"""The weights: are they finite, and of one network that fits picture and classes."""

from __future__ import annotations

from collections.abc import Iterator

from core.checkpoint.health.numbers import is_finite
from core.diagnosis.finding import Evidence, Finding
from core.diagnosis.measure.measurements import Measurements
from core.diagnosis.progress import Progress
from core.diagnosis.thresholds import DIVERGED_SHARE, NAMES_SHOWN
from core.errors import channels_in_words


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
