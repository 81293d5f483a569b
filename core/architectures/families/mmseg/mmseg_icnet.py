"""ICNet as mmsegmentation builds it: the picture in three sizes.

Facts: https://arxiv.org/abs/1704.08545; mmseg/models/backbones/icnet.py, necks/ic_neck.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from core.architectures.families.blocks import upsample
from core.architectures.families.kept import below
from core.architectures.families.mmseg.mmseg_backbones import ResNet
from core.architectures.families.mmseg.mmseg_small import pooled_beside, pools_of
from core.architectures.families.mmseg.mmseg_units import (
    row_of,
    unit_of,
    width_of,
)
from core.architectures.network import Tensors
from core.architectures.shapes import size

HALF: dict[str, Any] = {"scale_factor": 0.5, "mode": "bilinear", "align_corners": False}


class ICNet(nn.Module):
    """The picture in three sizes; the two smaller ones share a ResNet."""

    def __init__(self, tensors: Tensors) -> None:
        super().__init__()
        self.backbone = ResNet(below(tensors, "backbone."), "8")
        _, middle, _, deep = self.backbone.channels
        self.psp_modules = pools_of(tensors, "psp_modules", deep)
        joined = deep + sum(width_of(pool) for pool in self.psp_modules)
        self.psp_bottleneck = unit_of(tensors, "psp_bottleneck", joined)
        entering = size(tensors, "conv_sub1.0.conv.weight", 1, 3)
        self.conv_sub1 = row_of(tensors, "conv_sub1", entering, (2, 2, 2))
        self.conv_sub2 = unit_of(tensors, "conv_sub2", middle)
        self.conv_sub4 = unit_of(tensors, "conv_sub4", width_of(self.psp_bottleneck))
        branches = (self.conv_sub1, self.conv_sub2, self.conv_sub4)
        self.channels = [width_of(branch) for branch in branches]

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Float32[n c h w] to features of an eighth, a 16th and a 32nd of the size."""
        body = self.backbone
        x, fine = F.interpolate(x, **HALF), self.conv_sub1(x)
        x = body.stem(x) if hasattr(body, "stem") else F.relu(body.bn1(body.conv1(x)))
        x = F.max_pool2d(x, 3, 2, 1, ceil_mode=True)
        for stage in ("layer1", "layer2"):
            x = body.get_submodule(stage)(x)
        middle, x = self.conv_sub2(x), F.interpolate(x, **HALF)
        for stage in ("layer3", "layer4"):
            x = body.get_submodule(stage)(x)
        x = self.psp_bottleneck(torch.cat([*pooled_beside(x, self.psp_modules), x], dim=1))
        return [fine, middle, self.conv_sub4(x)]


class Cascade(nn.Module):
    """ICNet's neck: the smallest into the next, and both into the largest."""

    def __init__(self, tensors: Tensors, channels: Sequence[int]) -> None:
        super().__init__()
        fine, middle, deep = channels
        self.cff_24 = Sum(below(tensors, "cff_24."), deep, middle)
        width = width_of(self.cff_24.conv_low)
        self.cff_12 = Sum(below(tensors, "cff_12."), width, fine)
        self.channels = [width_of(self.cff_12.conv_low)]

    def forward(self, features: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Three features to one of the size of the largest."""
        fine, middle, deep = features
        return [self.cff_12(self.cff_24(deep, middle), fine)]


class Sum(nn.Module):
    """A smaller feature, enlarged and filtered, and a larger one."""

    def __init__(self, tensors: Tensors, low: int, high: int) -> None:
        super().__init__()
        self.conv_low = unit_of(tensors, "conv_low", low, rate=2)
        self.conv_high = unit_of(tensors, "conv_high", high)

    def forward(self, low: torch.Tensor, high: torch.Tensor) -> torch.Tensor:
        """Float32[n c h w] of two sizes to one of the larger size."""
        enlarged = self.conv_low(upsample(low, high, align_corners=False))
        return F.relu(enlarged + self.conv_high(high))
