"""The body of STDC: blocks whose convolutions halve their width, all of them side by side."""

from __future__ import annotations

import torch
from torch import nn

from core.architectures.families.realtime.parts import Unit, depthwise
from core.architectures.network import Tensors
from core.architectures.shapes import count, has, size

LAST = "last convolution of the body"  # no tensor tells whether it was run
FEATURES = ("x2", "x4", "x8", "x16", "x32")  # the same layers again, under a second name


class STDC(nn.Module):
    """Two units and as many blocks as the file has; a block that halves begins each feature.

    Args:
        tensors: of the network.
        start: what stands before the names of this body.
        last: whether the convolution after the last block runs.
    """

    def __init__(self, tensors: Tensors, start: str, *, last: bool) -> None:
        super().__init__()
        self.runs_last = last
        number = count(tensors, f"{start}features.")
        layers = [self._layer(tensors, f"{start}features.{n}") for n in range(number)]
        self.features = nn.Sequential(*layers)
        halving = [n for n, layer in enumerate(layers) if n < 2 or getattr(layer, "halves", False)]
        self.ends = [*halving[1:], number]
        for name, first, end in zip(FEATURES, halving, self.ends, strict=False):
            if has(tensors, f"{start}{name}."):
                self.add_module(name, nn.Sequential(self.features[first:end]))
        self.widths = [_width(layers[end - 1]) for end in self.ends[2:5]]
        self._classifier(tensors, start)
        if last:
            self.widths[-1] = size(tensors, f"{start}conv_last.conv.weight", 0, 1024)

    def _layer(self, tensors: Tensors, name: str) -> nn.Module:
        if has(tensors, f"{name}.conv_list."):
            return SideBySide(tensors, name)
        weight = f"{name}.conv.weight"
        return Unit(size(tensors, weight, 1, 3), size(tensors, weight, 0, 32), 3, 2)

    def _classifier(self, tensors: Tensors, start: str) -> None:
        """What the body had when it was trained on ImageNet; only `conv_last` may run."""
        if has(tensors, f"{start}conv_last."):
            weight = f"{start}conv_last.conv.weight"
            self.conv_last = Unit(size(tensors, weight, 1, 1024), size(tensors, weight, 0, 1024), 1)
        for name in ("fc", "linear"):
            weight = f"{start}{name}.weight"
            if weight in tensors:
                out, channels = size(tensors, weight, 0, 1024), size(tensors, weight, 1, 1024)
                self.add_module(name, nn.Linear(channels, out, bias=False))
        if has(tensors, f"{start}bn."):
            self.bn = nn.BatchNorm1d(size(tensors, f"{start}bn.weight", 0, 1024))

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Float32[n c h w] to features of an eighth, a 16th and a 32nd of the size."""
        features, begin = [], 0
        for end in self.ends:
            x = self.features[begin:end](x)
            features.append(x)
            begin = end
        if self.runs_last:
            features[-1] = self.conv_last(features[-1])
        return features[2:]


def _width(layer: nn.Module) -> int:
    return layer.out if isinstance(layer, SideBySide) else layer.conv.out_channels  # type: ignore


class SideBySide(nn.Module):
    """A 1x1 unit and 3x3 units in a row, each half as wide; what each gives is kept."""

    def __init__(self, tensors: Tensors, name: str) -> None:
        super().__init__()
        self.halves = has(tensors, f"{name}.avd_layer.")
        self.conv_list = nn.ModuleList()
        self.out = 0
        for number in range(count(tensors, f"{name}.conv_list.")):
            weight = f"{name}.conv_list.{number}.conv.weight"
            width, channels = size(tensors, weight, 0, 64), size(tensors, weight, 1, 64)
            self.conv_list.append(Unit(channels, width, 1 if number == 0 else 3))
            self.out += width
        if self.halves:
            first = size(tensors, f"{name}.conv_list.0.conv.weight", 0, 64)
            self.avd_layer = depthwise(first, first, 2)
            self.skip = nn.AvgPool2d(3, 2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n c h w] to Float32[n out h w], or half as large."""
        first, *others = self.conv_list
        kept = x = first(x)
        if self.halves:
            x, kept = self.avd_layer(x), self.skip(kept)
        parts = [kept]
        for unit in others:
            x = unit(x)
            parts.append(x)
        return torch.cat(parts, dim=1)
