"""Networks of mmsegmentation: a backbone, a decode head and maybe an auxiliary one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from core.architectures.families.kept import Kept, below
from core.architectures.families.mmseg import mmseg_heads as heads
from core.architectures.families.mmseg.mmseg_backbones import STRIDES
from core.architectures.families.mmseg.mmseg_beit import Pyramid, side_of
from core.architectures.families.mmseg.mmseg_bodies import (
    ATTENTION,
    BODIES,
    LAYERS,
    body_of,
    numbers,
)
from core.architectures.families.mmseg.mmseg_icnet import Cascade
from core.architectures.families.mmseg.mmseg_ocr import OCRHead
from core.architectures.finish import finish
from core.architectures.network import Choice, Network, Tensors, choose
from core.architectures.shapes import OUTPUT_STRIDE, count, has, outputs
from core.architectures.sizes import only
from core.checkpoint import Checkpoint

BACKBONE, NECK, HEAD, AUX = "backbone.", "neck.", "decode_head.", "auxiliary_head."
OTHERWISE = {  # what a config may say -> what is built instead
    r"align_corners\s*=\s*True": "align_corners=False, so edges may differ by a pixel",
    r"style\s*=\s*['\"]caffe['\"]": "the stride in the 3x3 convolutions (style='pytorch')",
    r"\bavg_down\s*=\s*True|ResNetV1d": "a strided 1x1 convolution in each shortcut",
}
RATES, SCALES = "atrous rates", "pool scales"


def matches(checkpoint: Checkpoint) -> bool:
    """Whether the keys are laid out as in mmsegmentation."""
    tensors = checkpoint.tensors
    body = body_of(below(tensors, BACKBONE))
    return bool(body and _kind(tensors) and has(tensors, f"{_last(tensors)}."))


def build(checkpoint: Checkpoint, chosen: Mapping[str, str]) -> Network:
    """Rebuild the network; output stride, atrous rates and pool scales are choices.

    Raises:
        ArchitectureError: tensors are missing or have another shape.
    """
    tensors = _without(checkpoint.tensors)
    kind, body = _kind(tensors), below(tensors, BACKBONE)
    known = BODIES[name := body_of(body)]
    choices = tuple(_choices(kind, checkpoint, tensors, chosen))
    network = finish(
        lambda: MMSegNetwork(kind, tensors, {c.name: c.taken for c in choices}),
        replace(checkpoint, tensors=tensors),
        f"{kind} of mmsegmentation, {known.title(body)}",
        first=f"{BACKBONE}{'stem.0.weight' if 'stem.0.weight' in body else known.first}",
        last=_last(tensors),
        choices=choices,
    )
    network = replace(network, notes=(*network.notes, *_notes(checkpoint, tensors)))
    if name != "BEiT":
        return network
    side = side_of(body)  # its tables of positions are for pictures of one size
    return replace(network, sizes=only(side, side))


def _notes(checkpoint: Checkpoint, tensors: Tensors) -> Iterator[str]:
    """What is not run, and what the config tells otherwise than it is built here."""
    if has(tensors, f"{AUX}0."):
        heads_of = count(tensors, AUX)
        yield f"{heads_of} auxiliary heads are not run; they helped in training only"
    elif has(tensors, AUX):
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
        body, head = below(tensors, BACKBONE), below(tensors, HEAD)
        made: Any = BODIES[body_of(body)].make(body, facts)
        self.backbone: nn.Module = made
        channels: Sequence[int] = made.channels
        if has(tensors, f"{NECK}cff_24."):
            self.neck: nn.Module = Cascade(below(tensors, NECK), channels)
            channels = self.neck.channels
        elif has(tensors, NECK):
            self.neck = Pyramid(below(tensors, NECK))
        self.decode_head = HEADS[kind](channels, head, facts)
        if has(tensors, f"{AUX}convs."):
            index = min(2, len(channels) - 1)
            self.auxiliary_head: nn.Module = heads.FCNHead(
                channels[index], below(tensors, AUX), index
            )
        elif has(tensors, AUX):
            self.auxiliary_head = Kept(below(tensors, AUX))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n c h w] to logits at the head's size; the caller enlarges them."""
        features = self.backbone(x)
        if hasattr(self, "neck"):
            features = self.neck(features)
        logits: torch.Tensor = self.decode_head(features)
        return logits


