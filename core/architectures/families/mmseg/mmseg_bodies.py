"""Which backbone of mmsegmentation these keys are of, what it is called, and how it is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import nn

from core.architectures.families.mmseg.mmseg_backbones import MixTransformer, ResNet
from core.architectures.families.mmseg.mmseg_beit import BEiT
from core.architectures.families.mmseg.mmseg_bisenet import BiSeNetV1
from core.architectures.families.mmseg.mmseg_bisenet_v2 import BiSeNetV2
from core.architectures.families.mmseg.mmseg_convnext import ConvNeXt
from core.architectures.families.mmseg.mmseg_icnet import ICNet
from core.architectures.families.mmseg.mmseg_small import ERFNet, FastSCNN
from core.architectures.families.mmseg.mmseg_stdc import STDC
from core.architectures.families.realtime.hrnet import Streams
from core.architectures.families.swin import MMSEG, Swin
from core.architectures.network import Tensors
from core.architectures.shapes import OUTPUT_STRIDE, count, has, resnet_name, size

ATTENTION, LAYERS = "attention heads", "which layers feed the head"
BLOCKS: dict[tuple[int, ...], str] = {  # of the stages of a Mix Transformer; B0 is B1, narrower
    (2, 2, 2, 2): "B1",
    (3, 4, 6, 3): "B2",
    (3, 4, 18, 3): "B3",
    (3, 8, 27, 3): "B4",
    (3, 6, 40, 3): "B5",
}
SWINS = {(96, 6): "T", (96, 18): "S", (128, 18): "B", (192, 18): "L"}  # width, blocks in stage 3
CONVNEXTS = {(96, 9): "T", (96, 27): "S", (128, 27): "B", (192, 27): "L", (256, 27): "XL"}
Facts = Mapping[str, str]  # what was chosen, by name


@dataclass(frozen=True)
class Body:
    """One kind of backbone."""

    marks: tuple[str, ...]  # beginnings of keys, without the prefix of the backbone
    first: str  # key of the first convolution's weight
    title: Callable[[Tensors], str]
    make: Callable[[Tensors, Facts], nn.Module]


class Joined(Streams):
    """HRNet, whose four streams are one feature."""

    def __init__(self, tensors: Tensors) -> None:
        super().__init__(tensors, aligned=False, by_factor=True)
        self.channels = [sum(self.channels)]

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Float32[n c h w] to the joined streams at a quarter of the size, in a list."""
        return [self.features(x)]


def numbers(text: str) -> list[int]:
    """The numbers of "1, 2, 5"."""
    return [int(number) for number in text.split(",")]


def _mit(tensors: Tensors) -> str:
    width = size(tensors, "layers.0.0.projection.weight", 0, 32)
    depths = tuple(count(tensors, f"layers.{stage}.1.") for stage in range(4))
    return f"MiT-{'B0' if width == 32 else BLOCKS.get(depths, str(depths))}"


def _resnet(tensors: Tensors) -> str:
    return f"ResNet-{resnet_name(tensors)}{'-V1c' if has(tensors, 'stem.') else ''}"


def _swin(tensors: Tensors) -> str:
    width = size(tensors, "patch_embed.projection.weight", 0, 96)
    blocks = count(tensors, "stages.2.blocks.")
    return f"Swin-{SWINS.get((width, blocks), f'{width} channels')}"


def _convnext(tensors: Tensors) -> str:
    width, blocks = size(tensors, "stages.0.0.norm.weight", 0, 96), count(tensors, "stages.2.")
    return f"ConvNeXt-{CONVNEXTS.get((width, blocks), f'{width} channels')}"


def _hrnet(tensors: Tensors) -> str:
    return f"HRNetV2-W{size(tensors, 'stage4.0.branches.0.0.conv1.weight', 0, 18)}"


def _beit(tensors: Tensors) -> str:
    width = size(tensors, "cls_token", 2, 768)
    return f"BEiT-{ {768: 'B', 1024: 'L'}.get(width, f'{width} channels') }"


def _stdc(tensors: Tensors) -> str:
    blocks = sum(count(tensors, f"backbone.stages.{stage}.") for stage in (2, 3, 4))
    return {6: "STDC1", 12: "STDC2"}.get(blocks, f"STDC of {blocks} blocks")


def _named(name: str) -> Callable[[Tensors], str]:
    return lambda _: name


PATCHES = "patch_embed.projection.weight"
BODIES: dict[str, Body] = {  # the more special first
    "BiSeNetV1": Body(
        ("context_path.", "spatial_path."),
        "spatial_path.layer1.conv.weight",
        _named("BiSeNet v1"),
        lambda t, _: BiSeNetV1(t),
    ),
    "BiSeNetV2": Body(
        ("detail.detail_branch.", "semantic.", "bga."),
        "detail.detail_branch.0.0.conv.weight",
        _named("BiSeNet v2"),
        lambda t, _: BiSeNetV2(t),
    ),
    "STDC": Body(
        ("backbone.stages.", "arms."),
        "backbone.stages.0.conv.weight",
        _stdc,
        lambda t, _: STDC(t),
    ),
    "FastSCNN": Body(
        ("learning_to_downsample.", "global_feature_extractor."),
        "learning_to_downsample.conv.conv.weight",
        _named("Fast-SCNN"),
        lambda t, _: FastSCNN(t),
    ),
    "ERFNet": Body(
        ("encoder.0.conv.", "decoder.0.conv."),
        "encoder.0.conv.weight",
        _named("ERFNet"),
        lambda t, _: ERFNet(t),
    ),
    "ICNet": Body(
        ("conv_sub1.", "conv_sub4.", "backbone.layer1."),
        "conv_sub1.0.conv.weight",
        _named("ICNet"),
        lambda t, _: ICNet(t),
    ),
    "HRNet": Body(
        ("stage4.0.branches.", "layer1."), "conv1.weight", _hrnet, lambda t, _: Joined(t)
    ),
    "Swin": Body(("stages.0.blocks.0.attn.w_msa.",), PATCHES, _swin, lambda t, _: Swin(t, MMSEG)),
    "ConvNeXt": Body(
        ("downsample_layers.0.0.", "stages.0.0.depthwise_conv."),
        "downsample_layers.0.0.weight",
        _convnext,
        lambda t, _: ConvNeXt(t),
    ),
    "BEiT": Body(
        ("cls_token", "layers.0.attn.relative_position_bias_table"),
        PATCHES,
        _beit,
        lambda t, facts: BEiT(t, numbers(facts[LAYERS])),
    ),
    "MiT": Body(
        ("layers.0.0.projection.",),
        "layers.0.0.projection.weight",
        _mit,
        lambda t, facts: MixTransformer(t, numbers(facts[ATTENTION])),
    ),
    "ResNet": Body(
        ("layer1.",), "conv1.weight", _resnet, lambda t, facts: ResNet(t, facts[OUTPUT_STRIDE])
    ),
}


def body_of(tensors: Tensors) -> str:
    """The name in `BODIES` of the backbone with these keys, "" for none.

    Args:
        tensors: of the backbone, without its prefix.
    """
    return next((name for name, body in BODIES.items() if has(tensors, *body.marks)), "")
