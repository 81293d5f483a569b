"""BiSeNet v2 as mmsegmentation builds it: branches for detail and for meaning.

Facts: https://arxiv.org/abs/2004.02147; mmseg/models/backbones/bisenetv2.py.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from core.architectures.families.blocks import upsample
from core.architectures.families.kept import below
from core.architectures.families.mmseg.mmseg_units import (
    row_of,
    separable_of,
    unit_of,
    width_of,
)
from core.architectures.network import Tensors
from core.architectures.shapes import count, has, size


class BiSeNetV2(nn.Module):
    """A branch for detail and one for meaning, each weighed by the other."""

    def __init__(self, tensors: Tensors) -> None:
        super().__init__()
        channels = size(tensors, "detail.detail_branch.0.0.conv.weight", 1, 3)
        self.detail = nn.Module()
        self.detail.detail_branch = nn.ModuleList()
        entering = channels
        for number in range(count(tensors, "detail.detail_branch.")):
            row = row_of(tensors, f"detail.detail_branch.{number}", entering, (2,))
            self.detail.detail_branch.append(row)
            entering = width_of(row)
        self.semantic = Meaning(below(tensors, "semantic."), channels)
        self.bga = Weighed(below(tensors, "bga."), entering)
        self.channels = [width_of(self.bga.conv)]

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Float32[n c h w] to one feature of an eighth of the size."""
        detail = x
        for row in self.detail.get_submodule("detail_branch").children():
            detail = row(detail)
        return [self.bga(detail, self.semantic(x))]


class Meaning(nn.Module):
    """A stem, stages of gathering blocks, and the mean of the picture added."""

    def __init__(self, tensors: Tensors, channels: int) -> None:
        super().__init__()
        self.stage1 = Stem(below(tensors, "stage1."), channels)
        channels, self.stages = width_of(self.stage1), ["stage1"]
        while has(tensors, f"stage{len(self.stages) + 1}."):
            name = f"stage{len(self.stages) + 1}"
            blocks = nn.Sequential()
            for number in range(count(tensors, f"{name}.")):
                made = Gathering(below(tensors, f"{name}.{number}."), channels)
                blocks.append(made)
                channels = width_of(made.conv2)
            self.add_module(name, blocks)
            self.stages.append(name)
        self.last = f"{self.stages[-1]}_CEBlock"
        self.add_module(self.last, WithMean(below(tensors, f"{self.last}."), channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n c h w] to features of a 32nd of the size."""
        for name in (*self.stages, self.last):
            x = self.get_submodule(name)(x)
        return x


class Stem(nn.Module):
    """A quarter of the size by convolutions and by the largest value, side by side."""

    def __init__(self, tensors: Tensors, channels: int) -> None:
        super().__init__()
        self.conv_first = unit_of(tensors, "conv_first", channels, 2)
        width = width_of(self.conv_first)
        self.convs = row_of(tensors, "convs", width, (1, 2))
        self.fuse_last = unit_of(tensors, "fuse_last", width + width_of(self.convs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n c h w] to features of a quarter of the size."""
        x = self.conv_first(x)
        y: torch.Tensor = self.fuse_last(torch.cat([self.convs(x), F.max_pool2d(x, 3, 2, 1)], 1))
        return y


class Gathering(nn.Module):
    """Widen each channel by itself, narrow across, add; one with a shortcut halves the size."""

    def __init__(self, tensors: Tensors, channels: int) -> None:
        super().__init__()
        self.conv1 = unit_of(tensors, "conv1", channels)
        halves = has(tensors, "shortcut.")
        wider = unit_of(tensors, "dwconv.0", channels, 2 if halves else 1, relu=not halves)
        self.dwconv = nn.Sequential(wider)
        if halves:
            self.dwconv.append(unit_of(tensors, "dwconv.1", width_of(wider)))
            self.shortcut = nn.Sequential(
                separable_of(tensors, "shortcut.0", channels, 2, relu=False)
            )
        self.conv2 = nn.Sequential(unit_of(tensors, "conv2.0", width_of(self.dwconv), relu=False))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n channels h w] to Float32[n out h w], or half as large."""
        y = self.conv2(self.dwconv(self.conv1(x)))
        return F.relu(y + (self.shortcut(x) if hasattr(self, "shortcut") else x))


class WithMean(nn.Module):
    """The features with the mean of the whole picture added."""

    def __init__(self, tensors: Tensors, channels: int) -> None:
        super().__init__()
        self.gap = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(channels))
        self.conv_gap = unit_of(tensors, "conv_gap", channels)
        self.conv_last = unit_of(tensors, "conv_last", channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n channels h w] to the same."""
        y: torch.Tensor = self.conv_last(x + self.conv_gap(self.gap(x)))
        return y


class Weighed(nn.Module):
    """Detail times what meaning lets pass, plus meaning's own times the same of detail."""

    def __init__(self, tensors: Tensors, channels: int) -> None:
        super().__init__()
        for name in ("detail_dwconv", "semantic_dwconv"):
            across = separable_of(tensors, f"{name}.0", channels, relu=False)
            self.add_module(name, nn.Sequential(across))
        down = unit_of(tensors, "detail_down.0", channels, 2, relu=False)
        self.detail_down = nn.Sequential(down, nn.AvgPool2d(3, 2, 1))
        self.semantic_conv = nn.Sequential(
            unit_of(tensors, "semantic_conv.0", channels, relu=False)
        )
        self.conv = unit_of(tensors, "conv", channels)

    def forward(self, detail: torch.Tensor, meaning: torch.Tensor) -> torch.Tensor:
        """Of an eighth and of a 32nd of the size, to an eighth."""
        run = self.get_submodule
        gate = upsample(self.semantic_conv(meaning), detail, align_corners=False)
        fine = run("detail_dwconv")(detail) * torch.sigmoid(gate)
        coarse = self.detail_down(detail) * torch.sigmoid(run("semantic_dwconv")(meaning))
        y: torch.Tensor = self.conv(fine + upsample(coarse, fine, align_corners=False))
        return y
