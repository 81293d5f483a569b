"""The feature maps of a forward, each a start of its own for gradients: nothing before it is kept.

A hook of all modules, as one on the shared module would fire for the forwards of other people too;
it asks about its own thread and network only, and is taken off when the forward is over.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_hook

KEPT = 8  # maps before the logits; all of them would take the memory of a training step
PASSING = (nn.Dropout, nn.Dropout2d, nn.Identity)  # layers that give back what they are given


@dataclass(frozen=True, eq=False)
class FeatureMap:
    """What one layer gave."""

    layer: str  # its name in the network
    values: torch.Tensor  # Float32[1 k h w], a leaf that takes gradients


@contextmanager
def feature_maps(module: nn.Module, least_channels: int) -> Iterator[deque[FeatureMap]]:
    """Collect the last maps of the forward that is run inside, in the order of their making.

    Args:
        module: whose layers are asked; it is not changed.
        least_channels: a map with fewer is none of features.
    """
    names = {layer: name for name, layer in module.named_modules() if name}
    here, found = threading.get_ident(), deque[FeatureMap](maxlen=KEPT)

    def cut(layer: nn.Module, _: Any, output: Any) -> torch.Tensor | None:
        if threading.get_ident() != here or layer not in names or isinstance(layer, PASSING):
            return None
        if not _is_map(output) or output.shape[1] < least_channels:
            return None
        leaf: torch.Tensor = output.detach().requires_grad_(True)
        found.append(FeatureMap(names[layer], leaf))
        return leaf.clone()  # what follows may change it in place, which a leaf forbids

    handle = register_module_forward_hook(cut)  # type: ignore[arg-type] # it may give an output
    try:
        yield found
    finally:
        handle.remove()


def _is_map(output: Any) -> bool:
    """Whether it is Float[1 k h w] and more than one pixel."""
    return (
        isinstance(output, torch.Tensor)
        and output.ndim == 4
        and output.is_floating_point()
        and output.shape[2] * output.shape[3] > 1
    )
