"""Decode heads of mmsegmentation: FCN, PSP, ASPP, separable ASPP, UPer, and SegFormer's.

Written from its documented behavior; names of children are those of its checkpoints. Every head
takes the four features of a backbone, the shallow ones first, and returns logits of its own size.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import nn

from core.architectures.families.blocks import conv_norm, upsample
from core.architectures.families.mmseg.mmseg_units import separable_of
from core.architectures.network import Tensors
from core.architectures.shapes import count, has, outputs, size

Features = Sequence[torch.Tensor]


def unit(channels: int, out: int, kernel: int = 1, rate: int = 1, groups: int = 1) -> nn.Sequential:
    """Mmcv's ConvModule: children `conv` and `bn`, then ReLU; the size stays."""
    conv, norm, relu = conv_norm(channels, out, kernel, rate=rate, groups=groups)
    return nn.Sequential(OrderedDict(conv=conv, bn=norm, activate=relu))


def separable(channels: int, out: int, rate: int = 1) -> nn.Sequential:
    """Each channel by itself, then across, both with BatchNorm and ReLU."""
    alone = unit(channels, channels, 3, rate, groups=channels)
    return nn.Sequential(OrderedDict(depthwise_conv=alone, pointwise_conv=unit(channels, out)))


def pooled(channels: int, out: int, scales: Sequence[int]) -> nn.ModuleList:
    """The picture as 1, 4, 9, ... numbers per channel."""
    return nn.ModuleList(
        nn.Sequential(nn.AdaptiveAvgPool2d(scale), unit(channels, out)) for scale in scales
    )


class FCNHead(nn.Module):
    """Convolutions on one feature, with the feature itself beside the last one.

    Args:
        channels: of that feature.
        tensors: of the head, without its prefix.
        index: which feature; the last but one for the auxiliary head.
    """

    def __init__(self, channels: int, tensors: Tensors, index: int = 3) -> None:
        super().__init__()
        self.index, width = index, size(tensors, "conv_seg.weight", 1, 256)
        kernel = size(tensors, "convs.0.conv.weight", 2, 3)
        inputs = [channels, *[width] * (count(tensors, "convs.") - 1)]
        self.convs = nn.Sequential()
        for number, entering in enumerate(inputs):
            if has(tensors, f"convs.{number}.depthwise_conv."):
                self.convs.append(separable_of(tensors, f"convs.{number}", entering))
            else:
                self.convs.append(unit(entering, width, kernel))
        self.conv_cat = unit(channels + width, width, kernel) if has(tensors, "conv_cat.") else None
        self.conv_seg = nn.Conv2d(width, outputs(tensors, "conv_seg", 19), 1)

    def forward(self, features: Features) -> torch.Tensor:
        """Float32[n classes h w] at the feature's size."""
        x = features[self.index]
        y = self.convs(x)
        if self.conv_cat is not None:
            y = self.conv_cat(torch.cat([x, y], dim=1))
        logits: torch.Tensor = self.conv_seg(y)
        return logits


class PSPHead(nn.Module):
    """The last feature beside itself, averaged over larger and larger parts of the picture."""

    def __init__(self, channels: int, tensors: Tensors, scales: Sequence[int]) -> None:
        super().__init__()
        width = size(tensors, "conv_seg.weight", 1, 512)
        self.psp_modules = pooled(channels, width, scales)
        self.bottleneck = unit(channels + len(scales) * width, width, 3)
        self.conv_seg = nn.Conv2d(width, outputs(tensors, "conv_seg", 19), 1)

    def forward(self, features: Features) -> torch.Tensor:
        """Float32[n classes h w] at the last feature's size."""
        top = merged(features[-1], self.psp_modules, self.bottleneck)
        logits: torch.Tensor = self.conv_seg(top)
        return logits


def merged(x: torch.Tensor, pools: nn.ModuleList, bottleneck: nn.Module) -> torch.Tensor:
    """The feature and its pooled parts, brought back to its size, through the bottleneck."""
    parts = [upsample(pool(x), x, align_corners=False) for pool in pools]
    top: torch.Tensor = bottleneck(torch.cat([x, *parts], dim=1))
    return top


