"""Networks of nnU-Net v2, built by dynamic-network-architectures.

The plans beside the weights tell the class and all sizes; without plans, keys and shapes do. Names
of classes in the plans are looked up in a table, and never imported.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from typing import Any, cast

from torch import nn

from core.architectures.families.medical.library import filled, refuse_volumes, require
from core.architectures.families.medical.nnunet_arguments import (
    PLAIN,
    RESIDUAL,
    Arguments,
    from_keys,
    from_plans,
    layer_or_value,
    written,
)
from core.architectures.network import Network, Source, Tensors
from core.architectures.shapes import count, has, outputs, size
from core.checkpoint import Checkpoint
from core.checkpoint.nnunet_plans import CT, Plans, plans_in

PACKAGE = "dynamic-network-architectures"
CLASSES = "dynamic_network_architectures.architectures.unet"
HEADS = "decoder.seg_layers."
FIRST = {
    PLAIN: "encoder.stages.0.0.convs.0.conv.weight",
    RESIDUAL: "encoder.stem.convs.0.conv.weight",
}


def matches(checkpoint: Checkpoint) -> bool:
    """Whether the keys are laid out as in nnU-Net v2."""
    tensors = checkpoint.tensors
    return has(tensors, HEADS, "decoder.transpconvs.") and any(k in tensors for k in FIRST.values())


def build(checkpoint: Checkpoint, chosen: Mapping[str, str]) -> Network:
    """Have the library build what the plans describe, else what the keys tell.

    Raises:
        ArchitectureError: the library is not installed, the network is for volumes, the plans name
            a class that is not known, or tensors are missing or have another shape.
    """
    tensors, plans = checkpoint.tensors, plans_in(checkpoint.metadata)
    kind = next(kind for kind, key in FIRST.items() if key in tensors)
    title = f"{kind} of nnU-Net v2"
    if any(tensor.ndim == 5 for tensor in tensors.values()):
        raise refuse_volumes(title, plans.patch if plans else ())
    require(PACKAGE, title)
    arguments = from_plans(plans, kind) if plans else None
    arguments = arguments or from_keys(tensors, kind)
    heads = count(tensors, HEADS)
    classes = outputs(tensors, f"{HEADS}{heads - 1}", 2)
    channels = size(tensors, FIRST[kind], 1, 1)
    network = filled(
        lambda: _made(kind, channels, classes, arguments),
        checkpoint,
        title,
        num_classes=classes,
        in_channels=channels,
        source=_source(kind, channels, classes, arguments),
        step=_step(arguments),
        patch=plans.patch if plans else (),
    )
    names = plans.class_names if plans and len(plans.class_names) == classes else ()
    notes = (*network.notes, *_notes(heads, plans, tensors))
    return replace(network, class_names=names, notes=notes)


def _made(kind: str, channels: int, classes: int, arguments: Arguments) -> nn.Module:
    library: Any = import_module(CLASSES)  # ships without types
    known = {name: layer_or_value(value) for name, value in arguments.items()}
    made = getattr(library, kind)(channels, num_classes=classes, deep_supervision=False, **known)
    return cast(nn.Module, made)


def _step(arguments: Arguments) -> tuple[int, int]:
    """All halvings together: h, w have to be multiples of them."""
    steps = arguments["strides"]
    return math.prod(step[0] for step in steps), math.prod(step[1] for step in steps)


def _source(kind: str, channels: int, classes: int, arguments: Arguments) -> Source:
    block = ["    deep_supervision=False,"]
    block += [f"    {name}={written(value)}," for name, value in arguments.items()]
    lines = (f"network = {kind}(", f"    {channels},", f"    num_classes={classes},", *block, ")")
    imports = (f"from {CLASSES} import {kind}", "from torch import nn")
    return Source(imports, lines, {"out": "network(x)"}, needs=PACKAGE)


def _notes(heads: int, plans: Plans | None, tensors: Tensors) -> list[str]:
    notes = []
    if heads > 1:
        notes.append(
            f"Of {heads} heads the last is run; the others, for deep supervision, helped in "
            "training only"
        )
    if plans is None:
        return [*notes, "No plans beside the weights: sizes are those of the keys, LeakyReLU"]
    notes.append(f"Configuration {plans.name}, normalized by {', '.join(plans.schemes) or '?'}")
    if CT in plans.schemes:
        notes.append(
            "It is fed Hounsfield units: a picture of 8 bits does not hold them, a NIfTI or a TIFF "
            "of floats does"
        )
    if plans.has_regions:
        notes.append("Classes are regions that overlap: each has a sigmoid of its own")
    if any(plans.values.get("use_mask_for_norm") or ()):
        notes.append("Mean and std were those of the pixels that are not 0 (use_mask_for_norm)")
    return notes
