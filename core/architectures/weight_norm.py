"""Weights that were saved as length and direction (torch's weight_norm), multiplied out.

https://arxiv.org/abs/1602.07868; the names are those of torch.nn.utils.parametrizations.weight_norm
and of the older torch.nn.utils.weight_norm.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch

Tensors = Mapping[str, torch.Tensor]
LENGTH = re.compile(r"(?:(.*\.)?parametrizations\.(\w+)\.original0|(.*\.)?(\w+)_g)")


def folded(tensors: Tensors) -> dict[str, torch.Tensor]:
    """The same tensors with `weight = length * direction / |direction|` in the place of each pair.

    Args:
        tensors: of a file; what is no such pair stays as it is.

    Returns:
        By name, in the file's order.
    """
    pairs = {key: pair for key in tensors if (pair := _pair(key, tensors)) is not None}
    directions = {direction for direction, _ in pairs.values()}
    plain: dict[str, torch.Tensor] = {}
    for key, tensor in tensors.items():
        if key in pairs:
            direction, name = pairs[key]
            plain[name] = _multiplied(tensors[direction], tensor)
        elif key not in directions:
            plain[key] = tensor
    return plain


def _pair(key: str, tensors: Tensors) -> tuple[str, str] | None:
    """The direction's key that belongs to a length's key, and the name of the plain weight."""
    if not (match := LENGTH.fullmatch(key)):
        return None
    new, name, old, old_name = match.groups()
    direction = f"{key[:-1]}1" if name else f"{key[:-2]}_v"
    plain = f"{new or ''}{name}" if name else f"{old or ''}{old_name}"
    fits = direction in tensors and _fits(tensors[key].shape, tensors[direction].shape)
    return (direction, plain) if fits and plain not in tensors else None


def _fits(length: torch.Size, direction: torch.Size) -> bool:
    """One length for each entry of one dimension, or one for all."""
    kept = [size for size, whole in zip(length, direction, strict=False) if size == whole != 1]
    return len(length) in (0, len(direction)) and sum(s != 1 for s in length) == len(kept) <= 1


def _multiplied(direction: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
    dims = [dim for dim in range(direction.ndim) if length.ndim == 0 or length.shape[dim] == 1]
    size: torch.Tensor = torch.linalg.vector_norm(direction, dim=dims, keepdim=True)
    return direction * (length / size)