class ASPPHead(nn.Module):
    """DeepLabV3, and V3+ where there are shallow features (`c1_bottleneck`) beside.

    Args:
        channels: of the four features.
        tensors: of the head, without its prefix.
        rates: of the atrous convolutions; the first is 1 and is a 1x1 convolution.
    """

    def __init__(self, channels: Sequence[int], tensors: Tensors, rates: Sequence[int]) -> None:
        super().__init__()
        deep, width = channels[-1], size(tensors, "bottleneck.conv.weight", 0, 512)
        split = has(tensors, "aspp_modules.1.depthwise_conv.")
        self.image_pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), unit(deep, width))
        self.aspp_modules = nn.ModuleList([unit(deep, width)])
        for rate in rates[1:]:
            self.aspp_modules.append(
                separable(deep, width, rate) if split else unit(deep, width, 3, rate)
            )
        self.bottleneck = unit((len(rates) + 1) * width, width, 3)
        self.plus = has(tensors, "sep_bottleneck.")
        low = size(tensors, "c1_bottleneck.conv.weight", 0, 0)
        if low:
            self.c1_bottleneck = unit(channels[0], low)
        if self.plus:
            self.sep_bottleneck = nn.Sequential(
                separable(width + low, width), separable(width, width)
            )
        self.conv_seg = nn.Conv2d(width, outputs(tensors, "conv_seg", 19), 1)

    def forward(self, features: Features) -> torch.Tensor:
        """Float32[n classes h w] at the size of the last feature, with V3+ of the first."""
        x = features[-1]
        parts = [upsample(self.image_pool(x), x, align_corners=False)]
        parts += [atrous(x) for atrous in self.aspp_modules]
        x = self.bottleneck(torch.cat(parts, dim=1))
        if hasattr(self, "c1_bottleneck"):
            low = self.c1_bottleneck(features[0])
            x = torch.cat([upsample(x, low, align_corners=False), low], dim=1)
        if self.plus:
            x = self.sep_bottleneck(x)
        logits: torch.Tensor = self.conv_seg(x)
        return logits


class UPerHead(nn.Module):
    """A feature pyramid whose top is pooled over larger and larger parts."""

    def __init__(self, channels: Sequence[int], tensors: Tensors, scales: Sequence[int]) -> None:
        super().__init__()
        width = size(tensors, "conv_seg.weight", 1, 512)
        self.psp_modules = pooled(channels[-1], width, scales)
        self.bottleneck = unit(channels[-1] + len(scales) * width, width, 3)
        self.lateral_convs = nn.ModuleList(unit(c, width) for c in channels[:-1])
        self.fpn_convs = nn.ModuleList(unit(width, width, 3) for _ in channels[:-1])
        self.fpn_bottleneck = unit(len(channels) * width, width, 3)
        self.conv_seg = nn.Conv2d(width, outputs(tensors, "conv_seg", 19), 1)

    def forward(self, features: Features) -> torch.Tensor:
        """Float32[n classes h w] at the first feature's size."""
        pairs = zip(self.lateral_convs, features[:-1], strict=True)
        levels = [lateral(x) for lateral, x in pairs]
        levels.append(merged(features[-1], self.psp_modules, self.bottleneck))
        for at in range(len(levels) - 1, 0, -1):
            levels[at - 1] = levels[at - 1] + upsample(
                levels[at], levels[at - 1], align_corners=False
            )
        refined = [conv(x) for conv, x in zip(self.fpn_convs, levels[:-1], strict=True)]
        same = [upsample(x, refined[0], align_corners=False) for x in (*refined, levels[-1])]
        logits: torch.Tensor = self.conv_seg(self.fpn_bottleneck(torch.cat(same, dim=1)))
        return logits


class SegFormerHead(nn.Module):
    """Every feature to one width and one size, merged by a 1x1 convolution."""

    def __init__(self, channels: Sequence[int], tensors: Tensors) -> None:
        super().__init__()
        width = size(tensors, "conv_seg.weight", 1, 256)
        self.convs = nn.ModuleList(unit(c, width) for c in channels)
        self.fusion_conv = unit(len(channels) * width, width)
        self.conv_seg = nn.Conv2d(width, outputs(tensors, "conv_seg", 19), 1)

    def forward(self, features: Features) -> torch.Tensor:
        """Float32[n classes h w] at the first feature's size."""
        levels = [conv(x) for conv, x in zip(self.convs, features, strict=True)]
        same = [upsample(x, levels[0], align_corners=False) for x in levels]
        logits: torch.Tensor = self.conv_seg(self.fusion_conv(torch.cat(same, dim=1)))
        return logits
