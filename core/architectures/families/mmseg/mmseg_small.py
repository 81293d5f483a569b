"""Fast-SCNN and ERFNet as mmsegmentation builds them.

Facts: https://arxiv.org/abs/1902.04502, ERFNet (IEEE T-ITS 2018); mmseg/models/backbones.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from core.architectures.families.blocks import upsample
from core.architectures.families.kept import below
from core.architectures.families.mmseg.mmseg_units import (
    separable_of,
    unit_of,
    width_of,
)
from core.architectures.families.realtime.erfnet import EPSILON, RATES, Doubling, Halving
from core.architectures.network import Tensors
from core.architectures.shapes import count, has, size

SCALES = (1, 2, 3, 6)  # the pooled context is as many numbers a side, in all configs


def pools_of(tensors: Tensors, name: str, channels: int) -> nn.ModuleList:
    """The picture as 1, 4, 9, 36 numbers per channel."""
    return nn.ModuleList(
        nn.Sequential(nn.AdaptiveAvgPool2d(scale), unit_of(tensors, f"{name}.{n}.1", channels))
        for n, scale in enumerate(SCALES)
    )


def pooled_beside(x: torch.Tensor, pools: nn.ModuleList) -> list[torch.Tensor]:
    """What each of them gives, enlarged again."""
    return [upsample(pool(x), x, align_corners=False) for pool in pools]


# --- Fast-SCNN ------------------------------------------------------------------------------------


class FastSCNN(nn.Module):
    """Detail of an eighth of the size, beside the context of a 32nd."""

    def __init__(self, tensors: Tensors) -> None:
        super().__init__()
        down = nn.Module()
        channels = size(tensors, "learning_to_downsample.conv.conv.weight", 1, 3)
        down.conv = unit_of(tensors, "learning_to_downsample.conv", channels, 2)
        channels = width_of(down)
        for name in ("dsconv1", "dsconv2"):
            made = separable_of(tensors, f"learning_to_downsample.{name}", channels, 2)
            down.add_module(name, made)
            channels = width_of(made)
        self.learning_to_downsample = down
        self.global_feature_extractor = Whole(below(tensors, "global_feature_extractor."), channels)
        deep = width_of(self.global_feature_extractor.out)
        self.feature_fusion = Fusion(below(tensors, "feature_fusion."), channels, deep)
        self.channels = [width_of(self.feature_fusion)]

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Float32[n c h w] to one feature of an eighth of the size."""
        for unit in self.learning_to_downsample.children():
            x = unit(x)
        return [self.feature_fusion(x, self.global_feature_extractor(x))]


class Whole(nn.Module):
    """Bottlenecks, and their output pooled over larger and larger parts."""

    def __init__(self, tensors: Tensors, channels: int) -> None:
        super().__init__()
        for number, stride in ((1, 2), (2, 2), (3, 1)):
            name, blocks = f"bottleneck{number}", nn.Sequential()
            for block in range(count(tensors, f"{name}.")):
                step = stride if block == 0 else 1
                blocks.append(Widened(below(tensors, f"{name}.{block}."), channels, step))
                channels = width_of(blocks)
            self.add_module(name, blocks)
        self.ppm = pools_of(tensors, "ppm", channels)
        joined = channels + sum(width_of(pool) for pool in self.ppm)
        self.out = unit_of(tensors, "out", joined)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """An eighth of the size to a 32nd."""
        for number in (1, 2, 3):
            x = self.get_submodule(f"bottleneck{number}")(x)
        y: torch.Tensor = self.out(torch.cat([x, *pooled_beside(x, self.ppm)], dim=1))
        return y


class Widened(nn.Module):
    """Widen, filter each channel, narrow; added where size and channels stay."""

    def __init__(self, tensors: Tensors, channels: int, stride: int) -> None:
        super().__init__()
        wide = unit_of(tensors, "conv.0", channels)
        hidden = width_of(wide)
        alone = unit_of(tensors, "conv.1", hidden, stride)
        self.conv = nn.Sequential(wide, alone, unit_of(tensors, "conv.2", hidden, relu=False))
        self.adds = stride == 1 and channels == width_of(self.conv)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n channels h w] to Float32[n out h/stride w/stride]."""
        y: torch.Tensor = self.conv(x)
        return x + y if self.adds else y


class Fusion(nn.Module):
    """Detail, and context enlarged to its size, added."""

    def __init__(self, tensors: Tensors, fine: int, deep: int) -> None:
        super().__init__()
        self.dwconv = unit_of(tensors, "dwconv", deep)
        self.conv_lower_res = unit_of(tensors, "conv_lower_res", width_of(self.dwconv), relu=False)
        self.conv_higher_res = unit_of(tensors, "conv_higher_res", fine, relu=False)

    def forward(self, detail: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """Of an eighth and of a 32nd of the size, to an eighth."""
        context = self.dwconv(upsample(context, detail, align_corners=False))
        return F.relu(self.conv_higher_res(detail) + self.conv_lower_res(context))


# --- ERFNet ---------------------------------------------------------------------------------------


class ERFNet(nn.Module):
    """Halvings with residual blocks of rows and columns between them, and two doublings."""

    def __init__(self, tensors: Tensors) -> None:
        super().__init__()
        deep = size(tensors, "decoder.0.conv.weight", 0, 128)
        self.encoder, dilated = nn.ModuleList(), 0
        for number in range(count(tensors, "encoder.")):
            name = f"encoder.{number}"
            if has(tensors, f"{name}.conv."):
                self.encoder.append(AnyHalving(tensors, name))
                continue
            gaps = size(tensors, f"{name}.convs_layers.0.weight", 0, 64) == deep
            rate = RATES[dilated % len(RATES)] if gaps else 1
            self.encoder.append(Block(tensors, name, rate))
            dilated += gaps
        self.decoder = nn.ModuleList()
        for number in range(count(tensors, "decoder.")):
            name = f"decoder.{number}"
            doubles = has(tensors, f"{name}.conv.")
            self.decoder.append(Doubling(tensors, name) if doubles else Block(tensors, name, 1))
        last = f"decoder.{len(self.decoder) - 1}.convs_layers.0.weight"
        self.channels = [size(tensors, last, 0, 16)]

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Float32[n c h w] to one feature of half the size."""
        for layer in (*self.encoder, *self.decoder):
            x = layer(x)
        return [x]


class AnyHalving(Halving):
    """The same where the size is odd: the largest values are brought to the convolution's size."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n c h w] to features of half the size."""
        y = self.conv(x)
        most = upsample(F.max_pool2d(x, 2, 2), y, align_corners=False)
        return F.relu(self.bn(torch.cat([y, most], dim=1)))


class Block(nn.Module):
    """Columns, rows, and both again with gaps, added."""

    def __init__(self, tensors: Tensors, name: str, rate: int) -> None:
        super().__init__()
        width = size(tensors, f"{name}.convs_layers.0.weight", 0, 64)
        layers: list[nn.Module] = []
        for gap, last in ((1, nn.ReLU()), (rate, nn.Identity())):
            column = nn.Conv2d(width, width, (3, 1), padding=(gap, 0), dilation=(gap, 1))
            row = nn.Conv2d(width, width, (1, 3), padding=(0, gap), dilation=(1, gap))
            layers += [column, nn.ReLU(), row, nn.BatchNorm2d(width, EPSILON), last]
        self.convs_layers = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n width h w] to the same."""
        return F.relu(x + self.convs_layers(x))
