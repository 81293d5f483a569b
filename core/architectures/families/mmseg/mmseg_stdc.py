"""STDC as mmsegmentation builds it: the context of BiSeNet on a body of its own.

Facts: https://arxiv.org/abs/2104.13188; mmseg/models/backbones/stdc.py.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from core.architectures.families.kept import below
from core.architectures.families.mmseg.mmseg_bisenet import Joined
from core.architectures.families.mmseg.mmseg_units import (
    Refined,
    enlarged,
    mean_of,
    unit_of,
    width_of,
)
from core.architectures.network import Tensors
from core.architectures.shapes import count, has, size

SHALLOW = 2  # stages before those whose features are read


class STDC(nn.Module):
    """The context of BiSeNet on a body whose blocks halve their width again and again."""

    def __init__(self, tensors: Tensors) -> None:
        super().__init__()
        self.backbone = STDCBody(below(tensors, "backbone."))
        eighth, half, deep = self.backbone.channels
        arms = [Refined(tensors, f"arms.{n}", c) for n, c in enumerate((deep, half))]
        self.arms = nn.ModuleList(arms)
        self.conv_avg = unit_of(tensors, "conv_avg", deep)
        width = width_of(self.conv_avg)
        self.convs = nn.ModuleList(unit_of(tensors, f"convs.{n}", width) for n in range(2))
        self.ffm = Joined(tensors, "ffm", "conv0", eighth + width)
        self.channels = [width_of(self.ffm.get_submodule("conv0"))]

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Float32[n c h w] to one feature of an eighth of the size."""
        eighth, half, deep = self.backbone(x)
        y = enlarged(self.conv_avg(mean_of(deep)), deep)
        for arm, conv, here, there in zip(
            self.arms, self.convs, (deep, half), (half, eighth), strict=True
        ):
            y = conv(enlarged(arm(here) + y, there))
        return [self.ffm(eighth, y)]


class STDCBody(nn.Module):
    """Two units, then stages of blocks; the first block of each halves the size."""

    def __init__(self, tensors: Tensors) -> None:
        super().__init__()
        self.stages, self.channels = nn.ModuleList(), []
        channels = size(tensors, "stages.0.conv.weight", 1, 3)
        for number in range(count(tensors, "stages.")):
            name = f"stages.{number}"
            if number < SHALLOW:
                self.stages.append(unit_of(tensors, name, channels, 2))
                channels = width_of(self.stages[-1])
                continue
            blocks = nn.Sequential()
            for block in range(count(tensors, f"{name}.")):
                made = Halved(tensors, f"{name}.{block}", channels)
                blocks.append(made)
                channels = made.out
            self.stages.append(blocks)
            self.channels.append(channels)
        if has(tensors, "final_conv."):
            self.final_conv = unit_of(tensors, "final_conv", channels)
            self.channels[-1] = width_of(self.final_conv)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Float32[n c h w] to features of an eighth, a 16th and a 32nd of the size."""
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        if hasattr(self, "final_conv"):
            features[-1] = self.final_conv(features[-1])
        return features[SHALLOW:]


class Halved(nn.Module):
    """Units in a row, each half as wide, all of them joined."""

    def __init__(self, tensors: Tensors, name: str, channels: int) -> None:
        super().__init__()
        self.halves, self.out = has(tensors, f"{name}.downsample."), 0
        self.layers = nn.ModuleList()
        for number in range(count(tensors, f"{name}.layers.")):
            self.layers.append(unit_of(tensors, f"{name}.layers.{number}", channels))
            channels = width_of(self.layers[-1])
            self.out += channels
        if self.halves:
            first = width_of(self.layers[0])
            self.downsample = unit_of(tensors, f"{name}.downsample", first, 2, relu=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n channels h w] to Float32[n out h w], or half as large."""
        first, *others = self.layers
        x = first(x)
        parts = [F.avg_pool2d(x, 3, 2, 1) if self.halves else x]
        x = self.downsample(x) if self.halves else x
        for unit in others:
            x = unit(x)
            parts.append(x)
        return torch.cat(parts, dim=1)
