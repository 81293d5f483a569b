"""Layers that several families share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

MOBILENET_V2 = (  # expansion, channels, blocks, stride of the first: its paper, table 2
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


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
