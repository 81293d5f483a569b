"""Networks of mmsegmentation: a backbone, a decode head and maybe an auxiliary one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from core.architectures.families.mmseg import mmseg_heads as heads
from core.architectures.families.mmseg.mmseg_backbones import STRIDES, MixTransformer, ResNet
from core.architectures.finish import finish
from core.architectures.network import Choice, Network, Tensors, choose
from core.architectures.shapes import OUTPUT_STRIDE, count, has, outputs, resnet_name, size
from core.checkpoint import Checkpoint

BACKBONE, HEAD, AUX = "backbone.", "decode_head.", "auxiliary_head."
BLOCKS: dict[tuple[int, ...], str] = {  # of the stages of a Mix Transformer; B0 is B1, narrower
    (2, 2, 2, 2): "B1",
    (3, 4, 6, 3): "B2",
    (3, 4, 18, 3): "B3",
    (3, 8, 27, 3): "B4",
    (3, 6, 40, 3): "B5",
}
OTHERWISE = {  # what a config may say -> what is built instead
    r"align_corners\s*=\s*True": "align_corners=False, so edges may differ by a pixel",
    r"style\s*=\s*['\"]caffe['\"]": "the stride in the 3x3 convolutions (style='pytorch')",
    r"\bavg_down\s*=\s*True|ResNetV1d": "a strided 1x1 convolution in each shortcut",
}
RATES, SCALES, ATTENTION = "atrous rates", "pool scales", "attention heads"


def matches(checkpoint: Checkpoint) -> bool:
    """Whether the keys are laid out as in mmsegmentation."""
    tensors = checkpoint.tensors
    body = has(tensors, "backbone.layer1.") or has(tensors, "backbone.layers.0.0.projection.")
    return body and has(tensors, "decode_head.conv_seg.") and bool(_kind(tensors))


def build(checkpoint: Checkpoint, chosen: Mapping[str, str]) -> Network:
    """Rebuild the network; output stride, atrous rates and pool scales are choices.

    Raises:
        ArchitectureError: tensors are missing or have another shape.
    """
    tensors = _without(checkpoint.tensors)
    kind = _kind(tensors)
    choices = tuple(_choices(kind, checkpoint, tensors, chosen))
    network = finish(
        lambda: MMSegNetwork(kind, tensors, {c.name: c.taken for c in choices}),
        replace(checkpoint, tensors=tensors),
        f"{kind} of mmsegmentation, {_title(tensors)}",
        first=_first(tensors),
        last="decode_head.conv_seg",
        choices=choices,
    )
    return replace(network, notes=(*network.notes, *_notes(checkpoint, tensors)))


def _notes(checkpoint: Checkpoint, tensors: Tensors) -> Iterator[str]:
    """What is not run, and what the config tells otherwise than it is built here."""
    if has(tensors, AUX):
        classes = outputs(tensors, f"{AUX}conv_seg", 0)
        yield f"The auxiliary head, with {classes} classes, is not run; it helped in training only"
    config = " ".join(_texts(checkpoint.metadata))
    for pattern, built in OTHERWISE.items():
        if match := re.search(pattern, config):
            yield f"The config in the file says {match[0]}; this network is built with {built}"


class MMSegNetwork(nn.Module):
    """Backbone and heads; the auxiliary one is kept where it is an FCN, and never runs."""

    def __init__(self, kind: str, tensors: Tensors, facts: Mapping[str, str]) -> None:
        super().__init__()
        body, head = _part(tensors, BACKBONE), _part(tensors, HEAD)
        self.backbone: ResNet | MixTransformer = (
            MixTransformer(body, _numbers(facts[ATTENTION]))
            if ATTENTION in facts
            else ResNet(body, facts[OUTPUT_STRIDE])
        )
        channels = self.backbone.channels
        self.decode_head = HEADS[kind](channels, head, facts)
        if has(tensors, f"{AUX}convs."):
            self.auxiliary_head = heads.FCNHead(channels[2], _part(tensors, AUX), index=2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n c h w] to logits at the head's size; the caller enlarges them."""
        logits: torch.Tensor = self.decode_head(self.backbone(x))
        return logits


