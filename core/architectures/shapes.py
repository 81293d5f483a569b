"""Sizes of a network, read from the names and shapes of its tensors."""

from __future__ import annotations

from collections.abc import Mapping

from core.architectures.network import Choice, Tensors, choose
from core.checkpoint import Checkpoint
from core.errors import ArchitectureError

OUTPUT_STRIDE = "output stride"  # input pixels for one pixel of the deepest features
ATROUS_RATES = {16: (6, 12, 18), 8: (12, 24, 36)}  # by output stride: the DeepLabV3 paper, 3.3
RESNETS = {6: (50, (3, 4, 6, 3)), 23: (101, (3, 4, 23, 3)), 36: (152, (3, 8, 36, 3))}  # by layer3
RESNET_NAMES = {(3, 6): "50", (3, 23): "101", (3, 36): "152", (2, 6): "34", (2, 2): "18"}


def has(tensors: Tensors, *starts: str) -> bool:
    """Whether each of these beginnings occurs among the keys."""
    return all(any(key.startswith(start) for key in tensors) for start in starts)


def size(tensors: Tensors, key: str, axis: int, default: int) -> int:
    """A size that the file tells; where the tensor is missing, the default (and it is reported).

    Raises:
        ArchitectureError: the tensor is empty.
    """
    tensor = tensors.get(key)
    if tensor is None or tensor.ndim <= axis:
        return default
    if tensor.shape[axis] == 0:
        raise ArchitectureError(
            f"The tensor {key} is empty: {tuple(tensor.shape)}.",
            remedy="Save the weights again from the code that trained them.",
        )
    return int(tensor.shape[axis])


def outputs(tensors: Tensors, layer: str, default: int) -> int:
    """The output channels of a layer, from its weight or, where that is missing, its bias."""
    return size(tensors, f"{layer}.weight", 0, size(tensors, f"{layer}.bias", 0, default))


def count(tensors: Tensors, start: str) -> int:
    """How many different names follow this beginning: "layer3." counts its blocks."""
    return len({key[len(start) :].split(".")[0] for key in tensors if key.startswith(start)})


def resnet_depth(tensors: Tensors) -> tuple[int, tuple[int, ...]]:
    """Depth and blocks of the known ResNet with the nearest number of blocks in layer3.

    What differs shows in the account.
    """
    blocks = count(tensors, "backbone.layer3.")
    return RESNETS[min(RESNETS, key=lambda known: abs(known - blocks))]


def resnet_name(tensors: Tensors, start: str = "") -> str:
    """What a ResNet is called, by the convolutions of a block and the blocks of layer3: "50".

    Args:
        tensors: by name.
        start: what stands before "layer1".
    """
    convolutions = 3 if f"{start}layer1.0.conv3.weight" in tensors else 2  # bottleneck or basic
    blocks = count(tensors, f"{start}layer3.")
    return RESNET_NAMES.get((convolutions, blocks), f"of {blocks} blocks in layer3")


def choose_stride(checkpoint: Checkpoint, chosen: Mapping[str, str], first_rate: str) -> Choice:
    """The output stride, which no tensor tells; 16 is the default in all these repositories.

    Args:
        checkpoint: its attributes tell it where the whole module was pickled.
        chosen: the user's choices.
        first_rate: end of the name of the ASPP's first atrous convolution.
    """
    rates = (v for k, v in checkpoint.attributes.items() if k.endswith(f"{first_rate}.dilation"))
    rate = next((value[0] for value in rates if isinstance(value, list | tuple) and value), 0)
    stated = {first: str(stride) for stride, (first, *_) in ATROUS_RATES.items()}.get(rate, "")
    return choose(OUTPUT_STRIDE, ("16", "8"), chosen, stated)
