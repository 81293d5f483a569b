"""Which family's network the weights are of: the first that fits, or the chosen one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from core.architectures.families import (
    living_model,
    registered,
    torchvision_families,
)
from core.architectures.families.background import birefnet, modnet, u2net
from core.architectures.families.medical import monai_family, nnunet
from core.architectures.families.mmseg import mmseg_family
from core.architectures.families.realtime import (
    bisenet_v1,
    bisenet_v2,
    ddrnet,
    enet,
    erfnet,
    espnet_v2,
    fast_scnn,
    hrnet,
    pidnet,
    twinlite,
)
from core.architectures.families.repositories import (
    bubbliiiing_deeplab,
    jfzhang_deeplab,
    milesial_unet,
    nvlabs_segformer,
    vainf_deeplab,
)
from core.architectures.families.smp import smp_family
from core.architectures.families.transformers import transformers_family
from core.architectures.families.yolo import yolo_semantic
from core.architectures.nearest import explain, named, nearest, unread, whole_numbers
from core.architectures.network import Candidate, Choice, Network, choose
from core.architectures.onnx import onnx_program
from core.architectures.program import exported_program
from core.architectures.unused import refuse_other
from core.architectures.yolo import yolo
from core.checkpoint import Checkpoint
from core.checkpoint.stored.adapters import DOWN
from core.errors import ArchitectureError

OWN_GRAPH = ("living model", "exported program", "registered", "onnx program")  # tell what they run
NETWORK = "network"  # the choice where several families know the names


class Family(Protocol):
    """What a module of `families/` has."""

    def matches(self, checkpoint: Checkpoint) -> bool:
        """Whether keys and shapes are laid out as this family's."""

    def build(self, checkpoint: Checkpoint, chosen: Mapping[str, str]) -> Network:
        """Rebuild the network; raises ArchitectureError where the tensors do not fit."""


# By the name that the user is asked about, in the order in which they are tried.
FAMILIES: Mapping[str, Family] = {
    "living model": living_model,  # first: what a notebook shows is run by the notebook
    "exported program": exported_program,  # a graph tells all that keys can only hint at
    "registered": registered,  # what the host names is meant
    "torchvision": torchvision_families,
    "smp": smp_family,
    "transformers": transformers_family,
    "milesial unet": milesial_unet,
    "nnu-net": nnunet,
    "monai": monai_family,
    "nvlabs segformer": nvlabs_segformer,  # a fork of mmseg, whose keys it shares in part
    "mmseg": mmseg_family,
    "vainf deeplab": vainf_deeplab,
    "bubbliiiing deeplab": bubbliiiing_deeplab,
    "jfzhang deeplab": jfzhang_deeplab,
    "u2-net or is-net": u2net,
    "modnet": modnet,
    "birefnet": birefnet,
    "pidnet": pidnet,
    "ddrnet": ddrnet,
    "bisenet v1 or stdc": bisenet_v1,
    "bisenet v2": bisenet_v2,
    "fast-scnn": fast_scnn,
    "enet": enet,
    "erfnet": erfnet,
    "hrnet": hrnet,
    "twinlitenet": twinlite,
    "espnetv2": espnet_v2,
    "semantic yolo": yolo_semantic,
    "onnx program": onnx_program,  # last: a family that is known runs without permission
}


def build_network(checkpoint: Checkpoint, chosen: Mapping[str, str] | None = None) -> Network:
    """Recognize the family from keys and shapes, and rebuild its network with these weights.

    Args:
        checkpoint: the weights.
        chosen: what the user chose where keys cannot tell, by `Choice.name`.

    Raises:
        ArchitectureError: no family fits; the message names the nearest and what differs.
    """
    chosen = chosen or {}
    families = {name: family for name, family in FAMILIES.items() if family.matches(checkpoint)}
    if any(key.endswith(DOWN) for key in checkpoint.tensors):  # the base alone would be another one
        raise named(checkpoint.tensors, always=True) or explain(checkpoint.tensors)
    if not families:
        raise unread(checkpoint) or yolo(checkpoint) or explain(checkpoint.tensors)
    try:
        fits, network = _built(families, checkpoint, chosen)
    except ArchitectureError as error:
        tensors = checkpoint.tensors
        told = unread(checkpoint) or named(tensors, always=True) or whole_numbers(tensors)
        raise told or error from error
    choices = (fits, *network.choices) if len(families) > 1 else network.choices
    network = replace(network, choices=choices)
    return replace(
        network,
        checkpoint_digest=_digest(checkpoint, network),
        class_names=network.class_names or checkpoint.class_names,
    )


def _built(
    families: Mapping[str, Family], checkpoint: Checkpoint, chosen: Mapping[str, str]
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
            return replace(fits, taken=name), _whole(name, families[name], checkpoint, chosen)
        except ArchitectureError as error:
            stopped = stopped or error
    assert stopped is not None  # there is at least one family
    raise stopped


def _whole(name: str, family: Family, checkpoint: Checkpoint, chosen: Mapping[str, str]) -> Network:
    """The network, where it runs every layer of the file that its mask depends on."""
    network = family.build(checkpoint, chosen)
    if name not in OWN_GRAPH:
        refuse_other(network, checkpoint.tensors)
    return network


def candidates(checkpoint: Checkpoint) -> tuple[Candidate, ...]:
    """Every network that the tensors may be of, with how many of them fit; the best first.

    Where no family knows the names, those of torchvision with the most names in common.
    """
    known = {name: family for name, family in FAMILIES.items() if family.matches(checkpoint)}
    if not known:
        return nearest(checkpoint.tensors)
    return tuple(sorted((_tried(name, checkpoint) for name in known), key=_misfit))


def _tried(name: str, checkpoint: Checkpoint) -> Candidate:
    try:
        network = _whole(name, FAMILIES[name], checkpoint, {})
    except ArchitectureError as error:
        return Candidate(name, "", None, error.message)
    return Candidate(name, network.architecture, network.account, "")


def _misfit(candidate: Candidate) -> int:
    account = candidate.account
    if account is None:
        return 2**31
    return len(account.missing) + len(account.unexpected) + len(account.wrong_shape)


def _digest(checkpoint: Checkpoint, network: Network) -> str:
    """Of all that the logits depend on beside the input: the file, the place in it, the choices."""
    choices = [f"{choice.name}={choice.taken}" for choice in network.choices]
    parts = (checkpoint.digest, *checkpoint.wrapper, *choices)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
