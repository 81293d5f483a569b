"""DeepLabV3+ of github.com/jfzhang95/pytorch-deeplab-xception, on its four backbones."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models._utils import IntermediateLayerGetter
from torchvision.models.resnet import Bottleneck

from core.architectures.families.blocks import (
    InvertedResidual,
    conv_norm,
    mobilenet_steps,
    upsample,
)
from core.architectures.families.repositories.repository_source import repository_source
from core.architectures.finish import finish
from core.architectures.network import Network, Source, Tensors
from core.architectures.shapes import ATROUS_RATES, choose_stride, has, outputs, resnet_depth, size
from core.checkpoint import Checkpoint

HEAD = ("aspp.aspp1.atrous_conv.", "decoder.conv1.", "decoder.last_conv.")
RESNET, XCEPTION = "backbone.layer3.", "backbone.block1."
MOBILENET, DRN = "backbone.low_level_features.", "backbone.layer8."
FIRST = {  # the first convolution, by what only this backbone has; DRN has layers 3 and 8
    MOBILENET: "backbone.features.0.0.weight",
    XCEPTION: "backbone.conv1.weight",
    DRN: "backbone.layer0.0.weight",
    RESNET: "backbone.conv1.weight",
}
CHANNELS = {MOBILENET: (24, 320), XCEPTION: (128, 2048), DRN: (256, 512), RESNET: (256, 2048)}
DRN_STRIDE = 8  # its only one (modeling/deeplab.py)


def matches(checkpoint: Checkpoint) -> bool:
    """Whether the keys are laid out as in that repository."""
    tensors = checkpoint.tensors
    return has(tensors, *HEAD) and any(has(tensors, start) for start in FIRST)


def build(checkpoint: Checkpoint, chosen: Mapping[str, str]) -> Network:
    """Rebuild the network; its output stride is a choice (train.py: 16), but on DRN.

    Raises:
        ArchitectureError: tensors are missing or have another shape.
    """
    tensors = checkpoint.tensors
    kind = next(start for start in FIRST if has(tensors, start))
    rate = "aspp.aspp2.atrous_conv"
    choices = () if kind == DRN else (choose_stride(checkpoint, chosen, rate),)
    stride = int(choices[0].taken) if choices else DRN_STRIDE
    return finish(
        lambda: JfzhangDeepLab(tensors, kind, stride),
        checkpoint,
        f"DeepLabV3+ of jfzhang95, {_backbone_title(tensors, kind)}",
        first=FIRST[kind],
        last=f"decoder.last_conv.{_last(tensors)}",
        choices=choices,
        source=_source(tensors, kind, stride),
    )


def _source(tensors: Tensors, kind: str, stride: int) -> Source | None:
    """The author's own class; it knows pictures of three channels, and of the ResNets one."""
    names = {MOBILENET: "mobilenet", XCEPTION: "xception", DRN: "drn"}
    usual = kind != RESNET or resnet_depth(tensors)[0] == 101
    if size(tensors, FIRST[kind], 1, 3) != 3 or not usual:
        return None
    return repository_source(
        "github.com/jfzhang95/pytorch-deeplab-xception",
        "modeling.deeplab",
        "DeepLab",
        f'backbone="{names.get(kind, "resnet")}"',
        f"output_stride={stride}",
        f"num_classes={outputs(tensors, f'decoder.last_conv.{_last(tensors)}', 0)}",
        "sync_bn=False",
    )


def _backbone_title(tensors: Tensors, kind: str) -> str:
    titles = {MOBILENET: "MobileNetV2", XCEPTION: "aligned Xception", DRN: "DRN-D-54"}
    return titles.get(kind) or f"ResNet-{resnet_depth(tensors)[0]}"


class JfzhangDeepLab(nn.Module):
    """Backbone, atrous pyramid, decoder, and the logits brought to the size of the input."""

    def __init__(self, tensors: Tensors, kind: str, stride: int) -> None:
        super().__init__()
        low, deep = CHANNELS[kind]
        self.backbone = _backbone(tensors, kind, stride)
        self.aspp = Pyramid(deep, ATROUS_RATES[stride])
        self.decoder = Decoder(low, tensors)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n c h w] to the logits Float32[n num_classes h w]."""
        features = self.backbone(x)
        logits = self.decoder(features["low_level"], self.aspp(features["out"]))
        return upsample(logits, x, align_corners=True)


class Pyramid(nn.Module):
    """One pixel, three atrous rates and the whole picture, side by side."""

    def __init__(self, channels: int, rates: Sequence[int]) -> None:
        super().__init__()
        self.aspp1 = _atrous(channels, 1, 1)
        self.aspp2, self.aspp3, self.aspp4 = (_atrous(channels, 3, rate) for rate in rates)
        self.global_avg_pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), *conv_norm(channels, 256, 1))
        self.conv1, self.bn1 = conv_norm(5 * 256, 256, 1, relu=None)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n channels h w] to Float32[n 256 h w]."""
        near = [self.aspp1(x), self.aspp2(x), self.aspp3(x), self.aspp4(x)]
        far = upsample(self.global_avg_pool(x), x, align_corners=True)
        return F.relu(self.bn1(self.conv1(torch.cat([*near, far], dim=1))))


