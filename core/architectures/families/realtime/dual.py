"""Layers of DDRNet and PIDNet: residual blocks, pooled context, and heads.

Names of children are those of their checkpoints.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from core.architectures.families.blocks import conv_norm, upsample
from core.architectures.network import Tensors
from core.architectures.shapes import count, outputs, size

POOLS = ((5, 2), (9, 4), (17, 8))  # kernel, stride of the scales 1 to 3: DDRNet's paper, fig. 5
WIDENING = 2  # what comes out of a deep block, in widths of its 3x3 convolution


class Residual(nn.Module):
    """Two 3x3 convolutions, or 1x1, 3x3, 1x1 where it is deep, added to what came in.

    Args:
        channels: that come in.
        width: of the 3x3 convolutions.
        stride: of the first of them.
        deep: three convolutions; `WIDENING` times the width goes out.
        relu: whether the sum goes through ReLU.
    """

    def __init__(
        self, channels: int, width: int, stride: int = 1, *, deep: bool = False, relu: bool = True
    ) -> None:
        super().__init__()
        out = width * WIDENING if deep else width
        sizes = [(channels, width, 3, stride), (width, width, 3, 1)]
        if deep:
            sizes = [(channels, width, 1, 1), (width, width, 3, stride), (width, out, 1, 1)]
        self.last, self.relu = len(sizes), relu
        for number, (before, after, kernel, step) in enumerate(sizes, start=1):
            conv = nn.Conv2d(before, after, kernel, step, kernel // 2, bias=False)
            self.add_module(f"conv{number}", conv)
            self.add_module(f"bn{number}", nn.BatchNorm2d(after))
        self.downsample = None
        if stride != 1 or channels != out:
            self.downsample = conv_norm(channels, out, 1, stride=stride, relu=None)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n channels h w] to Float32[n out h/stride w/stride]."""
        y = x
        for number in range(1, self.last + 1):
            y = self.get_submodule(f"bn{number}")(self.get_submodule(f"conv{number}")(y))
            y = F.relu(y) if number < self.last else y
        y = y + (x if self.downsample is None else self.downsample(x))
        return F.relu(y) if self.relu else y


def stage(tensors: Tensors, name: str, channels: int, width: int, stride: int = 1) -> nn.Sequential:
    """As many blocks as the file has of this name; the sum of the last one keeps its sign.

    No deep block has the last ReLU, and a single shallow one has it: so in both repositories.
    """
    deep = f"{name}.0.conv3.weight" in tensors
    blocks: list[nn.Module] = []
    number = count(tensors, f"{name}.")
    for block in range(number):
        relu = not deep and (block == 0 or block < number - 1)
        step = stride if block == 0 else 1
        blocks.append(Residual(channels, width, step, deep=deep, relu=relu))
        channels = width * WIDENING if deep else width
    return nn.Sequential(*blocks)


def entrance(tensors: Tensors, width: int) -> nn.Sequential:
    """Two 3x3 convolutions, each halving the size; mmsegmentation's have no bias."""
    layers: list[nn.Module] = []
    channels = size(tensors, "conv1.0.weight", 1, 3)
    for _ in range(2):
        layers += conv_norm(channels, width, stride=2, bias="conv1.0.bias" in tensors)
        channels = width
    return nn.Sequential(*layers)


def before(channels: int, out: int, kernel: int = 1, *, groups: int = 1) -> list[nn.Module]:
    """BatchNorm and ReLU before a convolution."""
    conv = nn.Conv2d(channels, out, kernel, padding=kernel // 2, groups=groups, bias=False)
    return [nn.BatchNorm2d(channels), nn.ReLU(inplace=True), conv]


class PooledContext(nn.Module):
    """The deepest features beside themselves, averaged over larger and larger parts.

    DDRNet's pyramid adds each scale to the refined one before it (DAPPM); PIDNet's small one adds
    each to the features and refines all four at once (PAPPM), where there is a `scale_process`.

    Args:
        tensors: of the network.
        channels: that come in.
        out: that go out.
    """

    def __init__(self, tensors: Tensors, channels: int, out: int) -> None:
        super().__init__()
        width = size(tensors, "spp.scale0.2.weight", 0, 96)
        pools: list[nn.Module] = [nn.AvgPool2d(k, step, k // 2) for k, step in POOLS]
        for number, pool in enumerate([*pools, nn.AdaptiveAvgPool2d(1)], start=1):
            self.add_module(f"scale{number}", nn.Sequential(pool, *before(channels, width)))
        self.scale0 = nn.Sequential(*before(channels, width))
        self.at_once = "spp.scale_process.2.weight" in tensors
        if self.at_once:
            self.scale_process = nn.Sequential(*before(4 * width, 4 * width, 3, groups=4))
        else:
            for number in range(1, 5):
                self.add_module(f"process{number}", nn.Sequential(*before(width, width, 3)))
        self.compression = nn.Sequential(*before(5 * width, out))
        self.shortcut = nn.Sequential(*before(channels, out))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n channels h w] to Float32[n out h w]."""
        first = self.scale0(x)
        scales = [upsample(self.get_submodule(f"scale{number}")(x), x, align_corners=False)
                  for number in range(1, 5)]  # fmt: skip
        if self.at_once:
            joined = torch.cat([scale + first for scale in scales], dim=1)
            parts = [first, self.scale_process(joined)]
        else:
            parts = [first]
            for number, scale in enumerate(scales, start=1):
                parts.append(self.get_submodule(f"process{number}")(scale + parts[-1]))
        context: torch.Tensor = self.compression(torch.cat(parts, dim=1)) + self.shortcut(x)
        return context


class LastHead(nn.Module):
    """BatchNorm, ReLU, 3x3 convolution; BatchNorm, ReLU, 1x1 convolution to the classes."""

    def __init__(self, tensors: Tensors, name: str, channels: int) -> None:
        super().__init__()
        width = size(tensors, f"{name}.conv1.weight", 0, 64)
        self.bn1, self.bn2 = nn.BatchNorm2d(channels), nn.BatchNorm2d(width)
        self.conv1 = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(width, outputs(tensors, f"{name}.conv2", 19), 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n channels h w] to Float32[n classes h w]."""
        x = self.conv1(F.relu(self.bn1(x)))
        logits: torch.Tensor = self.conv2(F.relu(self.bn2(x)))
        return logits
