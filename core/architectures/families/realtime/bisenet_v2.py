"""BiSeNet v2 of github.com/CoinCheung/BiSeNet: branches for detail and for meaning."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import nn

from core.architectures.families.blocks import conv_norm
from core.architectures.families.realtime.parts import Unit, built, depthwise, listed
from core.architectures.families.repositories.repository_source import repository_source
from core.architectures.network import Network, Tensors
from core.architectures.shapes import count, has, outputs, size
from core.checkpoint import Checkpoint

EXTRAS = {"aux2": 4, "aux3": 8, "aux4": 16, "aux5_4": 32}  # how much each is enlarged
STAGES = ("S3", "S4", "S5_4")
LAST = "head.conv_out.1"


def matches(checkpoint: Checkpoint) -> bool:
    """Whether the keys are laid out as in that repository."""
    return has(checkpoint.tensors, "detail.S1.0.conv.", "segment.S1S2.", "bga.left1.", f"{LAST}.")


def build(checkpoint: Checkpoint, chosen: Mapping[str, str]) -> Network:
    """Rebuild the network; widths and depths are in the keys and shapes.

    Raises:
        ArchitectureError: tensors are missing or have another shape.
    """
    tensors = checkpoint.tensors
    aux = has(tensors, "aux2.")
    return built(
        BiSeNetV2,
        checkpoint,
        "BiSeNet v2",
        first="detail.S1.0.conv.weight",
        last=LAST,
        idle=tuple(f"{name}." for name in EXTRAS),
        source=repository_source(
            "github.com/CoinCheung/BiSeNet",
            "lib.models.bisenetv2",
            "BiSeNetV2",
            f"n_classes={outputs(tensors, LAST, 19)}",
            f'aux_mode="{"train" if aux else "eval"}"',
            head="network(x)[0]",
        ),
    )


class BiSeNetV2(nn.Module):
    """Both branches, each weighed by the other, and the heads; only the first one runs.

    Args:
        tensors: their names and shapes tell all sizes.
    """

    def __init__(self, tensors: Tensors) -> None:
        super().__init__()
        self.detail = listed({name: _detail(tensors, name) for name in ("S1", "S2", "S3")})
        self.segment = Meaning(tensors)
        self.bga = Weighed(size(tensors, "bga.left1.0.weight", 0, 128))
        self.head = SegmentHead(tensors, "head", 8)
        for name, factor in EXTRAS.items():
            if has(tensors, f"{name}."):
                self.add_module(name, SegmentHead(tensors, name, factor))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n c h w] to logits of the same size, where that is a multiple of 8."""
        logits: torch.Tensor = self.head(self.bga(self.detail(x), self.segment(x)))
        return logits


def _detail(tensors: Tensors, name: str) -> nn.Sequential:
    """Units of one width, the first of which halves the size."""
    units = []
    for number in range(count(tensors, f"detail.{name}.")):
        weight = f"detail.{name}.{number}.conv.weight"
        channels, width = size(tensors, weight, 1, 3), size(tensors, weight, 0, 64)
        units.append(Unit(channels, width, 3, 2 if number == 0 else 1))
    return nn.Sequential(*units)


class Meaning(nn.Module):
    """A stem, three stages of gathering blocks, and the mean of the picture added."""

    def __init__(self, tensors: Tensors) -> None:
        super().__init__()
        self.S1S2 = Stem(tensors)
        for name in STAGES:
            number = count(tensors, f"segment.{name}.")
            blocks = (Gathering(tensors, f"segment.{name}.{n}") for n in range(number))
            self.add_module(name, nn.Sequential(*blocks))
        self.S5_5 = WithMean(size(tensors, "segment.S5_5.bn.weight", 0, 128))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n c h w] to features of a 32nd of the size."""
        x = self.S1S2(x)
        for name in STAGES:
            x = self.get_submodule(name)(x)
        y: torch.Tensor = self.S5_5(x)
        return y


class Stem(nn.Module):
    """A quarter of the size by convolutions and by the largest value, side by side."""

    def __init__(self, tensors: Tensors) -> None:
        super().__init__()
        weight = "segment.S1S2.conv.conv.weight"
        width = size(tensors, weight, 0, 16)
        narrow = size(tensors, "segment.S1S2.left.0.conv.weight", 0, width // 2)
        self.conv = Unit(size(tensors, weight, 1, 3), width, 3, 2)
        self.left = nn.Sequential(Unit(width, narrow, 1), Unit(narrow, width, 3, 2))
        self.right = nn.MaxPool2d(3, 2, 1)
        self.fuse = Unit(2 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n c h w] to features of a quarter of the size."""
        x = self.conv(x)
        y: torch.Tensor = self.fuse(torch.cat([self.left(x), self.right(x)], dim=1))
        return y


