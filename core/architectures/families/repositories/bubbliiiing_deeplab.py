"""DeepLabV3+ of github.com/bubbliiiing/deeplabv3-plus-pytorch, on MobileNetV2 or Xception."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import nn

from core.architectures.families.blocks import (
    InvertedResidual,
    conv_norm,
    mobilenet_steps,
    upsample,
)
from core.architectures.families.repositories.repository_source import repository_source
from core.architectures.finish import finish
from core.architectures.network import Network, Source, Tensors
from core.architectures.shapes import ATROUS_RATES, choose_stride, has, outputs, size
from core.checkpoint import Checkpoint

HEAD = ("aspp.branch1.", "shortcut_conv.", "cat_conv.")
MOBILENET, XCEPTION = "backbone.features.", "backbone.block1."
FIRST = {MOBILENET: "backbone.features.0.0.weight", XCEPTION: "backbone.conv1.weight"}
LAST = "cls_conv"


def matches(checkpoint: Checkpoint) -> bool:
    """Whether the keys are laid out as in that repository."""
    tensors = checkpoint.tensors
    return has(tensors, *HEAD) and (has(tensors, MOBILENET) or has(tensors, XCEPTION))


def build(checkpoint: Checkpoint, chosen: Mapping[str, str]) -> Network:
    """Rebuild the network; its output stride (there: downsample_factor) is a choice.

    Raises:
        ArchitectureError: tensors are missing or have another shape.
    """
    tensors = checkpoint.tensors
    kind = MOBILENET if has(tensors, MOBILENET) else XCEPTION
    choice = choose_stride(checkpoint, chosen, "aspp.branch2.0")
    return finish(
        lambda: BubbliiiingDeepLab(tensors, kind, int(choice.taken)),
        checkpoint,
        f"DeepLabV3+ of bubbliiiing, {'MobileNetV2' if kind == MOBILENET else 'Xception'}",
        first=FIRST[kind],
        last=LAST,
        choices=(choice,),
        source=_source(tensors, kind, choice.taken),
    )


def _source(tensors: Tensors, kind: str, stride: str) -> Source | None:
    """The author's own class; it knows pictures of three channels."""
    if size(tensors, FIRST[kind], 1, 3) != 3:
        return None
    return repository_source(
        "github.com/bubbliiiing/deeplabv3-plus-pytorch",
        "nets.deeplabv3_plus",
        "DeepLab",
        f"num_classes={outputs(tensors, LAST, 0)}",
        f'backbone="{"mobilenet" if kind == MOBILENET else "xception"}"',
        "pretrained=False",
        f"downsample_factor={stride}",
    )


class BubbliiiingDeepLab(nn.Module):
    """Deep features through the pyramid, joined with shallow ones, brought to the input's size."""

    def __init__(self, tensors: Tensors, kind: str, stride: int) -> None:
        super().__init__()
        in_channels = size(tensors, FIRST[kind], 1, 3)
        self.backbone: nn.Module
        if kind == MOBILENET:
            self.backbone, low, deep = MobileNet(in_channels, stride), 24, 320
        else:
            self.backbone, low, deep = Xception(in_channels, stride), 256, 2048
        self.aspp = Pyramid(deep, ATROUS_RATES[stride])
        self.shortcut_conv = conv_norm(low, 48, 1, bias=True)
        self.cat_conv = nn.Sequential(
            *conv_norm(48 + 256, 256, bias=True),
            nn.Identity(),  # dropout in training; keeps the numbers of what follows
            *conv_norm(256, 256, bias=True),
        )
        self.cls_conv = nn.Conv2d(256, outputs(tensors, LAST, 21), 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n c h w] to the logits Float32[n num_classes h w]."""
        low, deep = self.backbone(x)
        low = self.shortcut_conv(low)
        deep = upsample(self.aspp(deep), low, align_corners=True)
        logits = self.cls_conv(self.cat_conv(torch.cat([deep, low], dim=1)))
        return upsample(logits, x, align_corners=True)


class Pyramid(nn.Module):
    """One pixel, three atrous rates and the whole picture, side by side."""

    def __init__(self, channels: int, rates: tuple[int, ...]) -> None:
        super().__init__()
        self.branch1 = conv_norm(channels, 256, 1, bias=True)
        self.branch2, self.branch3, self.branch4 = (
            conv_norm(channels, 256, rate=rate, bias=True) for rate in rates
        )
        self.branch5_conv, self.branch5_bn = conv_norm(channels, 256, 1, bias=True, relu=None)
        self.conv_cat = conv_norm(5 * 256, 256, 1, bias=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n channels h w] to Float32[n 256 h w]."""
        near = [self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)]
        whole = F.relu(self.branch5_bn(self.branch5_conv(x.mean((2, 3), keepdim=True))))
        far = upsample(whole, x, align_corners=True)
        joined: torch.Tensor = self.conv_cat(torch.cat([*near, far], dim=1))
        return joined


