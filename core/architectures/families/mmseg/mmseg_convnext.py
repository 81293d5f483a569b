"""ConvNeXt as mmpretrain names it, which mmsegmentation takes its ConvNeXt from.

Facts: https://arxiv.org/abs/2201.03545, mmpretrain/models/backbones/convnext.py.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from core.architectures.network import Tensors
from core.architectures.shapes import count, size

EPSILON = 1e-6  # of its LayerNorms


class ChannelNorm(nn.LayerNorm):
    """LayerNorm over the channels of a picture."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=EPSILON)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n c h w], the size stays."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Block(nn.Module):
    """Each channel over 7x7, then across; in files of before 2022 with convolutions of 1x1.

    Args:
        tensors: of the backbone.
        name: of this block in it.
    """

    def __init__(self, tensors: Tensors, name: str) -> None:
        super().__init__()
        width, kernel = (size(tensors, f"{name}.depthwise_conv.weight", axis, 7) for axis in (0, 2))
        inner = size(tensors, f"{name}.pointwise_conv1.weight", 0, 4 * width)
        first = tensors.get(f"{name}.pointwise_conv1.weight")
        self.is_linear = first is None or first.ndim == 2
        self.depthwise_conv = nn.Conv2d(width, width, kernel, padding=kernel // 2, groups=width)
        self.norm = ChannelNorm(width)
        self.pointwise_conv1 = self._across(width, inner)
        self.pointwise_conv2 = self._across(inner, width)
        if f"{name}.gamma" in tensors:
            self.gamma = nn.Parameter(torch.ones(width))

    def _across(self, entering: int, out: int) -> nn.Module:
        return nn.Linear(entering, out) if self.is_linear else nn.Conv2d(entering, out, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n c h w], the size stays."""
        y = self.norm(self.depthwise_conv(x))
        if self.is_linear:
            y = y.permute(0, 2, 3, 1)
        y = self.pointwise_conv2(F.gelu(self.pointwise_conv1(y)))
        if self.is_linear:
            y = y.permute(0, 3, 1, 2)
        if hasattr(self, "gamma"):
            y = y * self.gamma[:, None, None]
        made: torch.Tensor = x + y
        return made


class ConvNeXt(nn.Module):
    """Four stages, each behind a convolution that makes the picture smaller.

    Args:
        tensors: of the backbone, without its prefix.
    """

    def __init__(self, tensors: Tensors) -> None:
        super().__init__()
        self.downsample_layers, self.stages = nn.ModuleList(), nn.ModuleList()
        self.channels = []
        for k in range(count(tensors, "stages.")):
            key = f"downsample_layers.{k}.{1 if k else 0}.weight"
            out, entering, step = (size(tensors, key, axis, 2) for axis in (0, 1, 2))
            conv, before = nn.Conv2d(entering, out, step, step), entering if k else out
            layers = (ChannelNorm(before), conv) if k else (conv, ChannelNorm(before))
            self.downsample_layers.append(nn.Sequential(*layers))
            blocks = range(count(tensors, f"stages.{k}."))
            self.stages.append(
                nn.Sequential(*(Block(tensors, f"stages.{k}.{block}") for block in blocks))
            )
            self.channels.append(out)
            self.add_module(f"norm{k}", ChannelNorm(out))

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Float32[n c h w] to four features."""
        features = []
        pairs = zip(self.downsample_layers, self.stages, strict=True)
        for k, (smaller, stage) in enumerate(pairs):
            x = stage(smaller(x))
            features.append(self.get_submodule(f"norm{k}")(x))
        return features
