"""Layers whose numbers tell what went wrong: never trained or updated, dead, absurd."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod

import torch

Tensors = Mapping[str, torch.Tensor]

MEAN, VAR, COUNTER = ".running_mean", ".running_var", ".num_batches_tracked"
ABSURD_VAR = 1e8  # of BatchNorm's input: even pixels of 0 to 255 give some 10,000
DEAD = 1e-12  # the largest weight of a filter that answers nothing
ENOUGH = 64  # numbers of a weight from which on their distribution tells something
# Kolmogorov and Smirnov: D * sqrt(n) is under this for 99.9 % of uniform samples.
UNIFORM = 1.95


@dataclass(frozen=True)
class Norm:
    """The buffers of one BatchNorm."""

    name: str
    mean: torch.Tensor
    var: torch.Tensor
    weight: torch.Tensor | None  # what each channel is multiplied by
    updates: int | None  # None where they are not counted


def norms_in(tensors: Tensors) -> Iterator[Norm]:
    """Every BatchNorm of the file."""
    for key, mean in tensors.items():
        name = key.removesuffix(MEAN)
        var = tensors.get(name + VAR)
        if key.endswith(MEAN) and var is not None and var.shape == mean.shape:
            counter = tensors.get(name + COUNTER)
            updates = int(counter) if counter is not None and counter.numel() == 1 else None
            yield Norm(name, mean.float(), var.float(), tensors.get(f"{name}.weight"), updates)


def is_never_updated(norm: Norm) -> bool:
    """Whether the statistics are those of a new layer: mean 0, variance 1, no update."""
    initial = bool((norm.mean == 0).all()) and bool((norm.var == 1).all())
    return initial and not norm.updates


def is_absurd(norm: Norm) -> bool:
    """Whether the statistics are no statistics of anything: negative, or beyond all measure."""
    return bool((norm.var < 0).any()) or bool((norm.var > ABSURD_VAR).any())


def dead_filters(weight: torch.Tensor) -> int:
    """How many output channels of a convolution are zero throughout.

    Args:
        weight: Float[out in kh kw].
    """
    if weight.ndim != 4 or not weight.numel():
        return 0
    return int((weight.float().abs().amax(dim=(1, 2, 3)) < DEAD).sum())


def dead_channels(norm: Norm) -> int:
    """How many channels a BatchNorm multiplies by zero."""
    return 0 if norm.weight is None else int((norm.weight.float().abs() < DEAD).sum())


def can_be_judged(weight: torch.Tensor) -> bool:
    """Whether there are enough numbers for `is_fresh` to tell."""
    return weight.ndim == 4 and weight.numel() >= ENOUGH


def is_fresh(weight: torch.Tensor) -> bool:
    """Whether a convolution is as PyTorch made it: uniform within 1 / sqrt(fan_in).

    A step of training moves some weight beyond the bound; and a trained weight is not uniform.

    Args:
        weight: Float[out in kh kw].
    """
    if not can_be_judged(weight):
        return False
    values = weight.float().flatten()
    bound = prod(weight.shape[1:]) ** -0.5
    if not bool(torch.isfinite(values).all()) or float(values.abs().max()) > bound * (1 + 1e-6):
        return False
    return bool(uniform_distance(values, bound) * len(values) ** 0.5 < UNIFORM)


def uniform_distance(weight: torch.Tensor, bound: float) -> float:
    """Kolmogorov's distance between these numbers and uniform ones from -bound to bound, 0..1."""
    ordered = weight.detach().float().flatten().sort().values
    ranks = torch.arange(1, len(ordered) + 1) / len(ordered)
    return float((ranks - (ordered / bound + 1) / 2).abs().max())