class Gathering(nn.Module):
    """Widen each channel by itself, narrow across, and add; one with a shortcut halves the size."""

    def __init__(self, tensors: Tensors, name: str) -> None:
        super().__init__()
        channels = size(tensors, f"{name}.conv1.conv.weight", 0, 16)
        hidden = size(tensors, f"{name}.conv2.0.weight", 1, 6 * channels)
        out = size(tensors, f"{name}.conv2.0.weight", 0, channels)
        self.conv1 = Unit(channels, channels)
        self.halves = has(tensors, f"{name}.dwconv1.")
        if self.halves:
            self.dwconv1 = _widening(channels, hidden, 2)
            self.dwconv2 = conv_norm(hidden, hidden, groups=hidden)
            across = conv_norm(channels, out, 1, relu=None)
            self.shortcut = nn.Sequential(*depthwise(channels, channels, 2), *across)
        else:
            self.dwconv = nn.Sequential(*_widening(channels, hidden), nn.ReLU(inplace=True))
        self.conv2 = conv_norm(hidden, out, 1, relu=None)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n channels h w] to Float32[n out h w], or half as large."""
        y = self.conv1(x)
        y = self.dwconv2(self.dwconv1(y)) if self.halves else self.dwconv(y)
        return F.relu(self.conv2(y) + (self.shortcut(x) if self.halves else x))


def _widening(channels: int, hidden: int, stride: int = 1) -> nn.Sequential:
    return conv_norm(channels, hidden, stride=stride, groups=channels, relu=None)


class WithMean(nn.Module):
    """The features with the mean of the whole picture added."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(channels)
        self.conv_gap, self.conv_last = Unit(channels, channels, 1), Unit(channels, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n channels h w] to the same."""
        mean = self.conv_gap(self.bn(x.mean(dim=(2, 3), keepdim=True)))
        y: torch.Tensor = self.conv_last(x + mean)
        return y


class Weighed(nn.Module):
    """Detail times what meaning lets pass, plus meaning times what detail lets pass."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.left1, self.right2 = _across(channels), _across(channels)
        halved = conv_norm(channels, channels, stride=2, relu=None)
        self.left2 = nn.Sequential(*halved, nn.AvgPool2d(3, 2, 1))
        self.right1 = conv_norm(channels, channels, relu=None)
        self.conv = conv_norm(channels, channels)

    def forward(self, detail: torch.Tensor, meaning: torch.Tensor) -> torch.Tensor:
        """Of an eighth and of a 32nd of the size, to an eighth."""
        size = detail.shape[-2:]
        gate = F.interpolate(self.right1(meaning), size, mode="nearest")
        right = self.left2(detail) * torch.sigmoid(self.right2(meaning))
        right = F.interpolate(right, size, mode="nearest")
        y: torch.Tensor = self.conv(self.left1(detail) * torch.sigmoid(gate) + right)
        return y


def _across(channels: int) -> nn.Sequential:
    """Each channel by itself, then across."""
    return nn.Sequential(
        *depthwise(channels, channels), nn.Conv2d(channels, channels, 1, bias=False)
    )


class SegmentHead(nn.Module):
    """A unit, another one on twice the size in the heads of training, the classes, enlarged."""

    def __init__(self, tensors: Tensors, name: str, factor: int) -> None:
        super().__init__()
        weight = f"{name}.conv.conv.weight"
        width, entering = size(tensors, weight, 0, 1024), size(tensors, weight, 1, 128)
        self.conv = Unit(entering, width)
        wider: nn.Module = nn.Identity()
        if has(tensors, f"{name}.conv_out.0."):
            middle = size(tensors, f"{name}.conv_out.0.1.conv.weight", 0, factor**2)
            wider = nn.Sequential(nn.Upsample(scale_factor=2), Unit(width, middle))
            width, factor = middle, factor // 2
        classes = nn.Conv2d(width, outputs(tensors, f"{name}.conv_out.1", 19), 1)
        larger = nn.Upsample(scale_factor=factor, mode="bilinear", align_corners=False)
        self.conv_out = nn.Sequential(wider, classes, larger)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n channels h w] to logits, `factor` times as large."""
        logits: torch.Tensor = self.conv_out(self.conv(x))
        return logits
