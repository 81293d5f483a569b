"""What the real-time networks share: a unit of three layers, pooled attention, how one is built."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from math import gcd

import torch
from torch import nn

from core.architectures.families.blocks import conv_norm
from core.architectures.finish import finish
from core.architectures.network import Choice, Network, Source, Tensors
from core.architectures.shapes import has, size
from core.checkpoint import Checkpoint


class Unit(nn.Module):
    """Convolution (`conv`), BatchNorm (`bn`) and ReLU; the size stays unless padding is given."""

    def __init__(
        self,
        channels: int,
        out: int,
        kernel: int = 3,
        stride: int = 1,
        padding: int | None = None,
    ) -> None:
        super().__init__()
        padding = kernel // 2 if padding is None else padding
        self.conv = nn.Conv2d(channels, out, kernel, stride, padding, bias=False)
        self.bn, self.relu = nn.BatchNorm2d(out), nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n channels h w] to Float32[n out h/stride w/stride]."""
        y: torch.Tensor = self.relu(self.bn(self.conv(x)))
        return y


class Layers(nn.Module):
    """Convolution (`conv`), BatchNorm (`bn`) and a PReLU of each channel (`act`).

    Args:
        tensors: of the network.
        name: of this unit in it.
        channels: that come in; fewer in the weight mean groups.
        stride: of the convolution.
        rate: its dilation.
        has_norm: False: the convolution alone.
        acts: whether the PReLU follows.
        epsilon: of BatchNorm.
    """

    def __init__(
        self,
        tensors: Tensors,
        name: str,
        channels: int,
        stride: int = 1,
        rate: int = 1,
        *,
        has_norm: bool = True,
        acts: bool = True,
        epsilon: float = 1e-5,
    ) -> None:
        super().__init__()
        weight = f"{name}.conv.weight"
        self.out, kernel = size(tensors, weight, 0, channels), size(tensors, weight, 2, 1)
        groups = gcd(channels // max(1, size(tensors, weight, 1, channels)), self.out) or 1
        padding = rate * (kernel // 2)
        self.conv = nn.Conv2d(channels, self.out, kernel, stride, padding, rate, groups, bias=False)
        if has_norm:
            self.bn = nn.BatchNorm2d(self.out, epsilon)
        if has_norm and acts:
            self.act = nn.PReLU(self.out)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n channels h w] to Float32[n out h/stride w/stride]."""
        for layer in self.children():
            x = layer(x)
        return x


class Head(nn.Module):
    """A unit and a 1x1 convolution without bias: one score per class."""

    def __init__(self, channels: int, width: int, num_classes: int) -> None:
        super().__init__()
        self.conv = Unit(channels, width)
        self.conv_out = nn.Conv2d(width, num_classes, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n channels h w] to Float32[n num_classes h w]."""
        logits: torch.Tensor = self.conv_out(self.conv(x))
        return logits


def depthwise(channels: int, out: int, stride: int = 1) -> nn.Sequential:
    """A 3x3 convolution of each channel by itself, and BatchNorm."""
    return conv_norm(channels, out, 3, stride=stride, groups=channels, relu=None)


def listed(layers: dict[str, nn.Module]) -> nn.Sequential:
    """Layers in a row, by the names that they have in a checkpoint."""
    return nn.Sequential(OrderedDict(layers))


def built(
    make: Callable[[Tensors], nn.Module],
    checkpoint: Checkpoint,
    title: str,
    *,
    first: str,
    last: str,
    idle: tuple[str, ...] = (),
    choices: tuple[Choice, ...] = (),
    source: Source | None = None,
) -> Network:
    """The network with every tensor accounted for, and a note on the heads that do not run.

    Args:
        make: the network of these tensors, without numbers.
        checkpoint: the weights.
        title: as a person calls it.
        first: key of the first convolution's weight.
        last: name of the last convolution.
        idle: beginnings of keys of what helped in training only; the network has it.
        choices: what keys cannot tell.
        source: how a script makes it.

    Raises:
        ArchitectureError: tensors are missing or have another shape.
    """
    tensors = checkpoint.tensors
    network = finish(
        lambda: make(tensors),
        checkpoint,
        title,
        first=first,
        last=last,
        choices=choices,
        source=source,
    )
    names = [name.removesuffix(".") for name in idle if has(tensors, name)]
    if not names:
        return network
    note = f"{', '.join(names)}: not run; of use in training only"
    return replace(network, notes=(*network.notes, note))
