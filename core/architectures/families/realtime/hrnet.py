"""HRNet and HRNet-OCR of github.com/HRNet/HRNet-Semantic-Segmentation: streams of several sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models.resnet import BasicBlock, Bottleneck

from core.architectures.families.blocks import conv_norm, upsample
from core.architectures.families.realtime.object_context import ObjectContext, pixels_by_class
from core.architectures.families.realtime.parts import built
from core.architectures.network import Network, Tensors, choose
from core.architectures.shapes import count, has, outputs, size
from core.checkpoint import Checkpoint

CORNERS = "corners of enlarged features"  # ALIGN_CORNERS of its config; no tensor tells it
LINEAR: dict[str, Any] = {"mode": "bilinear", "align_corners": False}
WIDEST = 64  # channels of the stem and of the first stage's 3x3 convolutions


def matches(checkpoint: Checkpoint) -> bool:
    """Whether the keys are laid out as in that repository."""
    tensors = checkpoint.tensors
    head = has(tensors, "last_layer.3.") or has(tensors, "ocr_distri_head.", "cls_head.")
    return head and has(tensors, "transition1.", "stage4.0.branches.0.", "layer1.0.")


def build(checkpoint: Checkpoint, chosen: Mapping[str, str]) -> Network:
    """Rebuild the network; whether corners are aligned is a choice.

    Raises:
        ArchitectureError: tensors are missing or have another shape.
    """
    tensors = checkpoint.tensors
    ocr = has(tensors, "ocr_distri_head.")
    corners = choose(CORNERS, ("aligned", "not aligned"), chosen)
    width = size(tensors, "stage4.0.branches.0.0.conv1.weight", 0, 48)
    return built(
        lambda tensors: HRNet(tensors, aligned=corners.taken == "aligned"),
        checkpoint,
        f"HRNetV2-W{width}{'-OCR' if ocr else ''}",
        first="conv1.weight",
        last="cls_head" if ocr else "last_layer.3",
        choices=(corners,),
    )


class Streams(nn.Module):
    """Four streams of a picture at four sizes, which tell each other what they see.

    Args:
        tensors: their names and shapes tell all sizes.
        aligned: whether enlarging takes the corners of both sizes for the same place.
        by_factor: whether a smaller stream is first made 2, 4 or 8 times larger, as in
            mmsegmentation; it differs where the picture's sides are no multiples of 32.
    """

    def __init__(self, tensors: Tensors, *, aligned: bool, by_factor: bool = False) -> None:
        super().__init__()
        self.aligned = aligned
        self.conv1 = nn.Conv2d(size(tensors, "conv1.weight", 1, 3), WIDEST, 3, 2, 1, bias=False)
        self.conv2 = nn.Conv2d(WIDEST, WIDEST, 3, 2, 1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(WIDEST), nn.BatchNorm2d(WIDEST)
        self.layer1, channels = _first(tensors)
        entering = [channels]
        for number in (2, 3, 4):
            widths = _widths(tensors, f"stage{number}.")
            steps = _transition(tensors, f"transition{number - 1}.", entering, widths)
            self.add_module(f"transition{number - 1}", steps)
            blocks = count(tensors, f"stage{number}.")
            fusions = [Fusion(tensors, f"stage{number}.{n}.", widths, aligned=aligned,
                              by_factor=by_factor) for n in range(blocks)]  # fmt: skip
            self.add_module(f"stage{number}", nn.Sequential(*fusions))
            entering = widths
        self.channels = entering

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n c h w] to the four streams at the size of the largest, a quarter."""
        x = F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))
        streams = [self.layer1(x)]
        for number in (2, 3, 4):
            steps = cast(nn.ModuleList, self.get_submodule(f"transition{number - 1}"))
            last = len(streams) - 1
            streams = [step(streams[min(at, last)]) for at, step in enumerate(steps)]
            streams = self.get_submodule(f"stage{number}")(streams)
        same = [upsample(each, streams[0], align_corners=self.aligned) for each in streams[1:]]
        return torch.cat([streams[0], *same], dim=1)


