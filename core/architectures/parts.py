"""What several families share: sizes from shapes, small layers, and the last steps of `build`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from core.architectures.network import (
    SHOWN,
    Choice,
    Network,
    account_for,
    choose,
    fill,
    refuse_unfit,
)
from core.architectures.source import Source
from core.checkpoint import Checkpoint
from core.errors import ArchitectureError

Tensors = Mapping[str, torch.Tensor]

OUTPUT_STRIDE = "output stride"  # input pixels for one pixel of the deepest features
ATROUS_RATES = {16: (6, 12, 18), 8: (12, 24, 36)}  # by output stride: the DeepLabV3 paper, 3.3
RESNETS = {6: (50, (3, 4, 6, 3)), 23: (101, (3, 4, 23, 3)), 36: (152, (3, 8, 36, 3))}  # by layer3
RESNET_NAMES = {(3, 6): "50", (3, 23): "101", (3, 36): "152", (2, 6): "34", (2, 2): "18"}
MOBILENET_V2 = (  # expansion, channels, blocks, stride of the first: its paper, table 2
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


# --- keys and shapes ------------------------------------------------------------------------------


def has(tensors: Tensors, *starts: str) -> bool:
    """Whether each of these beginnings occurs among the keys."""
    return all(any(key.startswith(start) for key in tensors) for start in starts)


def size(tensors: Tensors, key: str, axis: int, default: int) -> int:
    """A size that the file tells; where the tensor is missing, the default (and it is told).

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
    told = {first: str(stride) for stride, (first, *_) in ATROUS_RATES.items()}.get(rate, "")
    return choose(OUTPUT_STRIDE, ("16", "8"), chosen, told)


# --- layers ---------------------------------------------------------------------------------------


def conv_norm(
    channels: int,
    out: int,
    kernel: int = 3,
    *,
    stride: int = 1,
    rate: int = 1,
    padding: int | None = None,
    groups: int = 1,
    bias: bool = False,
    relu: type[nn.ReLU | nn.ReLU6] | None = nn.ReLU,
) -> nn.Sequential:
    """Convolution (.0), BatchNorm (.1) and ReLU; the size stays unless padding is given."""
    padding = rate * (kernel // 2) if padding is None else padding
    conv = nn.Conv2d(channels, out, kernel, stride, padding, rate, groups, bias)
    return nn.Sequential(conv, nn.BatchNorm2d(out), *([relu(inplace=True)] if relu else []))


def upsample(x: torch.Tensor, like: torch.Tensor, *, align_corners: bool) -> torch.Tensor:
    """Bring x to the height and width of another tensor."""
    return F.interpolate(x, like.shape[-2:], mode="bilinear", align_corners=align_corners)


@dataclass(frozen=True)
class Step:
    """One block of MobileNetV2."""

    channels: int
    out: int
    stride: int
    rate: int
    expansion: int


def mobilenet_steps(output_stride: int, *, lags: bool = False) -> Iterator[Step]:
    """The 17 blocks after the first convolution, dilated where the stride would be too large.

    Args:
        output_stride: 8 or 16.
        lags: all blocks in the place of a stride keep the rate before it, not only the first.
    """
    channels, reached, rate = 32, 2, 1
    for expansion, out, blocks, stride in MOBILENET_V2:
        before = rate
        if reached == output_stride:
            rate, stride = rate * stride, 1
        reached *= stride
        for block in range(blocks):
            first = block == 0
            yield Step(
                channels, out, stride if first else 1, before if first or lags else rate, expansion
            )
            channels = out


class InvertedResidual(nn.Module):
    """A block of MobileNetV2: expand, filter each channel, project, add.

    Args:
        step: its sizes.
        pads_first: the input is padded and not the filter's, so that the border is seen through
            the expansion's BatchNorm.
        nested: convolution, BatchNorm and ReLU are one child (conv.0.0), not three (conv.0).
    """

    def __init__(self, step: Step, *, pads_first: bool, nested: bool) -> None:
        super().__init__()
        hidden = step.channels * step.expansion
        padding = 0 if pads_first else step.rate
        sizes: dict[str, Any] = {"stride": step.stride, "rate": step.rate, "padding": padding}
        units = [conv_norm(hidden, hidden, groups=hidden, relu=nn.ReLU6, **sizes)]
        if step.expansion != 1:
            units.insert(0, conv_norm(step.channels, hidden, 1, relu=nn.ReLU6))
        flat = units if nested else [layer for unit in units for layer in unit]
        self.conv = nn.Sequential(*flat, *conv_norm(hidden, step.out, 1, relu=None))
        self.border = step.rate if pads_first else 0
        self.adds = step.stride == 1 and step.channels == step.out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n channels h w] to Float32[n out h/stride w/stride]."""
        y: torch.Tensor = self.conv(F.pad(x, [self.border] * 4))
        return x + y if self.adds else y


# --- the end of a build ---------------------------------------------------------------------------


def finish(
    make: Callable[[], nn.Module],
    checkpoint: Checkpoint,
    title: str,
    *,
    first: str,
    last: str,
    choices: tuple[Choice, ...] = (),
    source: Source | None = None,
) -> Network:
    """Make the network without numbers, account for every tensor, fill it.

    Args:
        make: the network; called on the meta device.
        checkpoint: the weights.
        title: as a person calls it.
        first: key of the first convolution's weight.
        last: name of the last convolution.
        choices: what keys cannot tell.
        source: how a script makes it, where it can.

    Raises:
        ArchitectureError: tensors are missing or have another shape.
    """
    with torch.device("meta"):
        module = make()
    account = account_for(module, checkpoint.tensors)
    refuse_unfit(account, title)
    return Network(
        module=fill(module, checkpoint.tensors),
        architecture=title,
        num_classes=outputs(checkpoint.tensors, last, 0),
        in_channels=size(checkpoint.tensors, first, 1, 0),
        aux_classes=None,
        account=account,
        checkpoint_digest=checkpoint.digest,
        choices=choices,
        notes=_disagreements(module, checkpoint),
        source=source,
    )


def _disagreements(module: nn.Module, checkpoint: Checkpoint) -> tuple[str, ...]:
    """One note where a pickled module tells other strides or dilations than were built."""
    found = [
        f"{name}.{fact}: file {tuple(told)}, network {getattr(layer, fact)}"
        for name, layer in module.named_modules()
        for fact in ("stride", "dilation")
        if isinstance(layer, nn.Conv2d)
        and (fact == "stride" or layer.kernel_size != (1, 1))  # 1x1 is the same at any rate
        and (told := checkpoint.attributes.get(f"{checkpoint.prefix}{name}.{fact}"))
        and isinstance(told, list | tuple)
        and tuple(told) != getattr(layer, fact)
    ]
    if not found:
        return ()
    more = "..." if len(found) > SHOWN else "."
    return (f"The file tells {len(found)} layers otherwise: {'; '.join(found[:SHOWN])}{more}",)
