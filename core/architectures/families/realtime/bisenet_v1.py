"""BiSeNet v1 of github.com/CoinCheung/BiSeNet, and its successor STDC of MichaelFan01/STDC-Seg.

Both pool the context of a backbone; v1 has a path of its own for detail, STDC takes the backbone's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models.resnet import BasicBlock

from core.architectures.families.blocks import conv_norm, upsample
from core.architectures.families.realtime.parts import Head, Unit, built
from core.architectures.families.realtime.stdc_backbone import LAST, STDC
from core.architectures.families.repositories.repository_source import repository_source
from core.architectures.network import Choice, Network, Source, Tensors, choose
from core.architectures.shapes import count, has, outputs, size
from core.checkpoint import Checkpoint

WIDTHS = (64, 128, 256, 512)  # of ResNet-18's stages
CONTEXT = 128  # channels of the pooled context in all published weights
BODY = "cp.backbone.features."
KINDS = {10: ("STDC1", "STDCNet813"), 14: ("STDC2", "STDCNet1446")}  # by the body's layers + 2


def matches(checkpoint: Checkpoint) -> bool:
    """Whether the keys are laid out as in one of the two repositories."""
    tensors = checkpoint.tensors
    body = has(tensors, "cp.resnet.", "sp.conv1.") or has(tensors, BODY)
    return body and has(tensors, "cp.arm16.", "ffm.convblk.", "conv_out.conv_out.")


def build(checkpoint: Checkpoint, chosen: Mapping[str, str]) -> Network:
    """Rebuild the network; whether STDC runs its body's last convolution is a choice.

    Raises:
        ArchitectureError: tensors are missing or have another shape.
    """
    tensors = checkpoint.tensors
    stdc = has(tensors, BODY)
    choices = [choose(LAST, ("not run", "run"), chosen)] if stdc else []
    runs = any(choice.taken == "run" for choice in choices)
    heads = ("conv_out16.", "conv_out32.", "conv_out_sp16.", "conv_out_sp8.", "conv_out_sp4.")
    return built(
        lambda tensors: BiSeNet(tensors, last=runs),
        checkpoint,
        _title(tensors),
        first=f"{BODY}0.conv.weight" if stdc else "sp.conv1.conv.weight",
        last="conv_out.conv_out",
        idle=(*heads, "conv_out_sp2.", "cp.backbone.fc.", "cp.backbone.linear."),
        choices=tuple(choices),
        source=_source(tensors, choices),
    )


def _title(tensors: Tensors) -> str:
    if not has(tensors, BODY):
        return "BiSeNet v1, ResNet-18"
    return f"{_kind(tensors)[0]} (BiSeNet's head on it)"


def _kind(tensors: Tensors) -> tuple[str, str]:
    """As the paper calls the body, and as the repository does; of the nearest number of layers."""
    layers = count(tensors, BODY)
    return KINDS[min(KINDS, key=lambda known: abs(known - 2 - layers))]


def _source(tensors: Tensors, choices: Sequence[Choice]) -> Source:
    classes = outputs(tensors, "conv_out.conv_out", 19)
    if not choices:
        return repository_source(
            "github.com/CoinCheung/BiSeNet",
            "lib.models.bisenetv1",
            "BiSeNetV1",
            f"n_classes={classes}",
            head="network(x)[0]",
        )
    return repository_source(
        "github.com/MichaelFan01/STDC-Seg",
        "models.model_stages",
        "BiSeNet",
        f'"{_kind(tensors)[1]}"',
        f"n_classes={classes}",
        f"use_conv_last={choices[0].taken == 'run'}",
        head="network(x)[0]",
    )


def context_width(tensors: Tensors) -> int:
    """The channels of the pooled context."""
    return size(tensors, "cp.arm16.conv.conv.weight", 0, CONTEXT)


class BiSeNet(nn.Module):
    """Detail and pooled context, joined, and the heads; only the first one runs.

    Args:
        tensors: their names and shapes tell all sizes.
        last: whether an STDC body's last convolution runs.
    """

    def __init__(self, tensors: Tensors, *, last: bool) -> None:
        super().__init__()
        self.cp = Context(tensors, last=last)
        self.sp = Detail(tensors) if has(tensors, "sp.") else None
        context = context_width(tensors)
        detail = context if self.sp is not None else self.cp.widths[0]
        width = size(tensors, "ffm.convblk.conv.weight", 0, 256)
        self.ffm = Joined(tensors, detail + context, width)
        entering = {
            "conv_out": width,
            "conv_out16": context,
            "conv_out32": context,
            "conv_out_sp16": self.cp.widths[1],
            "conv_out_sp8": self.cp.widths[0],
            "conv_out_sp4": size(tensors, f"{BODY}1.conv.weight", 0, 64),
            "conv_out_sp2": size(tensors, f"{BODY}0.conv.weight", 0, 32),
        }
        for name, channels in entering.items():
            if has(tensors, f"{name}."):
                middle = size(tensors, f"{name}.conv.conv.weight", 0, 64)
                classes = outputs(tensors, f"{name}.conv_out", 19)
                self.add_module(name, Head(channels, middle, classes))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n c h w] to logits of the same size."""
        shallow, context = self.cp(x)
        detail = shallow if self.sp is None else self.sp(x)
        logits = self.get_submodule("conv_out")(self.ffm(detail, context))
        return upsample(logits, x, align_corners=True)


