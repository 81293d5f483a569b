"""Units of mmcv as the tensors of a file say: convolution, norm and activation."""

from __future__ import annotations

from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import nn

from core.architectures.network import Tensors
from core.architectures.shapes import count, outputs, size


def unit_of(
    tensors: Tensors,
    name: str,
    channels: int,
    stride: int = 1,
    rate: int = 1,
    *,
    relu: bool = True,
    norm: bool = True,
) -> nn.Sequential:
    """Mmcv's ConvModule: `conv`, `bn` unless it has a bias, then ReLU.

    Args:
        tensors: of the file.
        name: of this unit in it.
        channels: that come in; fewer in the weight mean groups.
        stride: of the convolution.
        rate: its dilation.
        relu: whether it ends in one.
        norm: False where there is neither BatchNorm nor a bias.
    """
    weight = f"{name}.conv.weight"
    out = size(tensors, weight, 0, outputs(tensors, f"{name}.bn", channels))
    kernel, each = size(tensors, weight, 2, 1), size(tensors, weight, 1, channels)
    groups = channels // each if each <= channels and not channels % each else 1
    groups = groups if not out % groups else 1  # the account names what then does not fit
    layers: dict[str, nn.Module] = {
        "conv": nn.Conv2d(
            channels,
            out,
            kernel,
            stride,
            rate * (kernel // 2),
            rate,
            groups,
            bias=f"{name}.conv.bias" in tensors,
        )
    }
    if norm and f"{name}.conv.bias" not in tensors:
        layers["bn"] = nn.BatchNorm2d(out)
    if relu:
        layers["activate"] = nn.ReLU()
    return nn.Sequential(OrderedDict(layers))


def width_of(module: nn.Module) -> int:
    """The channels that come out of a unit, or of the last of several."""
    convolutions = [m for m in module.modules() if isinstance(m, nn.Conv2d)]
    return convolutions[-1].out_channels


def separable_of(
    tensors: Tensors, name: str, channels: int, stride: int = 1, *, relu: bool = True
) -> nn.Sequential:
    """Each channel by itself without activation, then across."""
    alone = unit_of(tensors, f"{name}.depthwise_conv", channels, stride, relu=False)
    across = unit_of(tensors, f"{name}.pointwise_conv", channels, relu=relu)
    return nn.Sequential(OrderedDict(depthwise_conv=alone, pointwise_conv=across))


def row_of(tensors: Tensors, name: str, channels: int, strides: tuple[int, ...]) -> nn.Sequential:
    """Units in a row; a stride for each of the first ones, then 1."""
    units = nn.Sequential()
    for number in range(count(tensors, f"{name}.")):
        stride = strides[number] if number < len(strides) else 1
        units.append(unit_of(tensors, f"{name}.{number}", channels, stride))
        channels = width_of(units)
    return units


def mean_of(x: torch.Tensor) -> torch.Tensor:
    """Float32[n c h w] to Float32[n c 1 1]."""
    return x.mean(dim=(2, 3), keepdim=True)


class Refined(nn.Module):
    """A unit, every channel of which is weighed by what its mean decides."""

    def __init__(self, tensors: Tensors, name: str, channels: int) -> None:
        super().__init__()
        self.conv_layer = unit_of(tensors, f"{name}.conv_layer", channels)
        width = width_of(self.conv_layer)
        weigh = unit_of(tensors, f"{name}.atten_conv_layer.1", width, relu=False)
        self.atten_conv_layer = nn.Sequential(nn.AdaptiveAvgPool2d(1), weigh, nn.Sigmoid())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n channels h w] to Float32[n width h w]."""
        x = self.conv_layer(x)
        weighed: torch.Tensor = x * self.atten_conv_layer(x)
        return weighed


def enlarged(x: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """By repeating the nearest value."""
    return F.interpolate(x, like.shape[-2:], mode="nearest")