def _atrous(channels: int, kernel: int, rate: int) -> nn.Sequential:
    conv, norm, relu = conv_norm(channels, 256, kernel, rate=rate)
    return nn.Sequential(OrderedDict(atrous_conv=conv, bn=norm, relu=relu))


class Decoder(nn.Module):
    """Deep features beside 48 channels of shallow ones, two convolutions, the classes."""

    def __init__(self, low: int, tensors: Tensors) -> None:
        super().__init__()
        last = _last(tensors)
        dropout = [nn.Identity()] * (last == 8)  # keeps the numbers of what follows
        self.conv1, self.bn1 = conv_norm(low, 48, 1, relu=None)
        num_classes = outputs(tensors, f"decoder.last_conv.{last}", 21)
        self.last_conv = nn.Sequential(
            *conv_norm(48 + 256, 256),
            *dropout,
            *conv_norm(256, 256),
            *dropout,
            nn.Conv2d(256, num_classes, 1),
        )

    def forward(self, low: torch.Tensor, deep: torch.Tensor) -> torch.Tensor:
        """Shallow and deep features to logits of the shallow ones' size."""
        low = F.relu(self.bn1(self.conv1(low)))
        deep = upsample(deep, low, align_corners=True)
        logits: torch.Tensor = self.last_conv(torch.cat([deep, low], dim=1))
        return logits


def _last(tensors: Tensors) -> int:
    """Place of the last convolution: 6 in the versions before the decoder had dropout."""
    return 6 if has(tensors, "decoder.last_conv.6.") else 8


# --- backbones: features by name, "low_level" and "out" -------------------------------------------


def _backbone(tensors: Tensors, kind: str, stride: int) -> nn.Module:
    in_channels = size(tensors, FIRST[kind], 1, 3)
    if kind == MOBILENET:
        return MobileNet(in_channels, stride)
    if kind == XCEPTION:
        return Xception(in_channels, stride)
    return _drn(in_channels) if kind == DRN else _resnet_layers(tensors, in_channels, stride)