class Context(nn.Module):
    """The deep features of a backbone, weighed, and summed up to an eighth of the size."""

    def __init__(self, tensors: Tensors, *, last: bool) -> None:
        super().__init__()
        if has(tensors, BODY):
            self.backbone = STDC(tensors, "cp.backbone.", last=last)
            self.widths = self.backbone.widths
        else:
            self.resnet = ResNet18(tensors)
            self.widths = list(WIDTHS[1:])
        width = context_width(tensors)
        self.arm16, self.arm32 = (Weighed(entering, width) for entering in self.widths[1:])
        self.conv_head32, self.conv_head16 = Unit(width, width), Unit(width, width)
        self.conv_avg = Unit(self.widths[2], width, 1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Float32[n c h w] to the backbone's features and the context, both of an eighth."""
        eighth, half, quarter = (self.backbone if hasattr(self, "backbone") else self.resnet)(x)
        whole = self.conv_avg(quarter.mean(dim=(2, 3), keepdim=True))
        deep = self.conv_head32(_enlarged(self.arm32(quarter) + whole, half))
        return eighth, self.conv_head16(_enlarged(self.arm16(half) + deep, eighth))


def _enlarged(x: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """By repeating the nearest value."""
    return F.interpolate(x, like.shape[-2:], mode="nearest")


class Weighed(nn.Module):
    """Every channel times a weight between 0 and 1 that its mean decides."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.conv = Unit(channels, out)
        self.conv_atten = nn.Conv2d(out, out, 1, bias=False)
        self.bn_atten = nn.BatchNorm2d(out)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n channels h w] to Float32[n out h w]."""
        x = self.conv(x)
        weight = self.bn_atten(self.conv_atten(x.mean(dim=(2, 3), keepdim=True)))
        return x * torch.sigmoid(weight)


class Detail(nn.Module):
    """Three units that halve the size, and a 1x1 one."""

    def __init__(self, tensors: Tensors) -> None:
        super().__init__()
        width = size(tensors, "sp.conv1.conv.weight", 0, 64)
        self.conv1 = Unit(size(tensors, "sp.conv1.conv.weight", 1, 3), width, 7, 2)
        self.conv2, self.conv3 = Unit(width, width, 3, 2), Unit(width, width, 3, 2)
        self.conv_out = Unit(width, context_width(tensors), 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n c h w] to features of an eighth of the size."""
        y: torch.Tensor = self.conv_out(self.conv3(self.conv2(self.conv1(x))))
        return y


class Joined(nn.Module):
    """Detail beside context; every channel once more, times a weight that its mean decides."""

    def __init__(self, tensors: Tensors, channels: int, out: int) -> None:
        super().__init__()
        narrow = size(tensors, "ffm.conv1.weight", 0, out // 4)
        self.convblk = Unit(channels, out, 1)
        self.conv1 = nn.Conv2d(out, narrow, 1, bias=False)
        self.conv2 = nn.Conv2d(narrow, out, 1, bias=False)

    def forward(self, detail: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """Two of Float32[n c h w] of one size to Float32[n out h w]."""
        x = self.convblk(torch.cat([detail, context], dim=1))
        weight = self.conv2(F.relu(self.conv1(x.mean(dim=(2, 3), keepdim=True))))
        joined: torch.Tensor = x + x * torch.sigmoid(weight)
        return joined


class ResNet18(nn.Module):
    """The features at an eighth, a 16th and a 32nd of the size."""

    def __init__(self, tensors: Tensors) -> None:
        super().__init__()
        channels = size(tensors, "cp.resnet.conv1.weight", 1, 3)
        self.conv1 = nn.Conv2d(channels, WIDTHS[0], 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(WIDTHS[0])
        before = WIDTHS[0]
        for number, width in enumerate(WIDTHS, start=1):
            step = 1 if number == 1 else 2
            wider = conv_norm(before, width, 1, stride=step, relu=None) if step == 2 else None
            blocks = [BasicBlock(before, width, step, wider), BasicBlock(width, width)]
            self.add_module(f"layer{number}", nn.Sequential(*blocks))
            before = width

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Float32[n c h w] to three features."""
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        features = []
        for number in range(1, 5):
            x = self.get_submodule(f"layer{number}")(x)
            features.append(x)
        return features[1:]
