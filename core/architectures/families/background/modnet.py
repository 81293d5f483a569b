"""MODNet: a portrait's matte from three branches on MobileNetV2.

Facts: github.com/ZHKKKe/MODNet (https://arxiv.org/abs/2011.11961). Two of the branches have a head
for the training; they are kept, and only the fused matte is run. It ends in a sigmoid.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import nn

from core.architectures.class_scores import ending_in
from core.architectures.families.blocks import InvertedResidual, conv_norm, mobilenet_steps
from core.architectures.families.repositories.repository_source import repository_source
from core.architectures.finish import finish
from core.architectures.network import Network, Tensors
from core.architectures.shapes import has, size
from core.architectures.sizes import Dimension, Sizes
from core.checkpoint import Checkpoint

FIRST, LAST = "backbone.model.features.0.0.weight", "f_branch.conv_f.1.layers.0"
STEP = 32  # pixels: sides are halved five times, and doubled again
ENDS = (1, 3, 6, 13, 18)  # the blocks of MobileNetV2 after which a feature is taken


def matches(checkpoint: Checkpoint) -> bool:
    """Whether the keys are laid out as in that repository."""
    return has(
        checkpoint.tensors, "lr_branch.se_block.", "hr_branch.tohr_enc2x.", "f_branch.conv_lr4x."
    )


def build(checkpoint: Checkpoint, chosen: Mapping[str, str]) -> Network:
    """Rebuild the network.

    Raises:
        ArchitectureError: tensors are missing or have another shape.
    """
    tensors = checkpoint.tensors
    source = repository_source(
        "github.com/ZHKKKe/MODNet", "src.models.modnet", "MODNet",
        f"in_channels={size(tensors, FIRST, 1, 3)}",
        f"hr_channels={size(tensors, 'hr_branch.tohr_enc2x.layers.0.weight', 0, 32)}",
        "backbone_pretrained=False",
    )  # fmt: skip
    network = finish(
        lambda: MODNet(tensors), checkpoint, "MODNet", first=FIRST, last=LAST,
        source=replace(source, heads={"out": "network(x, True)[2]"}),
    )  # fmt: skip
    side = Dimension(STEP, STEP, None, STEP)
    return replace(network, scores=ending_in("sigmoid"), sizes=Sizes(side, side))


class HalfNorm(nn.Module):
    """BatchNorm for the first half of the channels, InstanceNorm for the second."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = channels // 2
        self.bnorm = nn.BatchNorm2d(self.first)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n c h w], the size stays."""
        first = self.bnorm(x[:, : self.first].contiguous())
        return torch.cat((first, F.instance_norm(x[:, self.first :].contiguous())), 1)


class Unit(nn.Module):
    """Convolution, and maybe both norms and a ReLU, in the author's `layers`.

    Args:
        tensors: of the file.
        name: of this unit in it.
        stride: of the convolution.
    """

    def __init__(self, tensors: Tensors, name: str, stride: int = 1) -> None:
        super().__init__()
        key = f"{name}.layers.0.weight"
        out, entering, kernel = (size(tensors, key, axis, 1) for axis in (0, 1, 2))
        layers: list[nn.Module] = [nn.Conv2d(entering, out, kernel, stride, kernel // 2)]
        if has(tensors, f"{name}.layers.1."):
            layers += [HalfNorm(out), nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n c h w] to Float32[n out h/stride w/stride]."""
        made: torch.Tensor = self.layers(x)
        return made


def _units(tensors: Tensors, name: str, count: int) -> nn.Sequential:
    return nn.Sequential(*(Unit(tensors, f"{name}.{k}") for k in range(count)))


