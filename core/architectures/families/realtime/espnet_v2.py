"""ESPNetv2 of github.com/sacmehta/EdgeNets: filters with gaps, added one after the other.

Facts: https://arxiv.org/abs/1811.11431; nn_layers/eesp.py, nn_layers/efficient_pyramid_pool.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import ceil, gcd

import torch
import torch.nn.functional as F
from torch import nn

from core.architectures.families.blocks import upsample
from core.architectures.families.realtime.parts import Layers, built
from core.architectures.network import Network, Tensors
from core.architectures.shapes import count, has, outputs, size
from core.architectures.sizes import Sizes
from core.checkpoint import Checkpoint

BRANCHES = 4  # filters side by side in a block, and groups of the 1x1 convolutions around them
GAPS = (1, 2, 3, 4)  # of those filters, at a quarter and an eighth of the size ...
DEEP_GAPS = (1, 1, 2, 3)  # ... and at a 16th: no further than 7 pixels
SCALES = (2.0, 1.5, 1.0, 0.5, 0.1)  # of the pyramid's copies
SMALLEST = 5  # pixels a side of such a copy
STEP = 16  # its halvings and doublings meet at multiples of it
FIRST, LAST = "base_net.level1.conv.weight", "bu_dec_l4.merge_layer.3"


def matches(checkpoint: Checkpoint) -> bool:
    """Whether the keys are laid out as in that repository."""
    tensors = checkpoint.tensors
    return has(tensors, "base_net.level2_0.eesp.", "bu_dec_l1.", f"{LAST}.", "merge_enc_dec_l2.")


def build(checkpoint: Checkpoint, chosen: Mapping[str, str]) -> Network:
    """Rebuild the network; widths and depths are in the keys and shapes.

    Raises:
        ArchitectureError: tensors are missing or have another shape.
    """
    network = built(ESPNetV2, checkpoint, "ESPNetv2", first=FIRST, last=LAST)
    return replace(network, sizes=Sizes().in_steps(STEP))


class ESPNetV2(nn.Module):
    """To a 16th of the size, and back up to half of it, each step beside what was there before.

    Args:
        tensors: their names and shapes tell all sizes.
    """

    def __init__(self, tensors: Tensors) -> None:
        super().__init__()
        self.base_net = Encoder(tensors)
        fine, quarter, eighth, deep = self.base_net.widths
        width = deep
        for number, beside in ((1, eighth), (2, quarter), (3, fine), (4, 0)):
            pyramid = Pyramid(tensors, f"bu_dec_l{number}", width)
            self.add_module(f"bu_dec_l{number}", pyramid)
            width = pyramid.out
            if beside:
                name = f"merge_enc_dec_l{number + 1}"
                self.add_module(name, Weighed(tensors, name, beside, width))
                self.add_module(f"bu_br_l{number + 1}", normed(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n c h w] to logits of the same size; it fits multiples of 16."""
        run = self.get_submodule
        *shallow, y = self.base_net(x)
        for number, beside in enumerate(reversed(shallow), start=2):
            y = run(f"bu_dec_l{number - 1}")(y)
            y = F.interpolate(y, scale_factor=2, mode="bilinear", align_corners=True)
            y = run(f"bu_br_l{number}")(run(f"merge_enc_dec_l{number}")(beside) + y)
        return upsample(run("bu_dec_l4")(y), x, align_corners=True)


def normed(width: int) -> nn.Sequential:
    """BatchNorm and PReLU of each channel."""
    return nn.Sequential(nn.BatchNorm2d(width), nn.PReLU(width))


class Encoder(nn.Module):
    """Features of half, a quarter, an eighth and a 16th of the size."""

    def __init__(self, tensors: Tensors) -> None:
        super().__init__()
        picture = size(tensors, FIRST, 1, 3)
        self.level1 = Layers(tensors, "base_net.level1", picture, 2)
        self.widths = [self.level1.out]
        for level in (2, 3, 4):
            name = f"base_net.level{level}"
            down = Halving(tensors, f"{name}_0", self.widths[-1], picture)
            self.add_module(f"level{level}_0", down)
            gaps = DEEP_GAPS if level == 4 else GAPS
            blocks = [
                Block(tensors, f"{name}.{n}", down.out, 1, gaps)
                for n in range(count(tensors, f"{name}."))
            ]
            if blocks:
                self.add_module(f"level{level}", nn.Sequential(*blocks))
            self.widths.append(down.out)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Float32[n c h w] to four features, the largest first."""
        features = [self.level1(x)]
        for level in (2, 3, 4):
            y = self.get_submodule(f"level{level}_0")(features[-1], x)
            if hasattr(self, f"level{level}"):
                y = self.get_submodule(f"level{level}")(y)
            features.append(y)
        return features


class Block(nn.Module):
    """Narrow, filter with four gaps, add one after the other, side by side (EESP).

    Args:
        tensors: of the network.
        name: of the block.
        channels: that come in.
        stride: of the filters; with 2 the last activation is left to the caller.
        gaps: dilations of the filters.
    """

    def __init__(
        self, tensors: Tensors, name: str, channels: int, stride: int, gaps: tuple[int, ...]
    ) -> None:
        super().__init__()
        self.proj_1x1 = Layers(tensors, f"{name}.proj_1x1", channels)
        narrow, self.halves = self.proj_1x1.out, stride == 2
        self.spp_dw = nn.ModuleList(
            Layers(tensors, f"{name}.spp_dw.{n}", narrow, stride, gap, has_norm=False)
            for n, gap in enumerate(gaps)
        )
        joined = narrow * len(gaps)
        self.br_after_cat = nn.Module()
        self.br_after_cat.bn, self.br_after_cat.act = normed(joined)
        self.conv_1x1_exp = Layers(tensors, f"{name}.conv_1x1_exp", joined, acts=False)
        self.out = self.conv_1x1_exp.out
        self.module_act = nn.PReLU(self.out)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n channels h w] to Float32[n out h/stride w/stride]."""
        narrow = self.proj_1x1(x)
        sums = [self.spp_dw[0](narrow)]
        for dilated in self.spp_dw[1:]:
            sums.append(dilated(narrow) + sums[-1])
        y = torch.cat(sums, dim=1)
        for layer in (*self.br_after_cat.children(), self.conv_1x1_exp):
            y = layer(y)
        added: torch.Tensor = y + x if y.shape == x.shape else y
        return added if self.halves else self.module_act(added)


