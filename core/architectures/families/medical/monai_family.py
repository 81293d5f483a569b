"""Networks of MONAI in two dimensions: its own classes, with what keys and shapes tell."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, cast

from torch import nn

from core.architectures.families.medical import monai_others, monai_unets
from core.architectures.families.medical.library import filled, refuse_volumes, require
from core.architectures.families.medical.monai_unets import Arguments, Read
from core.architectures.families.source_lines import call
from core.architectures.network import Network, Source, Tensors
from core.architectures.shapes import has
from core.checkpoint import Checkpoint

PACKAGE, MODULE = "monai", "monai.networks.nets"
# UNet and AttentionUnet hold everything in a child `model`, which reads like a wrapper's prefix.
INNER = "model."


@dataclass(frozen=True)
class Kind:
    """One class of MONAI."""

    marks: tuple[str, ...]  # patterns of names, of which each is in some key
    read: Callable[[Tensors, Mapping[str, str]], Read]
    step: Callable[[Arguments], int]  # height and width have to be multiples of it
    inner: bool = False  # whether its names begin with INNER


def _halvings(arguments: Arguments) -> int:
    steps = arguments["strides"]
    return math.prod(max(step) if isinstance(step, tuple) else step for step in steps)


KINDS: Mapping[str, Kind] = {  # the more special first
    "AttentionUnet": Kind(
        (r"^1\.attention\.W_g\.", r"^0\.conv\.0\.conv\.", r"^2\.conv\."),
        monai_unets.attention_unet,
        _halvings,
        inner=True,
    ),
    "UNet": Kind(
        (r"^1\.submodule\.", r"^0\.(conv\.unit0\.)?conv\.weight", r"^2\.(0\.)?conv\."),
        monai_unets.unet,
        _halvings,
        inner=True,
    ),
    "BasicUNet": Kind(
        (r"^conv_0\.conv_0\.conv\.", r"^upcat_4\.", r"^final_conv\."),
        monai_unets.basic_unet,
        lambda arguments: 1,  # it pads where a side is odd
    ),
    "SegResNet": Kind(
        (r"^convInit\.conv\.", r"^down_layers\.", r"^conv_final\."),
        monai_others.segresnet,
        lambda arguments: 2 ** (len(arguments["blocks_down"]) - 1),
    ),
    "DynUNet": Kind(
        (r"^input_block\.conv1\.conv\.", r"^upsamples\.0\.transp_conv\.", r"^output_block\."),
        monai_others.dynunet,
        _halvings,
    ),
    "SwinUNETR": Kind(
        (r"^swinViT\.", r"^encoder10\.layer\.", r"^decoder1\."),
        monai_others.swin_unetr,
        lambda arguments: arguments["patch_size"] ** 5,
    ),
}


def matches(checkpoint: Checkpoint) -> bool:
    """Whether the keys are laid out as one of these classes'."""
    return next(_kinds(checkpoint.tensors), None) is not None


def build(checkpoint: Checkpoint, chosen: Mapping[str, str]) -> Network:
    """Have the library build the class that the keys tell.

    Raises:
        ArchitectureError: the library is not installed, the network is for volumes, or tensors are
            missing or have another shape.
    """
    name = next(_kinds(checkpoint.tensors))
    kind, title = KINDS[name], f"{name} of MONAI"
    if any(tensor.ndim == 5 for tensor in checkpoint.tensors.values()):
        raise refuse_volumes(title)
    require(PACKAGE, title)
    if kind.inner:
        named = {f"{INNER}{_bare(key)}": t for key, t in checkpoint.tensors.items()}
        checkpoint = replace(checkpoint, tensors=named)
    arguments, choices = kind.read(checkpoint.tensors, chosen)
    network = filled(
        lambda: _made(name, arguments),
        checkpoint,
        title,
        num_classes=arguments["out_channels"],
        in_channels=arguments["in_channels"],
        source=_source(name, arguments, inner=kind.inner),
        step=(kind.step(arguments),) * 2,
    )
    return replace(network, choices=choices, notes=(*network.notes, *_notes(checkpoint.tensors)))


def _kinds(tensors: Tensors) -> Iterator[str]:
    keys = [_bare(key) for key in tensors]
    for name, kind in KINDS.items():
        if all(any(re.search(mark, key) for key in keys) for mark in kind.marks):
            yield name


def _bare(key: str) -> str:
    return key.removeprefix(INNER)


def _made(name: str, arguments: Arguments) -> nn.Module:
    library: Any = import_module(MODULE)
    return cast(nn.Module, getattr(library, name)(**arguments))


def _source(name: str, arguments: Arguments, *, inner: bool) -> Source:
    return Source(
        (f"from {MODULE} import {name}",),
        call(name, [f"{argument}={value!r}" for argument, value in arguments.items()]),
        {"out": "network(x)"},
        needs=PACKAGE,
        renamed=(("", INNER),) if inner else (),
    )


def _notes(tensors: Tensors) -> Iterator[str]:
    if has(tensors, "deep_supervision_heads."):
        yield "The heads for deep supervision are not run; they helped in training only"
