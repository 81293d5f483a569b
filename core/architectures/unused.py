"""Layers of a file that a known network would pass over: then it is another network.

A fork keeps the names that it has in common with its origin, and puts attention, a shortcut or a
refinement between them. Built as the origin, its mask would be another one, and nothing would say
so. A head beside the one that is run, or what a classifier left, changes no mask.
"""

from __future__ import annotations

import re

from core.architectures.nearest import export_lines
from core.architectures.network import Account, Network, Tensors
from core.architectures.strangers import EXPORT
from core.checkpoint.parts import is_layer
from core.errors import ArchitectureError

SHOWN = 3  # names in a sentence
# What a layer beside the network is called that no mask depends on: further heads and outputs, deep
# supervision, what contrastive training projects to, the classifier of an encoder.
BESIDE = re.compile(
    r"aux|head|classif|deep|superv|ds[vn]?_?\d*$|edge|boundar|contour|border|proj|contrast|fc$|cls"
    r"|conv_seg|loss|criterion|out\w*$|logits?|linear$|queue|prototype|memory|teacher|ema|pooler"
)


def unused_layers(account: Account, tensors: Tensors) -> tuple[str, ...]:
    """The layers that the file has and the network has not, and that a mask would depend on.

    Args:
        account: of a network that was built.
        tensors: of the file, by name.
    """
    known = {start for key in (*account.matched, *account.missing) for start in _starts(key)}
    return tuple(
        key
        for key in account.unexpected
        if is_layer(key) and key in tensors and tensors[key].ndim > 1
        if not BESIDE.search(_first_own(key, known))
    )


def refuse_other(network: Network, tensors: Tensors) -> None:
    """Refuse what only begins as a known network.

    Raises:
        ArchitectureError: the file has layers that would not be run.
    """
    if not (layers := unused_layers(network.account, tensors)):
        return
    named = ", ".join(layers[:SHOWN]) + (", ..." if len(layers) > SHOWN else "")
    count = "1 layer" if len(layers) == 1 else f"{len(layers)} layers"
    raise ArchitectureError(
        f"The file has all tensors of {network.architecture}, and {count} more between them "
        f"({named}): it is another network, which would be run without these.",
        remedy=EXPORT,
        code=export_lines(tensors),
    )


def _starts(key: str) -> list[str]:
    parts = key.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts) + 1)]


def _first_own(key: str, known: set[str]) -> str:
    """The first part of a name that the network does not know: "se" of "down1.se.fc.0.weight"."""
    start = next((start for start in _starts(key) if start not in known), key)
    return start.rpartition(".")[2].lower()
