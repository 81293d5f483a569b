"""Object context (OCR) of mmsegmentation: two heads, of which the second refines the first."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from core.architectures.families.kept import below
from core.architectures.families.mmseg.mmseg_heads import FCNHead, Features
from core.architectures.families.mmseg.mmseg_units import row_of, unit_of, width_of
from core.architectures.families.realtime.object_context import pixels_by_class
from core.architectures.network import Tensors
from core.architectures.shapes import outputs, size


class OCRHead(nn.Module):
    """A rough head on one feature; the last feature, told what the objects look like.

    Args:
        channels: of the features.
        tensors: of both heads, without their prefix.
    """

    def __init__(self, channels: Sequence[int], tensors: Tensors) -> None:
        super().__init__()
        rough = below(tensors, "0.")
        index = min(2, len(channels) - 1)  # as in all configs: the last but one of a ResNet
        self.add_module("0", FCNHead(channels[index], rough, index))
        self.add_module("1", Refining(below(tensors, "1."), channels[-1]))

    def forward(self, features: Features) -> torch.Tensor:
        """Float32[n classes h w] at the last feature's size."""
        rough = self.get_submodule("0")(features)
        logits: torch.Tensor = self.get_submodule("1")(features[-1], rough)
        return logits


class Refining(nn.Module):
    """Every pixel beside the objects that it resembles."""

    def __init__(self, tensors: Tensors, channels: int) -> None:
        super().__init__()
        self.bottleneck = unit_of(tensors, "bottleneck", channels)
        width = width_of(self.bottleneck)
        self.object_context_block = Attention(below(tensors, "object_context_block."), width)
        entering = size(tensors, "conv_seg.weight", 1, width)
        self.conv_seg = nn.Conv2d(entering, outputs(tensors, "conv_seg", 19), 1)

    def forward(self, x: torch.Tensor, rough: torch.Tensor) -> torch.Tensor:
        """Float32[n c h w] and scores Float32[n k h w] to Float32[n k h w]."""
        x = self.bottleneck(x)
        logits: torch.Tensor = self.conv_seg(
            self.object_context_block(x, pixels_by_class(x, rough))
        )
        return logits


class Attention(nn.Module):
    """For every pixel the objects, weighed by how alike they are, beside the pixel itself."""

    def __init__(self, tensors: Tensors, channels: int) -> None:
        super().__init__()
        for name in ("query_project", "key_project"):
            self.add_module(name, row_of(tensors, name, channels, ()))
        self.value_project = unit_of(tensors, "value_project", channels)
        self.width = width_of(self.value_project)
        self.out_project = unit_of(tensors, "out_project", self.width)
        joined = width_of(self.out_project) + channels
        self.bottleneck = unit_of(tensors, "bottleneck", joined)

    def forward(self, x: torch.Tensor, objects: torch.Tensor) -> torch.Tensor:
        """Float32[n c h w] and Float32[n c k 1] to Float32[n c h w]."""
        query = self.get_submodule("query_project")(x).flatten(2).transpose(1, 2)
        key = self.get_submodule("key_project")(objects).flatten(2)  # n width k
        value = self.value_project(objects).flatten(2).transpose(1, 2)
        alike = (query @ key * self.width**-0.5).softmax(dim=-1)  # n h*w k
        seen = (alike @ value).transpose(1, 2).reshape(len(x), self.width, *x.shape[-2:])
        y: torch.Tensor = self.bottleneck(torch.cat([self.out_project(seen), x], dim=1))
        return y
