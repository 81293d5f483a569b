"""Weights to a network that can run: one module per family, each with `matches` and `build`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from core.architectures import (
    bubbliiiing_deeplab,
    jfzhang_deeplab,
    milesial_unet,
    smp_family,
    torchvision_families,
    vainf_deeplab,
)
from core.architectures.nearest import explain
from core.architectures.network import Account, Choice, Network
from core.architectures.pretrained import pretrained_names, read_pretrained
from core.checkpoint import Checkpoint

__all__ = ["Account", "Choice", "Network", "build_network", "load_pretrained", "pretrained_names"]

FAMILIES = (
    torchvision_families,
    smp_family,
    milesial_unet,
    vainf_deeplab,
    bubbliiiing_deeplab,
    jfzhang_deeplab,
)


def build_network(checkpoint: Checkpoint, chosen: Mapping[str, str] | None = None) -> Network:
    """Recognize the family from keys and shapes, and rebuild its network with these weights.

    Args:
        checkpoint: the weights.
        chosen: what the user chose where keys cannot tell, by `Choice.name`.

    Raises:
        ArchitectureError: no family fits; the message names the nearest and what differs.
    """
    for family in FAMILIES:
        if family.matches(checkpoint.tensors):
            network: Network = family.build(checkpoint, chosen or {})
            return network
    raise explain(checkpoint.tensors)


def load_pretrained(name: str, progress: Callable[[str], None] = lambda stage: None) -> Network:
    """Torchvision's own weights, one of `pretrained_names()`, fetched once.

    Raises:
        DownloadError: no network, or another file than announced.
    """
    checkpoint, class_names = read_pretrained(name, progress)
    return replace(build_network(checkpoint), class_names=class_names)