class HRNet(Streams):
    """Four streams, joined; then two convolutions, or what each pixel has in common with objects.

    Args:
        tensors: their names and shapes tell all sizes.
        aligned: as in `Streams`.
    """

    def __init__(self, tensors: Tensors, *, aligned: bool) -> None:
        super().__init__(tensors, aligned=aligned)
        joined = sum(self.channels)
        self.ocr = has(tensors, "ocr_distri_head.")
        if self.ocr:
            middle = size(tensors, "conv3x3_ocr.0.weight", 0, 512)
            self.conv3x3_ocr = conv_norm(joined, middle, bias=True)
            self.ocr_distri_head = ObjectContext(tensors, "ocr_distri_head.", middle)
            self.cls_head = nn.Conv2d(middle, outputs(tensors, "cls_head", 19), 1)
            self.aux_head = _head(tensors, "aux_head", joined)
        else:
            self.last_layer = _head(tensors, "last_layer", joined)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n c h w] to logits of a quarter of the size."""
        features = self.features(x)
        if not self.ocr:
            logits: torch.Tensor = self.last_layer(features)
            return logits
        rough = self.aux_head(features)
        features = self.conv3x3_ocr(features)
        context = self.ocr_distri_head(features, pixels_by_class(features, rough))
        logits = self.cls_head(context)
        return logits


def _head(tensors: Tensors, name: str, channels: int) -> nn.Sequential:
    """A convolution of all channels, and one to the classes; both 1x1 in most of its versions."""
    first, kernel = (size(tensors, f"{name}.{place}.weight", 2, 1) for place in (0, 3))
    classes = outputs(tensors, f"{name}.3", 19)
    last = nn.Conv2d(channels, classes, kernel, padding=kernel // 2)
    return nn.Sequential(*conv_norm(channels, channels, first, bias=True), last)


def _first(tensors: Tensors) -> tuple[nn.Sequential, int]:
    """The deep blocks before the streams, and the channels that come out."""
    width = size(tensors, "layer1.0.conv1.weight", 0, WIDEST)
    out = width * Bottleneck.expansion
    wider = conv_norm(WIDEST, out, 1, relu=None)
    rest = [Bottleneck(out, width) for _ in range(count(tensors, "layer1.") - 1)]
    return nn.Sequential(Bottleneck(WIDEST, width, downsample=wider), *rest), out


def _widths(tensors: Tensors, start: str) -> list[int]:
    """The channels of each stream."""
    number = count(tensors, f"{start}0.branches.")
    keys = [f"{start}0.branches.{stream}.0.conv1.weight" for stream in range(number)]
    return [size(tensors, key, 0, 48) for key in keys]


def _transition(
    tensors: Tensors, start: str, entering: Sequence[int], widths: Sequence[int]
) -> nn.ModuleList:
    """To the widths of the next stage; a new stream begins with halvings of the smallest one."""
    steps: list[nn.Module] = []
    for stream, width in enumerate(widths):
        if stream >= len(entering):
            halvings = stream + 1 - len(entering)
            sizes = [*[entering[-1]] * halvings, width]
            steps.append(nn.Sequential(*(conv_norm(a, b, stride=2) for a, b in pairwise(sizes))))
        elif has(tensors, f"{start}{stream}."):
            steps.append(conv_norm(entering[stream], width))
        else:
            steps.append(nn.Identity())
    return nn.ModuleList(steps)


class Fusion(nn.Module):
    """Blocks in every stream, then each stream is given the sum of all.

    Args:
        tensors: of the network.
        start: what stands before the names of this part.
        widths: channels of the streams, the largest stream first.
        aligned, by_factor: as in `Streams`.
    """

    def __init__(
        self,
        tensors: Tensors,
        start: str,
        widths: Sequence[int],
        *,
        aligned: bool,
        by_factor: bool = False,
    ) -> None:
        super().__init__()
        self.aligned, self.by_factor = aligned, by_factor
        self.branches = nn.ModuleList()
        for stream, width in enumerate(widths):
            blocks = count(tensors, f"{start}branches.{stream}.")
            self.branches.append(nn.Sequential(*(BasicBlock(width, width) for _ in range(blocks))))
        self.fuse_layers = nn.ModuleList(
            nn.ModuleList(_path(widths, source, target) for source in range(len(widths)))
            for target in range(count(tensors, f"{start}fuse_layers."))
        )

    def forward(self, streams: list[torch.Tensor]) -> list[torch.Tensor]:
        """The streams, the largest first, to as many of the same sizes."""
        streams = [branch(x) for branch, x in zip(self.branches, streams, strict=True)]
        return [self._sum(streams, target) for target in range(len(self.fuse_layers))]

    def _sum(self, streams: list[torch.Tensor], target: int) -> torch.Tensor:
        paths = cast(nn.ModuleList, self.fuse_layers[target])
        total = torch.zeros((), dtype=streams[0].dtype)
        for source, (path, x) in enumerate(zip(paths, streams, strict=True)):
            part = path(x)
            if source > target:
                if self.by_factor:
                    part = F.interpolate(part, scale_factor=2.0 ** (source - target), **LINEAR)
                part = upsample(part, streams[target], align_corners=self.aligned)
            total = total + part
        return F.relu(total)


def _path(widths: Sequence[int], source: int, target: int) -> nn.Module:
    """From one stream's channels and size to another's; enlarging is left to the sum."""
    if source == target:
        return nn.Identity()
    if source > target:
        return conv_norm(widths[source], widths[target], 1, relu=None)
    width, steps = widths[source], target - source - 1
    last = conv_norm(width, widths[target], stride=2, relu=None)
    return nn.Sequential(*(conv_norm(width, width, stride=2) for _ in range(steps)), last)
