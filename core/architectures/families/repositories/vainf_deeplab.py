"""DeepLabV3 and V3+ of github.com/VainF/DeepLabV3Plus-Pytorch, on its three backbones."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models._utils import IntermediateLayerGetter
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet
from torchvision.models.segmentation.deeplabv3 import ASPP

from core.architectures.families.blocks import (
    InvertedResidual,
    conv_norm,
    mobilenet_steps,
    upsample,
)
from core.architectures.families.repositories.repository_source import repository_source
from core.architectures.finish import finish
from core.architectures.network import Network, Source, Tensors
from core.architectures.shapes import (
    ATROUS_RATES,
    choose_stride,
    count,
    has,
    outputs,
    resnet_depth,
    size,
)
from core.checkpoint import Checkpoint

V3 = "classifier.classifier.0.convs."
V3_PLUS = "classifier.aspp.convs."
SEPARABLE = (f"{V3}1.0.body.", f"{V3_PLUS}1.0.body.")
# First convolution of the backbone, by what only this backbone has.
BACKBONES = {
    "backbone.layer3.": "backbone.conv1.weight",
    "backbone.low_level_features.": "backbone.low_level_features.0.0.weight",
    "backbone.stage4.": "backbone.conv1.weight",
}
RESNET, MOBILENET, HRNET = BACKBONES
HRNET_STRIDE = 8  # its atrous rates; its own output stride is 4 (network/modeling.py)


def matches(checkpoint: Checkpoint) -> bool:
    """Whether the keys are laid out as in that repository."""
    tensors = checkpoint.tensors
    head = has(tensors, V3) or has(tensors, V3_PLUS)
    return head and any(has(tensors, start) for start in BACKBONES)


def build(checkpoint: Checkpoint, chosen: Mapping[str, str]) -> Network:
    """Rebuild the network; its output stride is a choice (main.py: 16), but on HRNetV2.

    Raises:
        ArchitectureError: tensors are missing or have another shape.
    """
    tensors = checkpoint.tensors
    kind = next(start for start in BACKBONES if has(tensors, start))
    rate = "convs.1.0.body.0" if any(has(tensors, start) for start in SEPARABLE) else "convs.1.0"
    choices = () if kind == HRNET else (choose_stride(checkpoint, chosen, rate),)
    stride = int(choices[0].taken) if choices else HRNET_STRIDE
    plus = has(tensors, V3_PLUS)
    return finish(
        lambda: VainfDeepLab(tensors, kind, stride),
        checkpoint,
        f"{'DeepLabV3+' if plus else 'DeepLabV3'} of VainF, {_backbone_title(tensors, kind)}",
        first=BACKBONES[kind],
        last=f"classifier.classifier.{3 if plus else 4}",
        choices=choices,
        source=_source(tensors, kind, stride),
    )


def _source(tensors: Tensors, kind: str, stride: int) -> Source | None:
    """The author's own function; what its HRNets take as arguments differs between versions."""
    odd = kind == HRNET or any(has(tensors, start) for start in SEPARABLE)
    if odd or size(tensors, BACKBONES[kind], 1, 3) != 3:
        return None
    if kind == RESNET and resnet_depth(tensors)[0] not in (50, 101):
        return None
    head, last = ("deeplabv3plus", 3) if has(tensors, V3_PLUS) else ("deeplabv3", 4)
    backbone = "mobilenet" if kind == MOBILENET else f"resnet{resnet_depth(tensors)[0]}"
    return repository_source(
        "github.com/VainF/DeepLabV3Plus-Pytorch",
        "network.modeling",
        f"{head}_{backbone}",
        f"num_classes={outputs(tensors, f'classifier.classifier.{last}', 21)}",
        f"output_stride={stride}",
        "pretrained_backbone=False",
    )


