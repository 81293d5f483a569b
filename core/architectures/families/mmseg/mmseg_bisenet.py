"""BiSeNet v1 as mmsegmentation builds it: detail beside context.

Facts: https://arxiv.org/abs/1808.00897; mmseg/models/backbones/bisenetv1.py.
"""

from __future__ import annotations

import torch
from torch import nn

from core.architectures.families.kept import below
from core.architectures.families.mmseg.mmseg_backbones import ResNet
from core.architectures.families.mmseg.mmseg_units import (
    Refined,
    enlarged,
    mean_of,
    unit_of,
    width_of,
)
from core.architectures.network import Tensors
from core.architectures.shapes import has, size


class BiSeNetV1(nn.Module):
    """A path for detail beside a ResNet whose deep features are weighed and summed up."""

    def __init__(self, tensors: Tensors) -> None:
        super().__init__()
        self.context_path = Context(below(tensors, "context_path."))
        layers, channels = nn.Module(), size(tensors, "spatial_path.layer1.conv.weight", 1, 3)
        for number in range(1, 5):
            step = 2 if number < 4 else 1
            unit = unit_of(tensors, f"spatial_path.layer{number}", channels, step)
            layers.add_module(f"layer{number}", unit)
            channels = width_of(unit)
        self.spatial_path = layers
        joined = channels + self.context_path.width
        self.ffm = Joined(tensors, "ffm", "conv1", joined)
        self.channels = [width_of(self.ffm.get_submodule("conv1"))]

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Float32[n c h w] to one feature of an eighth of the size."""
        context, detail = self.context_path(x), x
        for unit in self.spatial_path.children():
            detail = unit(detail)
        return [self.ffm(detail, context)]


class Context(nn.Module):
    """Features of a 16th and a 32nd, weighed; the mean of the picture is added to the deepest."""

    def __init__(self, tensors: Tensors) -> None:
        super().__init__()
        self.backbone = ResNet(below(tensors, "backbone."), "32")
        _, _, half, deep = self.backbone.channels
        self.arm16, self.arm32 = Refined(tensors, "arm16", half), Refined(tensors, "arm32", deep)
        self.gap_conv = nn.Sequential(nn.AdaptiveAvgPool2d(1), unit_of(tensors, "gap_conv.1", deep))
        self.width = width_of(self.gap_conv)
        self.conv_head32 = unit_of(tensors, "conv_head32", self.width)
        self.conv_head16 = unit_of(tensors, "conv_head16", self.width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n c h w] to features of an eighth of the size."""
        _, eighth, half, deep = self.backbone(x)
        low = self.conv_head32(enlarged(self.arm32(deep) + self.gap_conv(deep), half))
        y: torch.Tensor = self.conv_head16(enlarged(self.arm16(half) + low, eighth))
        return y


class Joined(nn.Module):
    """Both beside each other through a unit, once more times what its mean decides.

    Args:
        tensors: of the backbone.
        name: of this part.
        first: name of the unit.
        channels: of both together.
    """

    def __init__(self, tensors: Tensors, name: str, first: str, channels: int) -> None:
        super().__init__()
        unit = unit_of(tensors, f"{name}.{first}", channels)
        self.first = first
        self.add_module(first, unit)
        if has(tensors, f"{name}.conv_atten."):
            weigh = unit_of(tensors, f"{name}.conv_atten.0", width_of(unit))
            self.conv_atten = nn.Sequential(weigh, nn.Sigmoid())
            return
        narrow = unit_of(tensors, f"{name}.attention.1", width_of(unit), norm=False)
        wide = unit_of(tensors, f"{name}.attention.2", width_of(narrow), relu=False, norm=False)
        self.attention = nn.Sequential(nn.AdaptiveAvgPool2d(1), narrow, wide, nn.Sigmoid())

    def forward(self, detail: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """Two of Float32[n c h w] of one size to one."""
        x = self.get_submodule(self.first)(torch.cat([detail, context], dim=1))
        weigh = self.conv_atten if hasattr(self, "conv_atten") else self.attention
        joined: torch.Tensor = x + x * weigh(mean_of(x))
        return joined
