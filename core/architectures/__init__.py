"""Weights to a network that can run: one module per family, each with `matches` and `build`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace

from core.architectures import (
    bubbliiiing_deeplab,
    exported_program,
    jfzhang_deeplab,
    milesial_unet,
    mmseg_family,
    onnx_program,
    smp_family,
    torchvision_families,
    vainf_deeplab,
)
from core.architectures.nearest import explain
from core.architectures.network import Account, Choice, Network
from core.architectures.pretrained import pretrained_names, read_pretrained
from core.architectures.weight_norm import folded
from core.checkpoint import Checkpoint

__all__ = ["Account", "Choice", "Network", "build_network", "pretrained_names", "read_pretrained"]

FAMILIES = (
    exported_program,  # first: a graph tells all that keys can only hint at
    torchvision_families,
    smp_family,
    milesial_unet,
    mmseg_family,
    vainf_deeplab,
    bubbliiiing_deeplab,
    jfzhang_deeplab,
    onnx_program,  # last: a family that is known runs without permission
)


def build_network(checkpoint: Checkpoint, chosen: Mapping[str, str] | None = None) -> Network:
    """Recognize the family from keys and shapes, and rebuild its network with these weights.

    Args:
        checkpoint: the weights.
        chosen: what the user chose where keys cannot tell, by `Choice.name`.

    Raises:
        ArchitectureError: no family fits; the message names the nearest and what differs.
    """
    if checkpoint.program is None:  # a graph multiplies its weights out itself
        checkpoint = replace(checkpoint, tensors=folded(checkpoint.tensors))
    for family in FAMILIES:
        if family.matches(checkpoint):
            network: Network = family.build(checkpoint, chosen or {})
            return replace(
                network,
                checkpoint_digest=_digest(checkpoint, network),
                class_names=network.class_names or checkpoint.class_names,
            )
    raise explain(checkpoint.tensors)


def _digest(checkpoint: Checkpoint, network: Network) -> str:
    """Of all that the logits depend on beside the input: the file, the place in it, the choices."""
    choices = [f"{choice.name}={choice.taken}" for choice in network.choices]
    parts = (checkpoint.digest, *checkpoint.wrapper, *choices)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