class VainfDeepLab(nn.Module):
    """Backbone, head, and the logits brought to the size of the input."""

    def __init__(self, tensors: Tensors, kind: str, stride: int) -> None:
        super().__init__()
        in_channels = size(tensors, BACKBONES[kind], 1, 3)
        self.backbone, low, out = _backbone(tensors, kind, in_channels, stride)
        rates = ATROUS_RATES[stride]
        self.classifier = (
            HeadPlus(low, out, rates, outputs(tensors, "classifier.classifier.3", 21))
            if has(tensors, V3_PLUS)
            else Head(out, rates, outputs(tensors, "classifier.classifier.4", 21))
        )
        if any(has(tensors, start) for start in SEPARABLE):
            _separate(self.classifier)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n c h w] to the logits Float32[n num_classes h w]."""
        return upsample(self.classifier(self.backbone(x)), x, align_corners=False)


# --- heads ----------------------------------------------------------------------------------------


class Head(nn.Module):
    """DeepLabV3: the atrous pyramid, one convolution, the classes."""

    def __init__(self, channels: int, rates: Sequence[int], num_classes: int) -> None:
        super().__init__()
        self.classifier = nn.Sequential(
            ASPP(channels, rates), *conv_norm(256, 256), nn.Conv2d(256, num_classes, 1)
        )

    def forward(self, features: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """The deepest features to logits of the same size."""
        logits: torch.Tensor = self.classifier(features["out"])
        return logits


class HeadPlus(nn.Module):
    """DeepLabV3+: the atrous pyramid beside 48 channels of shallow features."""

    def __init__(self, low: int, channels: int, rates: Sequence[int], num_classes: int) -> None:
        super().__init__()
        self.project = conv_norm(low, 48, 1)
        self.aspp = ASPP(channels, rates)
        self.classifier = nn.Sequential(*conv_norm(48 + 256, 256), nn.Conv2d(256, num_classes, 1))

    def forward(self, features: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """The deepest and shallow features to logits of the shallow ones' size."""
        low = self.project(features["low_level"])
        deep = upsample(self.aspp(features["out"]), low, align_corners=False)
        logits: torch.Tensor = self.classifier(torch.cat([low, deep], dim=1))
        return logits


def _separate(module: nn.Module) -> None:
    """Split every convolution larger than 1x1 in two: each channel by itself, then across."""
    for name, child in module.named_children():
        if isinstance(child, nn.Conv2d) and child.kernel_size != (1, 1):
            module.add_module(name, nn.Sequential(OrderedDict(body=_separated(child))))
        else:
            _separate(child)


def _separated(conv: nn.Conv2d) -> nn.Sequential:
    channels, rate = conv.in_channels, conv.dilation[0]
    alone = nn.Conv2d(channels, channels, 3, 1, rate, rate, groups=channels, bias=False)
    return nn.Sequential(alone, nn.Conv2d(channels, conv.out_channels, 1, bias=False))


# --- backbones: features by name, "low_level" and "out" -------------------------------------------


def _backbone_title(tensors: Tensors, kind: str) -> str:
    if kind == MOBILENET:
        return "MobileNetV2"
    return (
        f"HRNetV2-{_hrnet_width(tensors)}"
        if kind == HRNET
        else f"ResNet-{resnet_depth(tensors)[0]}"
    )


def _backbone(
    tensors: Tensors, kind: str, in_channels: int, stride: int
) -> tuple[nn.Module, int, int]:
    """The layers, the channels of "low_level" and those of "out"."""
    if kind == MOBILENET:
        return _mobilenet_backbone(in_channels, stride), 24, 320
    if kind == HRNET:
        width = _hrnet_width(tensors)
        blocks = [count(tensors, f"backbone.stage{stage}.") for stage in (2, 3, 4)]
        return HRNet(in_channels, width, blocks), 256, 15 * width
    return _resnet_backbone(tensors, in_channels, stride), 256, 2048


def _resnet_backbone(tensors: Tensors, in_channels: int, stride: int) -> nn.Module:
    layers = list(resnet_depth(tensors)[1])
    resnet = ResNet(Bottleneck, layers, replace_stride_with_dilation=[False, stride == 8, True])
    resnet.conv1 = nn.Conv2d(in_channels, 64, 7, stride=2, padding=3, bias=False)
    wanted = {"layer1": "low_level", "layer4": "out"}
    return cast(nn.Module, IntermediateLayerGetter(resnet, wanted))


def _mobilenet_backbone(in_channels: int, stride: int) -> nn.Module:
    blocks = [InvertedResidual(s, pads_first=True, nested=True) for s in mobilenet_steps(stride)]
    # Without padding: network/backbone/mobilenetv2.py pads only in its blocks.
    stem = conv_norm(in_channels, 32, stride=2, padding=0, relu=nn.ReLU6)
    features = nn.Sequential(stem, *blocks)
    halves = nn.Sequential(
        OrderedDict(low_level_features=features[:4], high_level_features=features[4:])
    )
    wanted = {"low_level_features": "low_level", "high_level_features": "out"}
    return cast(nn.Module, IntermediateLayerGetter(halves, wanted))


