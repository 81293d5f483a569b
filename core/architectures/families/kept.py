"""A part that helped in training only: its tensors are accounted for, and it never runs."""

from __future__ import annotations

import torch
from torch import nn

from core.architectures.network import Tensors


class Kept(nn.Module):
    """Tensors under their names, without what was computed with them.

    Args:
        tensors: of the part, without its prefix.
    """

    def __init__(self, tensors: Tensors) -> None:
        super().__init__()
        for name, tensor in tensors.items():
            *path, last = name.split(".")
            place: nn.Module = self
            for part in path:
                if part not in place._modules:
                    place.add_module(part, nn.Module())
                place = place.get_submodule(part)
            kind = torch.float32 if tensor.is_floating_point() else tensor.dtype
            place.register_buffer(last, torch.zeros(tensor.shape, dtype=kind))


def below(tensors: Tensors, start: str) -> dict[str, torch.Tensor]:
    """The tensors whose names begin so, by what follows."""
    return {key.removeprefix(start): t for key, t in tensors.items() if key.startswith(start)}
