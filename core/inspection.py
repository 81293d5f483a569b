"""The stages in order: picture, tensor, logits, labels; nothing runs again that did not change."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from core import cost
from core.architectures import Network
from core.engine import Runner, remote
from core.errors import ForwardError
from core.image import Image
from core.inference import Logits
from core.labels import Labels, decode_labels
from core.operators import ForwardTooLongError, within
from core.preprocess import InputTensor, preprocess
from core.settings import Settings, digest
from core.timing import timed

MAX_LOGITS_BYTES = 2**30  # of one picture: 25 Mpx with 10 classes; more would end the server


@dataclass(frozen=True, eq=False)
class Inspection:
    """What every stage made of one picture under one Settings."""

    image: Image
    network: Network
    settings: Settings
    input: InputTensor
    logits: Logits
    labels: Labels

    @property
    def class_names(self) -> tuple[str, ...]:
        """One name per label id: as given by the user, by the checkpoint, else "class 3"."""
        known = self.settings.display.class_names or self.network.class_names
        if not known and len(self.logits.values) == 1 < self.labels.num_classes:
            known = ("background", "foreground")
        ids = range(self.labels.num_classes)
        return tuple(known[k] if k < len(known) else f"class {k}" for k in ids)

    @property
    def logits_key(self) -> str:
        """Names the logits: equal for equal picture, checkpoint, preprocessing and forwarding."""
        return logits_key(self.image, self.network, self.settings)


def logits_key(image: Image, network: Network, settings: Settings) -> str:
    """Digest of everything that the logits depend on."""
    parts = (image.digest, network.checkpoint_digest, digest(settings.preprocessing))
    return "-".join((*parts, digest(settings.forwarding)))


def run_stages(
    image: Image,
    network: Network,
    settings: Settings,
    *,
    forward: Runner,
    previous: Inspection | None = None,
) -> Inspection:
    """Run the stages; a stage of `previous` whose inputs are the same is taken over.

    Args:
        image: the decoded picture.
        network: the rebuilt network.
        settings: what the user chose.
        forward: the door through which the network is run: an engine's, or `in_this_thread`.
        previous: the last inspection on the screen, if any.

    Raises:
        InspectionError: a stage cannot be computed; the message says why and what to do.
    """
    size = image.pixels.shape[:2]
    check_size(network, size, settings.forwarding.head)
    tensor = _input(image, settings, previous)
    if settings.forwarding.window or settings.forwarding.flip != "none":
        fed = tuple(tensor.tensor.shape[2:])  # where the logits of all views are added up
        check_size(network, fed, settings.forwarding.head)
    logits = _logits(image, network, settings, tensor, forward)
    labels = _labels(logits, settings, previous, network.scores.ends_in)
    return Inspection(image, network, settings, tensor, logits, labels)


def _logits(
    image: Image, network: Network, settings: Settings, tensor: InputTensor, forward: Runner
) -> Logits:
    """One forward, where it is within the limits of memory and time."""
    size, how = image.pixels.shape[:2], settings.forwarding

    def measured() -> cost.Cost | None:
        return cost.cost_of(network, how, forward)

    def computed() -> Logits:
        with timed("forward"), within(cost.time_limit()):
            return remote.forward(network, tensor, how, size=size)

    cost.check(network, tensor, settings, size, measured)
    try:
        return forward(logits_key(image, network, settings), computed)
    except ForwardTooLongError as error:
        raise cost.too_long(network, tensor, settings, size, measured) from error


def _input(image: Image, settings: Settings, previous: Inspection | None) -> InputTensor:
    if (
        previous is not None
        and previous.image.digest == image.digest
        and previous.settings.preprocessing == settings.preprocessing
    ):
        return previous.input
    with timed("preprocess"):
        return preprocess(image, settings.preprocessing)


def _labels(
    logits: Logits, settings: Settings, previous: Inspection | None, ends_in: str
) -> Labels:
    if (
        previous is not None
        and previous.logits is logits
        and previous.settings.decoding == settings.decoding
    ):
        return previous.labels
    with timed("decide"):
        return decode_labels(logits.values, settings.decoding, ends_in)


def check_size(network: Network, size: tuple[int, ...], head: str) -> None:
    """Refuse logits that would take more memory than one picture may.

    Args:
        network: that makes them.
        size: h, w of the logits in the end.
        head: "out" or "aux".

    Raises:
        ForwardError: they are too large.
    """
    (height, width), classes = size, _classes(network, head)
    needed = classes * height * width * 4  # float32
    if needed > MAX_LOGITS_BYTES:
        fits = largest_picture(network, (width, height), head)
        raise ForwardError(
            f"The logits of {classes} classes at {width} x {height} pixels take "
            f"{needed / 2**30:.1f} GiB; at most {MAX_LOGITS_BYTES / 2**30:.0f} GiB are allowed. "
            f"{fits[0]} x {fits[1]} fits.",
            remedy="Upload a smaller version of the picture, or a crop of it.",
            smaller=fits,
        )


def largest_picture(network: Network, size: tuple[int, int], head: str) -> tuple[int, int]:
    """Width and height, no larger than `size`, at which the logits are within their limit."""
    width, height = size
    needed = _classes(network, head) * height * width * 4  # float32
    share = min(1.0, sqrt(MAX_LOGITS_BYTES / needed))  # of each side
    return max(1, int(width * share)), max(1, int(height * share))


def _classes(network: Network, head: str) -> int:
    return (network.aux_classes if head == "aux" else None) or network.num_classes