Head = Callable[[Sequence[int], Tensors, Mapping[str, str]], nn.Module]
HEADS: dict[str, Head] = {
    "OCR": lambda c, t, facts: OCRHead(c, t),
    "UPerNet": lambda c, t, facts: heads.UPerHead(c, t, numbers(facts[SCALES])),
    "DeepLabV3+": lambda c, t, facts: heads.ASPPHead(c, t, numbers(facts[RATES])),
    "DeepLabV3": lambda c, t, facts: heads.ASPPHead(c, t, numbers(facts[RATES])),
    "PSPNet": lambda c, t, facts: heads.PSPHead(c[-1], t, numbers(facts[SCALES])),
    "SegFormer": lambda c, t, facts: heads.SegFormerHead(c, t),
    "FCN": lambda c, t, facts: heads.FCNHead(c[-1], t, len(c) - 1),
}
TOLD_BY = {  # beginnings of keys that only this head has, the more special first
    "OCR": "decode_head.1.object_context_block.",
    "UPerNet": "decode_head.fpn_bottleneck.",
    "DeepLabV3+": "decode_head.sep_bottleneck.",
    "DeepLabV3": "decode_head.aspp_modules.",
    "PSPNet": "decode_head.psp_modules.",
    "SegFormer": "decode_head.fusion_conv.",
    "FCN": "decode_head.convs.",
}


def _last(tensors: Tensors) -> str:
    """The name of the convolution to the classes; of two heads it is the second's."""
    return f"decode_head.{'1.' * has(tensors, TOLD_BY['OCR'])}conv_seg"


def _kind(tensors: Tensors) -> str:
    return next((kind for kind, start in TOLD_BY.items() if has(tensors, start)), "")


def _without(tensors: Tensors) -> dict[str, torch.Tensor]:
    """Leave out what mmseg saves beside: the mean and std of its preprocessor are no weights."""
    return {key: t for key, t in tensors.items() if not key.startswith("data_preprocessor.")}


# --- what keys cannot tell ------------------------------------------------------------------------


def _choices(
    kind: str, checkpoint: Checkpoint, tensors: Tensors, chosen: Mapping[str, str]
) -> Iterator[Choice]:
    config = " ".join(_texts(checkpoint.metadata))
    body = body_of(below(tensors, BACKBONE))
    if body == "MiT":
        stated = _listed(config, "num_heads", 4)
        yield choose(ATTENTION, ("1, 2, 5, 8", "1, 2, 4, 8"), chosen, stated)
    elif body == "BEiT":
        stated = _listed(config, "out_indices", 4, largest=4)
        yield choose(LAYERS, _layers(count(tensors, f"{BACKBONE}layers.")), chosen, stated)
    elif body == "ResNet":
        strides = ("32", "16", "8") if kind == "UPerNet" else ("8", "16", "32")
        yield choose(OUTPUT_STRIDE, strides, chosen, _stride_in(config))
    if kind.startswith("DeepLab"):
        rates = ("1, 12, 24, 36", "1, 6, 12, 18")
        yield choose(RATES, rates, chosen, _listed(config, "dilations", 4, largest=5))
    if kind in ("UPerNet", "PSPNet"):
        yield choose(SCALES, ("1, 2, 3, 6",), chosen)


def _layers(depth: int) -> tuple[str, ...]:
    """Which four of so many layers feed a head: a third on, then every sixth, or quarters."""
    published = [depth * k // 6 - 1 for k in (2, 3, 4, 6)]  # 3, 5, 7, 11 of 12
    quarters = [depth * k // 4 - 1 for k in (1, 2, 3, 4)]
    options = (", ".join(map(str, each)) for each in (published, quarters))
    return tuple(dict.fromkeys(options))


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