class Halving(nn.Module):
    """A block and the mean, side by side, with the picture itself, made as small, added."""

    def __init__(self, tensors: Tensors, name: str, channels: int, picture: int) -> None:
        super().__init__()
        self.eesp = Block(tensors, f"{name}.eesp", channels, 2, GAPS)
        self.out = channels + self.eesp.out
        if has(tensors, f"{name}.inp_reinf."):
            first = Layers(tensors, f"{name}.inp_reinf.0", picture)
            second = Layers(tensors, f"{name}.inp_reinf.1", first.out, acts=False)
            self.inp_reinf = nn.Sequential(first, second)
        self.act = nn.PReLU(self.out)

    def forward(self, x: torch.Tensor, picture: torch.Tensor) -> torch.Tensor:
        """Float32[n channels h w] to Float32[n out h/2 w/2]."""
        mean = F.avg_pool2d(x, 3, 2, 1)
        y = torch.cat([mean, self.eesp(x)], dim=1)
        if hasattr(self, "inp_reinf"):
            while picture.shape[-2] > mean.shape[-2]:
                picture = F.avg_pool2d(picture, 3, 2, 1)
            y = y + self.inp_reinf(picture)
        halved: torch.Tensor = self.act(y)
        return halved


class Row(nn.Module):
    """Layers under `cbr` or `br`: a convolution where one is given, BatchNorm, PReLU."""

    def __init__(self, width: int, conv: nn.Conv2d | None = None) -> None:
        super().__init__()
        layers = [*([conv] if conv is not None else []), *normed(width)]
        self.add_module("br" if conv is None else "cbr", nn.Sequential(*layers))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n c h w] to Float32[n width h w]."""
        for layer in self.children():
            x = layer(x)
        return x


class Weighed(nn.Module):
    """A filter of groups, every channel weighed by what the means of the input decide."""

    def __init__(self, tensors: Tensors, name: str, channels: int, out: int) -> None:
        super().__init__()
        conv = nn.Conv2d(channels, out, 3, padding=1, groups=gcd(channels, out), bias=False)
        self.expansion_layer = Row(out, conv)
        weigh = nn.Conv2d(channels, out, 1, bias=False)
        self.wt_layer = nn.Sequential(nn.AdaptiveAvgPool2d(1), weigh, nn.Sigmoid())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n channels h w] to Float32[n out h w]."""
        weighed: torch.Tensor = self.expansion_layer(x) * self.wt_layer(x)
        return weighed


class Pyramid(nn.Module):
    """Copies of several sizes, filtered, and what each place has in all of them joined.

    Args:
        tensors: of the network.
        name: of the pyramid.
        channels: that come in.
    """

    def __init__(self, tensors: Tensors, name: str, channels: int) -> None:
        super().__init__()
        narrow = size(tensors, f"{name}.projection_layer.cbr.0.weight", 0, 16)
        joined, last = narrow * len(SCALES), f"{name}.merge_layer.3"
        self.projection_layer = Row(narrow, nn.Conv2d(channels, narrow, 1, bias=False))
        self.stages = nn.ModuleList(
            nn.Conv2d(narrow, narrow, 3, padding=1, groups=narrow, bias=False) for _ in SCALES
        )
        self.out = outputs(tensors, last, 21)
        filtered = nn.Conv2d(joined, narrow, 3, padding=1, groups=narrow, bias=False)
        self.merge_layer = nn.Sequential(
            Row(joined),
            nn.ChannelShuffle(len(SCALES)),
            Row(narrow, filtered),
            nn.Conv2d(narrow, self.out, 1, bias=f"{last}.bias" in tensors),
        )
        if has(tensors, f"{name}.br."):
            self.br = Row(self.out)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n channels h w] to Float32[n out h w]."""
        x = self.projection_layer(x)
        parts = [_at(scale, stage, x) for scale, stage in zip(SCALES, self.stages, strict=True)]
        y: torch.Tensor = self.merge_layer(torch.cat(parts, dim=1))
        return self.br(y) if hasattr(self, "br") else y


def _at(scale: float, stage: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """What a filter gives on a copy of another size, brought back."""
    height, width = here = (int(x.shape[-2]), int(x.shape[-1]))
    sides = (max(SMALLEST, ceil(height * scale)), max(SMALLEST, ceil(width * scale)))
    if scale == 1:
        same: torch.Tensor = stage(x)
        return same
    if scale < 1:
        y = stage(F.adaptive_avg_pool2d(x, sides))
        return F.interpolate(y, here, mode="bilinear", align_corners=True)
    y = stage(F.interpolate(x, sides, mode="bilinear", align_corners=True))
    return F.adaptive_avg_pool2d(y, here)