Head = Callable[[Sequence[int], Tensors, Mapping[str, str]], nn.Module]
HEADS: dict[str, Head] = {
    "UPerNet": lambda c, t, facts: heads.UPerHead(c, t, _numbers(facts[SCALES])),
    "DeepLabV3+": lambda c, t, facts: heads.ASPPHead(c, t, _numbers(facts[RATES])),
    "DeepLabV3": lambda c, t, facts: heads.ASPPHead(c, t, _numbers(facts[RATES])),
    "PSPNet": lambda c, t, facts: heads.PSPHead(c[-1], t, _numbers(facts[SCALES])),
    "SegFormer": lambda c, t, facts: heads.SegFormerHead(c, t),
    "FCN": lambda c, t, facts: heads.FCNHead(c[-1], t),
}
TOLD_BY = {  # beginnings of keys that only this head has, the more special first
    "UPerNet": "decode_head.fpn_bottleneck.",
    "DeepLabV3+": "decode_head.sep_bottleneck.",
    "DeepLabV3": "decode_head.aspp_modules.",
    "PSPNet": "decode_head.psp_modules.",
    "SegFormer": "decode_head.fusion_conv.",
    "FCN": "decode_head.convs.",
}


def _kind(tensors: Tensors) -> str:
    return next((kind for kind, start in TOLD_BY.items() if has(tensors, start)), "")


def _without(tensors: Tensors) -> dict[str, torch.Tensor]:
    """Leave out what mmseg saves beside: the mean and std of its preprocessor are no weights."""
    return {key: t for key, t in tensors.items() if not key.startswith("data_preprocessor.")}


def _part(tensors: Tensors, start: str) -> dict[str, torch.Tensor]:
    return {k.removeprefix(start): t for k, t in tensors.items() if k.startswith(start)}


def _first(tensors: Tensors) -> str:
    names = ("conv1.weight", "stem.0.weight", "layers.0.0.projection.weight")
    return next((f"{BACKBONE}{name}" for name in names if f"{BACKBONE}{name}" in tensors), "")


def _title(tensors: Tensors) -> str:
    if has(tensors, "backbone.layers.0.0."):
        width = size(tensors, "backbone.layers.0.0.projection.weight", 0, 32)
        depths = tuple(count(tensors, f"backbone.layers.{stage}.1.") for stage in range(4))
        return f"MiT-{'B0' if width == 32 else BLOCKS.get(depths, str(depths))}"
    return (
        f"ResNet-{resnet_name(tensors, BACKBONE)}{'-V1c' if has(tensors, 'backbone.stem.') else ''}"
    )


# --- what keys cannot tell ------------------------------------------------------------------------


def _choices(
    kind: str, checkpoint: Checkpoint, tensors: Tensors, chosen: Mapping[str, str]
) -> Iterator[Choice]:
    config = " ".join(_texts(checkpoint.metadata))
    if has(tensors, "backbone.layers.0.0."):
        stated = _listed(config, "num_heads", 4)
        yield choose(ATTENTION, ("1, 2, 5, 8", "1, 2, 4, 8"), chosen, stated)
    else:
        strides = ("32", "16", "8") if kind == "UPerNet" else ("8", "16", "32")
        yield choose(OUTPUT_STRIDE, strides, chosen, _stride_in(config))
    if kind.startswith("DeepLab"):
        rates = ("1, 12, 24, 36", "1, 6, 12, 18")
        yield choose(RATES, rates, chosen, _listed(config, "dilations", 4, largest=5))
    if kind in ("UPerNet", "PSPNet"):
        yield choose(SCALES, ("1, 2, 3, 6",), chosen)


def _stride_in(config: str) -> str:
    """The output stride of the config's `strides=(1, 2, 1, 1)`."""
    stated = _listed(config, "strides", 4)
    return next((s for s, steps in STRIDES.items() if stated == ", ".join(map(str, steps))), "")


def _listed(config: str, name: str, length: int, largest: int = 0) -> str:
    """The numbers of the first `name=(1, 2, 3)` in a config of this length and size."""
    for match in re.finditer(rf"\b{name}\s*=\s*[(\[]([\d,\s]+)[)\]]", config):
        numbers = [int(number) for number in match[1].split(",") if number.strip()]
        if len(numbers) == length and max(numbers) >= largest:
            return ", ".join(map(str, numbers))
    return ""


def _texts(value: Any, depth: int = 0) -> Iterator[str]:
    """The texts in the file's plain data: mmseg keeps its whole config as one."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping) and depth < 4:
        for part in value.values():
            yield from _texts(part, depth + 1)


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]