# --- HRNetV2: streams of several resolutions ------------------------------------------------------


def _hrnet_width(tensors: Tensors) -> int:
    return size(tensors, "backbone.transition1.0.0.weight", 0, 48)


class HRNet(nn.Module):
    """Up to four streams, each half as large and twice as wide as the one before.

    Args:
        in_channels: of the picture.
        width: channels of the largest stream.
        blocks: fusions in the stages 2, 3 and 4.
    """

    def __init__(self, in_channels: int, width: int, blocks: Sequence[int]) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv_norm(in_channels, 64, stride=2, relu=None)
        self.conv2, self.bn2 = conv_norm(64, 64, stride=2, relu=None)
        wider = conv_norm(64, 256, 1, relu=None)
        rest = [Bottleneck(256, 64) for _ in range(3)]
        self.layer1 = nn.Sequential(Bottleneck(64, 64, downsample=wider), *rest)
        halving = nn.Sequential(conv_norm(256, 2 * width, stride=2))
        self.transition1 = nn.ModuleList([conv_norm(256, width), halving])
        self.stage2 = nn.Sequential(*(Fusion(2, width) for _ in range(blocks[0])))
        self.transition2 = conv_norm(2 * width, 4 * width, stride=2)
        self.stage3 = nn.Sequential(*(Fusion(3, width) for _ in range(blocks[1])))
        self.transition3 = conv_norm(4 * width, 8 * width, stride=2)
        self.stage4 = nn.Sequential(*(Fusion(4, width) for _ in range(blocks[2])))

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Float32[n c h w] to features of a quarter of the size."""
        x = self.bn1(self.conv1(x))  # no ReLU here: network/utils.py calls its layers in order
        low = self.layer1(F.relu(self.bn2(self.conv2(x))))
        streams = self.stage2([path(low) for path in self.transition1])
        streams = self.stage3([*streams, self.transition2(streams[-1])])
        streams = self.stage4([*streams, self.transition3(streams[-1])])
        same = [upsample(stream, streams[0], align_corners=False) for stream in streams[1:]]
        return {"low_level": low, "out": torch.cat([streams[0], *same], dim=1)}


class Fusion(nn.Module):
    """Four blocks in every stream, then each stream is given the sum of all."""

    def __init__(self, streams: int, width: int) -> None:
        super().__init__()
        widths = [width * 2**stream for stream in range(streams)]
        self.branches = nn.ModuleList(
            nn.Sequential(*(BasicBlock(channels, channels) for _ in range(4)))
            for channels in widths
        )
        self.fuse_layers = nn.ModuleList(
            nn.ModuleList(_path(widths, source, target) for source in range(streams))
            for target in range(streams)
        )

    def forward(self, streams: list[torch.Tensor]) -> list[torch.Tensor]:
        """The streams, the largest first, to as many of the same sizes."""
        streams = [branch(x) for branch, x in zip(self.branches, streams, strict=True)]
        return [self._sum(streams, target) for target in range(len(streams))]

    def _sum(self, streams: list[torch.Tensor], target: int) -> torch.Tensor:
        size = streams[target].shape[-2:]
        paths = cast(nn.ModuleList, self.fuse_layers[target])
        parts = (path(x) for path, x in zip(paths, streams, strict=True))
        # The original doubles instead, and so stops at sides that are no multiple of 32.
        same = [F.interpolate(part, size, mode="nearest") for part in parts]
        return F.relu(torch.stack(same).sum(dim=0))


def _path(widths: Sequence[int], source: int, target: int) -> nn.Sequential:
    """From one stream's channels and size to another's; enlarging is left to the sum."""
    if source == target:
        return nn.Sequential()
    if source > target:
        return conv_norm(widths[source], widths[target], 1, relu=None)
    width, steps = widths[source], target - source - 1
    last = conv_norm(width, widths[target], stride=2, relu=None)
    return nn.Sequential(*(conv_norm(width, width, stride=2) for _ in range(steps)), last)