class Backbone(nn.Module):
    """MobileNetV2, whose features at five sizes are taken."""

    def __init__(self, tensors: Tensors) -> None:
        super().__init__()
        entering = size(tensors, FIRST, 1, 3)
        blocks = (
            InvertedResidual(step, pads_first=False, nested=False) for step in mobilenet_steps(32)
        )
        first = conv_norm(entering, 32, stride=2, relu=nn.ReLU6)
        last = conv_norm(320, 1280, 1, relu=nn.ReLU6)
        self.model = nn.Module()
        self.model.features = nn.Sequential(first, *blocks, last)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Float32[n c h w] to features at 1/2, 1/4, 1/8, 1/16 and 1/32."""
        found = []
        for k, block in enumerate(self.model.get_submodule("features").children()):
            x = block(x)
            if k in ENDS:
                found.append(x)
        return found


class LowResolution(nn.Module):
    """Where the person is, at 1/8; its own map at 1/16 is only trained."""

    def __init__(self, tensors: Tensors, name: str, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone
        fc = nn.Sequential()
        for place, activation in ((0, nn.ReLU(inplace=True)), (2, nn.Sigmoid())):
            key = f"{name}.se_block.fc.{place}.weight"
            out, entering = (size(tensors, key, axis, 1280) for axis in (0, 1))
            fc.append(nn.Linear(entering, out, bias=False)).append(activation)
        self.se_block = nn.Module()
        self.se_block.fc = fc
        self.conv_lr16x = Unit(tensors, f"{name}.conv_lr16x")
        self.conv_lr8x = Unit(tensors, f"{name}.conv_lr8x")
        self.conv_lr = Unit(tensors, f"{name}.conv_lr", 2)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Float32[n c h w] to features at 1/8, 1/2 and 1/4."""
        half, quarter, *_, deep = self.backbone(x)
        weight = self.se_block.get_submodule("fc")(deep.mean((2, 3)))
        deep = self.conv_lr16x(doubled(deep * weight[:, :, None, None]))
        return self.conv_lr8x(doubled(deep)), half, quarter


class HighResolution(nn.Module):
    """Where the edges are, at 1/2; its own map is only trained."""

    def __init__(self, tensors: Tensors, name: str) -> None:
        super().__init__()
        self.tohr_enc2x = Unit(tensors, f"{name}.tohr_enc2x")
        self.conv_enc2x = Unit(tensors, f"{name}.conv_enc2x", 2)
        self.tohr_enc4x = Unit(tensors, f"{name}.tohr_enc4x")
        self.conv_enc4x = Unit(tensors, f"{name}.conv_enc4x")
        self.conv_hr4x = _units(tensors, f"{name}.conv_hr4x", 3)
        self.conv_hr2x = _units(tensors, f"{name}.conv_hr2x", 4)
        self.conv_hr = _units(tensors, f"{name}.conv_hr", 2)

    def forward(
        self, x: torch.Tensor, half: torch.Tensor, quarter: torch.Tensor, low: torch.Tensor
    ) -> torch.Tensor:
        """The picture, features at 1/2, 1/4 and 1/8, to features at 1/2."""
        half = self.tohr_enc2x(half)
        y = self.conv_enc2x(torch.cat((scaled(x, 1 / 2), half), 1))
        y = self.conv_enc4x(torch.cat((y, self.tohr_enc4x(quarter)), 1))
        y = self.conv_hr4x(torch.cat((y, doubled(low), scaled(x, 1 / 4)), 1))
        made: torch.Tensor = self.conv_hr2x(torch.cat((doubled(y), half), 1))
        return made


class Fusion(nn.Module):
    """Both together, at the picture's size."""

    def __init__(self, tensors: Tensors, name: str) -> None:
        super().__init__()
        self.conv_lr4x = Unit(tensors, f"{name}.conv_lr4x")
        self.conv_f2x = Unit(tensors, f"{name}.conv_f2x")
        self.conv_f = _units(tensors, f"{name}.conv_f", 2)

    def forward(self, x: torch.Tensor, low: torch.Tensor, high: torch.Tensor) -> torch.Tensor:
        """The picture, features at 1/8 and at 1/2, to the matte."""
        low = doubled(self.conv_lr4x(doubled(low)))
        y = self.conv_f2x(torch.cat((low, high), 1))
        matte: torch.Tensor = self.conv_f(torch.cat((doubled(y), x), 1))
        return matte.sigmoid()


class MODNet(nn.Module):
    """All three branches; the backbone stands under two names, as in the author's file."""

    def __init__(self, tensors: Tensors) -> None:
        super().__init__()
        self.backbone = Backbone(tensors)
        self.lr_branch = LowResolution(tensors, "lr_branch", self.backbone)
        self.hr_branch = HighResolution(tensors, "hr_branch")
        self.f_branch = Fusion(tensors, "f_branch")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n 3 h w] to the matte, Float32[n 1 h w] of 0..1."""
        low, half, quarter = self.lr_branch(x)
        high = self.hr_branch(x, half, quarter, low)
        matte: torch.Tensor = self.f_branch(x, low, high)
        return matte


def scaled(x: torch.Tensor, factor: float) -> torch.Tensor:
    """So many times the size."""
    return F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)


def doubled(x: torch.Tensor) -> torch.Tensor:
    """Twice the size."""
    return scaled(x, 2)
