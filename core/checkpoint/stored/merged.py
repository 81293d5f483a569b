"""Weights that a file holds in parts, put together as the network that trained them had them.

    length * direction / |direction|     weight_norm, https://arxiv.org/abs/1602.07868
    original * mask                      torch.nn.utils.prune
    original / largest singular value    spectral_norm, https://arxiv.org/abs/1802.05957
    8-bit number * scale                 scaled float8 and int8 of inference libraries

The names are those of torch.nn.utils.parametrizations and of the older functions in torch.nn.utils.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import torch

Tensors = Mapping[str, torch.Tensor]
SHOWN = 3  # names in a note
UNKNOWN = re.compile(r"((?:.*\.)?parametrizations\.\w+)\.original\d*")


@dataclass(frozen=True)
class Way:
    """One way of keeping a weight in parts."""

    parts: tuple[str, ...]  # what follows the layer's name; {} is the parameter's own name
    join: Callable[..., torch.Tensor | None]  # parts -> the weight; None where they do not fit
    words: str  # how the parts were joined
    small: bool = False  # only of numbers of 8 bits, whose name the whole keeps


def merged(
    tensors: Tensors, small: Collection[str] = ()
) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """The same tensors with the whole weight in the place of its first part.

    Args:
        tensors: of a file; what is in no such parts stays as it is.
        small: the names of those that were stored in 8 bits.

    Returns:
        By name, in the file's order; and for each weight that was joined, how.
    """
    found: dict[str, tuple[str, torch.Tensor]] = {}  # first part -> name, whole
    gone: set[str] = set()
    how: dict[str, str] = {}
    for key in tensors:
        for way in WAYS:
            fits = key not in gone and (not way.small or _is_small(key, tensors, small))
            whole = _joined(key, way, tensors) if fits else None
            if whole is not None:
                name, parts, weight = whole
                found[key], how[name] = (name, weight), way.words
                gone |= set(parts)
    plain: dict[str, torch.Tensor] = {}
    for key, tensor in tensors.items():
        if key in found:
            plain[found[key][0]] = found[key][1]
        elif key not in gone:
            plain[key] = tensor
    return plain, how


def notes_on_merged(tensors: Tensors, how: Mapping[str, str]) -> tuple[str, ...]:
    """What was joined, and what would have to be, in sentences.

    Args:
        tensors: as `merged` returned them.
        how: likewise.
    """
    notes = []
    for words in dict.fromkeys(how.values()):
        names = [name for name, done in how.items() if done == words]
        notes.append(f"{_weights(len(names))} kept in parts: {words} ({_named(names)})")
    if left := [match[1] for key in tensors if (match := UNKNOWN.fullmatch(key))]:
        left = list(dict.fromkeys(left))
        notes.append(
            f"{_weights(len(left))} computed by code that the file does not hold "
            f"({_named(left)}): call torch.nn.utils.parametrize.remove_parametrizations(layer, "
            "'weight') before saving"
        )
    return tuple(notes)


def _weights(count: int) -> str:
    return "1 weight is" if count == 1 else f"{count} weights are"


def _named(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")


def _is_small(key: str, tensors: Tensors, small: Collection[str]) -> bool:
    return key in small or (tensors[key].dtype == torch.int8 and tensors[key].ndim > 1)


def _joined(
    key: str, way: Way, tensors: Tensors
) -> tuple[str, tuple[str, ...], torch.Tensor] | None:
    """Name, parts and whole of the weight whose first part this is."""
    pattern = re.escape(way.parts[0]).replace(r"\{\}", r"(\w+)")
    if not (match := re.fullmatch(rf"((?:.*\.)?){pattern}", key)):
        return None
    layer, name = match.groups()
    parts = tuple(layer + part.format(name) for part in way.parts)
    taken = layer + name in tensors and layer + name not in parts
    taken |= way.small and f"{layer}zero_point" in tensors  # which would have to be taken off first
    if taken or not all(part in tensors for part in parts):
        return None
    try:
        weight = way.join(*(tensors[part] for part in parts))
    except RuntimeError:  # whole numbers, or of two kinds: no such parts
        return None
    return None if weight is None else (layer + name, parts, weight)


# --- how parts are joined -------------------------------------------------------------------------


def _stretched(length: torch.Tensor, direction: torch.Tensor) -> torch.Tensor | None:
    """One length for each entry of one dimension, or one for all."""
    whole = direction.shape
    kept = [size for size, wide in zip(length.shape, whole, strict=False) if size == wide != 1]
    fits = length.ndim in (0, direction.ndim)
    if not fits or not sum(s != 1 for s in length.shape) == len(kept) <= 1:
        return None
    dims = [dim for dim in range(direction.ndim) if length.ndim == 0 or length.shape[dim] == 1]
    size: torch.Tensor = torch.linalg.vector_norm(direction, dim=dims, keepdim=True)
    return direction * (length / size)


def _masked(original: torch.Tensor, mask: torch.Tensor) -> torch.Tensor | None:
    return original * mask.to(original.dtype) if original.shape == mask.shape else None


def _divided(
    original: torch.Tensor, left: torch.Tensor, right: torch.Tensor
) -> torch.Tensor | None:
    """By u W v; the rows of W are those of the first dimension whose sizes fit."""
    if original.ndim < 2 or left.ndim != 1 or right.ndim != 1:
        return None
    for dim in range(original.ndim):
        if original.shape[dim] == len(left) and original.numel() == len(left) * len(right):
            rows = original.movedim(dim, 0).reshape(len(left), -1)
            return original / torch.dot(left, rows @ right)
    return None


def _scaled(stored: torch.Tensor, scale: torch.Tensor) -> torch.Tensor | None:
    """One scale for all, or one for each output channel."""
    if not scale.is_floating_point() or scale.numel() not in (1, len(stored)):
        return None
    return stored.float() * scale.float().reshape(-1, *[1] * (stored.ndim - 1))


SCALED = "the 8-bit numbers times their scale"
WAYS = (
    Way(("{}", "{}_scale"), _scaled, SCALED, small=True),
    Way(("{}", "scale_{}"), _scaled, SCALED, small=True),
    Way(("{}", "scale"), _scaled, SCALED, small=True),
    Way(
        ("parametrizations.{}.original0", "parametrizations.{}.original1"),
        _stretched,
        "length times direction (weight_norm)",
    ),
    Way(("{}_g", "{}_v"), _stretched, "length times direction (weight_norm)"),
    Way(("{}_orig", "{}_mask"), _masked, "the weight times its pruning mask"),
    Way(
        (
            "parametrizations.{}.original",
            "parametrizations.{}.0._u",
            "parametrizations.{}.0._v",
        ),
        _divided,
        "divided by the largest singular value (spectral_norm)",
    ),
    Way(
        ("{}_orig", "{}_u", "{}_v"),
        _divided,
        "divided by the largest singular value (spectral_norm)",
    ),
)
