"""PIDNet of github.com/XuJiacong/PIDNet: branches for detail, context and borders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import nn

from core.architectures.families.blocks import conv_norm, upsample
from core.architectures.families.realtime.dual import (
    LastHead,
    PooledContext,
    Residual,
    before,
    entrance,
    stage,
)
from core.architectures.families.realtime.mmseg_names import as_originals, in_its_own_names
from core.architectures.families.realtime.parts import built
from core.architectures.families.repositories.repository_source import repository_source
from core.architectures.network import Network, Source, Tensors
from core.architectures.shapes import count, has, outputs, size
from core.checkpoint import Checkpoint

EXTRAS = ("seghead_p", "seghead_d")
NAMES = {(32, 2): "PIDNet-S", (64, 2): "PIDNet-M", (64, 3): "PIDNet-L"}  # width, blocks of layer 1


def matches(checkpoint: Checkpoint) -> bool:
    """Whether the keys are laid out as in that repository, or as mmsegmentation names them."""
    return has(
        as_originals(checkpoint.tensors),
        "pag3.f_x.",
        "layer3_d.",
        "spp.scale0.",
        "final_layer.conv2.",
    )


def build(checkpoint: Checkpoint, chosen: Mapping[str, str]) -> Network:
    """Rebuild the network; widths and depths are in the keys and shapes.

    Raises:
        ArchitectureError: tensors are missing or have another shape.
    """
    tensors = as_originals(checkpoint.tensors)
    width, blocks = size(tensors, "conv1.0.weight", 0, 64), count(tensors, "layer1.")
    network = built(
        PIDNet,
        replace(checkpoint, tensors=tensors),
        NAMES.get((width, blocks), f"PIDNet of {width} channels"),
        first="conv1.0.weight",
        last="final_layer.conv2",
        idle=tuple(f"{name}." for name in EXTRAS),
        source=_source(tensors, width, blocks),
    )
    return in_its_own_names(network, checkpoint.tensors)


def _source(tensors: Tensors, width: int, blocks: int) -> Source:
    return repository_source(
        "github.com/XuJiacong/PIDNet",
        "models.pidnet",
        "PIDNet",
        f"m={blocks}",
        f"n={count(tensors, 'layer3.')}",
        f"num_classes={outputs(tensors, 'final_layer.conv2', 19)}",
        f"planes={width}",
        f"ppm_planes={size(tensors, 'spp.scale0.2.weight', 0, 96)}",
        f"head_planes={size(tensors, 'final_layer.conv1.weight', 0, 128)}",
        f"augment={has(tensors, EXTRAS[0])}",
        head="network(x)[0][1]" if has(tensors, EXTRAS[0]) else "network(x)[0]",
    )


class PIDNet(nn.Module):
    """The three branches and their heads.

    Args:
        tensors: their names and shapes tell all sizes.
    """

    def __init__(self, tensors: Tensors) -> None:
        super().__init__()
        width = size(tensors, "conv1.0.weight", 0, 64)
        fine = 2 * width
        self.conv1 = entrance(tensors, width)
        channels = width
        for number, out in enumerate((1, 2, 4, 8, 8), start=1):
            step = 1 if number == 1 else 2
            layers = stage(tensors, f"layer{number}", channels, out * width, step)
            self.add_module(f"layer{number}", layers)
            channels = out * width
        for number, deep in ((3, 4 * width), (4, 8 * width)):
            self.add_module(f"compression{number}", conv_norm(deep, fine, 1, relu=None))
            self.add_module(f"pag{number}", Guided(tensors, f"pag{number}", fine))
            self.add_module(f"layer{number}_", stage(tensors, f"layer{number}_", fine, fine))
            borders = size(tensors, f"diff{number}.0.weight", 0, fine)
            self.add_module(f"diff{number}", conv_norm(deep, borders, relu=None))
        self.layer3_d = Residual(fine, size(tensors, "layer3_d.conv1.weight", 0, fine), relu=False)
        self.layer4_d = _borders(tensors, width)
        self.layer5_ = stage(tensors, "layer5_", fine, fine)
        self.layer5_d = stage(tensors, "layer5_d", fine, fine)
        self.spp = PooledContext(tensors, 16 * width, 4 * width)
        self.dfm: nn.Module = Bag(4 * width) if has(tensors, "dfm.conv.") else LightBag(4 * width)
        for name, entering in zip(EXTRAS, (fine, fine), strict=True):
            if has(tensors, f"{name}."):
                self.add_module(name, LastHead(tensors, name, entering))
        self.final_layer = LastHead(tensors, "final_layer", 4 * width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n c h w] to logits of an eighth of the size."""
        for name in ("conv1", "layer1", "layer2"):
            x = F.relu(self.get_submodule(name)(x))
        fine = borders = x
        for number in (3, 4):
            fine = self.get_submodule(f"layer{number}_")(fine)
            borders = self.get_submodule(f"layer{number}_d")(borders)
            x = F.relu(self.get_submodule(f"layer{number}")(x))
            told = self.get_submodule(f"compression{number}")(x)
            fine = F.relu(self.get_submodule(f"pag{number}")(fine, told))
            told = self.get_submodule(f"diff{number}")(x)
            borders = F.relu(borders + upsample(told, borders, align_corners=False))
        fine, borders = self.layer5_(fine), self.layer5_d(borders)
        context = upsample(self.spp(self.get_submodule("layer5")(x)), borders, align_corners=False)
        logits: torch.Tensor = self.final_layer(self.dfm(fine, context, borders))
        return logits


def _borders(tensors: Tensors, width: int) -> nn.Module:
    """Layer 4 of the branch for borders: a deep stage in S and M, one block in L."""
    if has(tensors, "layer4_d.0."):
        return stage(tensors, "layer4_d", width, width)
    return Residual(2 * width, 2 * width, relu=False)


class Guided(nn.Module):
    """Fine features take of the context where both are alike."""

    def __init__(self, tensors: Tensors, name: str, channels: int) -> None:
        super().__init__()
        width = size(tensors, f"{name}.f_x.0.weight", 0, channels // 2)
        self.f_x = conv_norm(channels, width, 1, relu=None)
        self.f_y = conv_norm(channels, width, 1, relu=None)

    def forward(self, fine: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """Both Float32[n c h w]; the result is as large as the fine one."""
        query = upsample(self.f_y(context), fine, align_corners=False)
        alike = torch.sigmoid((self.f_x(fine) * query).sum(dim=1, keepdim=True))
        context = upsample(context, fine, align_corners=False)
        return (1 - alike) * fine + alike * context


class Bag(nn.Module):
    """Detail at the borders, context elsewhere, through a 3x3 convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(*before(channels, channels, 3))

    def forward(
        self, fine: torch.Tensor, context: torch.Tensor, borders: torch.Tensor
    ) -> torch.Tensor:
        """Three of Float32[n channels h w] to one."""
        edge = torch.sigmoid(borders)
        joined: torch.Tensor = self.conv(edge * fine + (1 - edge) * context)
        return joined


class LightBag(nn.Module):
    """The same with two 1x1 convolutions, as S and M have it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_p = conv_norm(channels, channels, 1, relu=None)
        self.conv_i = conv_norm(channels, channels, 1, relu=None)

    def forward(
        self, fine: torch.Tensor, context: torch.Tensor, borders: torch.Tensor
    ) -> torch.Tensor:
        """Three of Float32[n channels h w] to one."""
        edge = torch.sigmoid(borders)
        fine_part = self.conv_p((1 - edge) * context + fine)
        joined: torch.Tensor = fine_part + self.conv_i(context + edge * fine)
        return joined