# --- backbones: shallow and deep features ---------------------------------------------------------


class MobileNet(nn.Module):
    """MobileNetV2 without its last convolution."""

    def __init__(self, in_channels: int, stride: int) -> None:
        super().__init__()
        steps = mobilenet_steps(stride)
        blocks = [InvertedResidual(step, pads_first=False, nested=False) for step in steps]
        self.features = nn.Sequential(conv_norm(in_channels, 32, stride=2, relu=nn.ReLU6), *blocks)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Features of a quarter of the size, and the deepest."""
        low = self.features[:4](x)
        return low, self.features[4:](low)


class Separable(nn.Module):
    """Each channel by itself, then across channels, each with a BatchNorm.

    Args:
        relu_first: one ReLU before both; else one after each.
    """

    def __init__(
        self, channels: int, out: int, *, rate: int, stride: int = 1, relu_first: bool = True
    ) -> None:
        super().__init__()
        self.depthwise, self.bn1 = conv_norm(
            channels, channels, stride=stride, rate=rate, groups=channels, relu=None
        )
        self.pointwise, self.bn2 = conv_norm(channels, out, 1, relu=None)
        self.relu_first = relu_first

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n channels h w] to Float32[n out h/stride w/stride]."""
        if self.relu_first:
            x = self.bn1(self.depthwise(F.relu(x)))
            y: torch.Tensor = self.bn2(self.pointwise(x))
            return y
        x = F.relu(self.bn1(self.depthwise(x)))
        return F.relu(self.bn2(self.pointwise(x)))


class Block(nn.Module):
    """Three separable convolutions beside a shortcut.

    Args:
        widths: channels before, after the first, after the second and third.
        stride: of the third.
        rate: of all three.
    """

    def __init__(self, widths: tuple[int, int, int], *, stride: int = 1, rate: int = 1) -> None:
        super().__init__()
        before, between, after = widths
        self.projects = before != after or stride != 1
        if self.projects:
            self.skip, self.skipbn = conv_norm(before, after, 1, stride=stride, relu=None)
        self.sepconv1 = Separable(before, between, rate=rate)
        self.sepconv2 = Separable(between, after, rate=rate)
        self.sepconv3 = Separable(after, after, rate=rate, stride=stride)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What is there before the third convolution, and the sum."""
        inner = self.sepconv2(self.sepconv1(x))
        # The first ReLU works in place there, so an unprojected shortcut is cut off at 0 too.
        skip = self.skipbn(self.skip(x)) if self.projects else F.relu(x)
        return inner, self.sepconv3(inner) + skip


class Xception(nn.Module):
    """Xception with 16 middle blocks."""

    def __init__(self, in_channels: int, stride: int) -> None:
        super().__init__()
        rate = 16 // stride
        self.conv1, self.bn1 = conv_norm(in_channels, 32, stride=2, relu=None)
        self.conv2, self.bn2 = conv_norm(32, 64, relu=None)
        self.block1 = Block((64, 128, 128), stride=2)
        self.block2 = Block((128, 256, 256), stride=2)
        self.block3 = Block((256, 728, 728), stride=2 // rate)
        for number in range(4, 20):
            self.add_module(f"block{number}", Block((728, 728, 728), rate=rate))
        self.block20 = Block((728, 728, 1024), rate=rate)
        self.conv3 = Separable(1024, 1536, rate=rate, relu_first=False)
        self.conv4 = Separable(1536, 1536, rate=rate, relu_first=False)
        self.conv5 = Separable(1536, 2048, rate=rate, relu_first=False)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Features of a quarter of the size, and the deepest."""
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        low, x = self.block2(self.block1(x)[1])
        for number in range(3, 21):
            x = self.get_submodule(f"block{number}")(x)[1]
        return low, self.conv5(self.conv4(self.conv3(x)))
