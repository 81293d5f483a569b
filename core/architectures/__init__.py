"""Weights to a network that can run: one module per family, each with `matches` and `build`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from core.architectures import (
    bubbliiiing_deeplab,
    exported_program,
    jfzhang_deeplab,
    milesial_unet,
    mmseg_family,
    onnx_program,
    registered,
    smp_family,
    torchvision_families,
    transformers_family,
    vainf_deeplab,
)
from core.architectures.nearest import explain, nearest
from core.architectures.network import Account, Candidate, Choice, Network, choose
from core.architectures.pretrained import pretrained_names, read_pretrained
from core.architectures.weight_norm import folded
from core.checkpoint import Checkpoint
from core.errors import ArchitectureError

__all__ = [
    "Account",
    "Candidate",
    "Choice",
    "Network",
    "build_network",
    "candidates",
    "pretrained_names",
    "read_pretrained",
]

NETWORK = "network"  # the choice where several families know the names

FAMILIES = (
    exported_program,  # first: a graph tells all that keys can only hint at
    registered,  # what the host names is meant
    torchvision_families,
    smp_family,
    transformers_family,
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
    checkpoint, chosen = _unfolded(checkpoint), chosen or {}
    families = {_name(family): family for family in FAMILIES if family.matches(checkpoint)}
    if not families:
        raise explain(checkpoint.tensors)
    fits, network = _built(families, checkpoint, chosen)
    choices = (fits, *network.choices) if len(families) > 1 else network.choices
    network = replace(network, choices=choices)
    return replace(
        network,
        checkpoint_digest=_digest(checkpoint, network),
        class_names=network.class_names or checkpoint.class_names,
    )


def _built(
    families: Mapping[str, Any], checkpoint: Checkpoint, chosen: Mapping[str, str]
) -> tuple[Choice, Network]:
    """What the user chose, else the first family whose network fits.

    Raises:
        ArchitectureError: none fits; it is that of the first, or of the one that was chosen.
    """
    fits = choose(NETWORK, tuple(families), chosen)
    tried = (fits.taken,) if fits.source == "chosen" else fits.options
    stopped: ArchitectureError | None = None
    for name in tried:
        try:
            return replace(fits, taken=name), families[name].build(checkpoint, chosen)
        except ArchitectureError as error:
            stopped = stopped or error
    assert stopped is not None  # there is at least one family
    raise stopped


def candidates(checkpoint: Checkpoint) -> tuple[Candidate, ...]:
    """Every network that the tensors may be of, with how many of them fit; the best first.

    Where no family knows the names, those of torchvision with the most names in common.
    """
    checkpoint = _unfolded(checkpoint)
    known = [family for family in FAMILIES if family.matches(checkpoint)]
    if not known:
        return nearest(checkpoint.tensors)
    return tuple(sorted((_tried(family, checkpoint) for family in known), key=_misfit))


def _tried(family: Any, checkpoint: Checkpoint) -> Candidate:
    try:
        network: Network = family.build(checkpoint, {})
    except ArchitectureError as error:
        return Candidate(_name(family), "", None, error.message)
    return Candidate(_name(family), network.architecture, network.account, "")


def _misfit(candidate: Candidate) -> int:
    account = candidate.account
    if account is None:
        return 2**31
    return len(account.missing) + len(account.unexpected) + len(account.wrong_shape)


def _name(family: Any) -> str:
    """What the user is asked about: "torchvision", "mmseg"."""
    last = str(family.__name__).rpartition(".")[2]
    return last.removesuffix("_family").removesuffix("_families").replace("_", " ")


def _unfolded(checkpoint: Checkpoint) -> Checkpoint:
    if checkpoint.program is not None:  # a graph multiplies its weights out itself
        return checkpoint
    return replace(checkpoint, tensors=folded(checkpoint.tensors))


def _digest(checkpoint: Checkpoint, network: Network) -> str:
    """Of all that the logits depend on beside the input: the file, the place in it, the choices."""
    choices = [f"{choice.name}={choice.taken}" for choice in network.choices]
    parts = (checkpoint.digest, *checkpoint.wrapper, *choices)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