def _resnet_layers(tensors: Tensors, in_channels: int, stride: int) -> nn.Module:
    """A ResNet whose last three blocks have a rate each (multi-grid 1, 2, 4)."""
    _, blocks = resnet_depth(tensors)
    rate = 16 // stride  # of layer3
    conv, norm, relu = conv_norm(in_channels, 64, 7, stride=2)
    layers = OrderedDict(
        conv1=conv,
        bn1=norm,
        relu=relu,
        maxpool=nn.MaxPool2d(3, stride=2, padding=1),
        layer1=_bottlenecks(64, 64, 1, [1] * blocks[0]),
        layer2=_bottlenecks(256, 128, 2, [1] * blocks[1]),
        layer3=_bottlenecks(512, 256, 2 // rate, [rate] * blocks[2]),
        layer4=_bottlenecks(1024, 512, 1, [2 * rate * grid for grid in (1, 2, 4)]),
    )
    return _reading(layers, low="layer1", out="layer4")


def _drn(in_channels: int) -> nn.Module:
    """DRN-D-54: strides until an eighth of the size, then rates up to 4 and down again."""
    layers = OrderedDict(
        layer0=conv_norm(in_channels, 16, 7),
        layer1=conv_norm(16, 16),
        layer2=conv_norm(16, 32, stride=2),
        layer3=_bottlenecks(32, 64, 2, [1] * 3),
        layer4=_bottlenecks(256, 128, 2, [1] * 4),
        layer5=_bottlenecks(512, 256, 1, [2] * 6),
        layer6=_bottlenecks(1024, 512, 1, [4] * 3),
        layer7=conv_norm(2048, 512, rate=2),
        layer8=conv_norm(512, 512),
    )
    return _reading(layers, low="layer3", out="layer8")


def _bottlenecks(channels: int, planes: int, stride: int, rates: Sequence[int]) -> nn.Sequential:
    shortcut = conv_norm(channels, 4 * planes, 1, stride=stride, relu=None)
    first = Bottleneck(channels, planes, stride, shortcut, dilation=rates[0])
    return nn.Sequential(first, *(Bottleneck(4 * planes, planes, dilation=r) for r in rates[1:]))


def _reading(layers: Mapping[str, nn.Module], *, low: str, out: str) -> nn.Module:
    wanted = {low: "low_level", out: "out"}
    return cast(nn.Module, IntermediateLayerGetter(nn.Sequential(OrderedDict(layers)), wanted))


class MobileNet(nn.Module):
    """MobileNetV2 without its last convolution; every layer stands in the keys twice."""

    def __init__(self, in_channels: int, stride: int) -> None:
        super().__init__()
        steps = mobilenet_steps(stride, lags=True)
        blocks = [InvertedResidual(step, pads_first=True, nested=False) for step in steps]
        self.features = nn.Sequential(conv_norm(in_channels, 32, stride=2, relu=nn.ReLU6), *blocks)
        self.low_level_features = self.features[:4]
        self.high_level_features = self.features[4:]

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Features of a quarter of the size, and the deepest."""
        low = self.low_level_features(x)
        return {"low_level": low, "out": self.high_level_features(low)}


# --- aligned Xception -----------------------------------------------------------------------------


def _separable(channels: int, out: int, stride: int, rate: int) -> nn.Sequential:
    """Each channel by itself, BatchNorm, then across channels."""
    alone, norm = conv_norm(
        channels, channels, stride=stride, rate=rate, groups=channels, relu=None
    )
    across = nn.Conv2d(channels, out, 1, bias=False)
    return nn.Sequential(OrderedDict(conv1=alone, bn=norm, pointwise=across))


class Block(nn.Module):
    """Three separable convolutions beside a shortcut.

    Args:
        widths: channels before, after the first, after the second and third.
        stride: of the third.
        rates: of the three.
        relu_first: a ReLU stands before the first.
    """

    def __init__(
        self,
        widths: tuple[int, int, int],
        *,
        stride: int = 1,
        rates: tuple[int, int, int] = (1, 1, 1),
        relu_first: bool = True,
    ) -> None:
        super().__init__()
        before, between, after = widths
        self.projects = before != after or stride != 1
        if self.projects:
            self.skip, self.skipbn = conv_norm(before, after, 1, stride=stride, relu=None)
        sizes = ((before, between, 1), (between, after, 1), (after, after, stride))
        layers: list[nn.Module] = []
        for (channels, out, step), rate in zip(sizes, rates, strict=True):
            layers += [nn.ReLU(), _separable(channels, out, step, rate), nn.BatchNorm2d(out)]
        self.rep = nn.Sequential(*layers[0 if relu_first else 1 :])
        self.relu_first = relu_first

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n before h w] to Float32[n after h/stride w/stride]."""
        if self.relu_first:
            x = F.relu(x)  # in place there, so the shortcut is cut off at 0 too
        skip = self.skipbn(self.skip(x)) if self.projects else x
        y: torch.Tensor = self.rep(x) + skip
        return y


class Xception(nn.Module):
    """Xception with 16 middle blocks, and strides in place of pooling."""

    def __init__(self, in_channels: int, stride: int) -> None:
        super().__init__()
        rate = 16 // stride
        self.conv1, self.bn1 = conv_norm(in_channels, 32, stride=2, relu=None)
        self.conv2, self.bn2 = conv_norm(32, 64, relu=None)
        self.block1 = Block((64, 128, 128), stride=2, relu_first=False)
        self.block2 = Block((128, 256, 256), stride=2, relu_first=False)
        self.block3 = Block((256, 728, 728), stride=2 // rate)
        for number in range(4, 20):
            self.add_module(f"block{number}", Block((728, 728, 728), rates=(rate, rate, rate)))
        self.block20 = Block((728, 728, 1024), rates=(rate, rate, 1))
        self.conv3, self.bn3 = _separable(1024, 1536, 1, 2 * rate), nn.BatchNorm2d(1536)
        self.conv4, self.bn4 = _separable(1536, 1536, 1, 2 * rate), nn.BatchNorm2d(1536)
        self.conv5, self.bn5 = _separable(1536, 2048, 1, 2 * rate), nn.BatchNorm2d(2048)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Features of a quarter of the size, and the deepest."""
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        x = low = F.relu(self.block1(x))
        for number in range(2, 21):
            x = self.get_submodule(f"block{number}")(x)
        x = F.relu(self.bn3(self.conv3(F.relu(x))))
        x = F.relu(self.bn4(self.conv4(x)))
        return {"low_level": low, "out": F.relu(self.bn5(self.conv5(x)))}
