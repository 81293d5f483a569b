"""What each BatchNorm sees beside what it stored, while those before it use the picture's own.

A wrong normalization is undone by the first BatchNorm, once that uses the picture's own statistics;
so behind it every layer sees what it saw in training. Where layers behind it see other numbers than
they stored, the stored statistics are at fault, whatever is fed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from core.diagnosis.measure.batchnorm_divergence import has_running_statistics, kl, median, moments
from core.diagnosis.measure.inspections import Inspections
from core.diagnosis.measure.sizes import middle
from core.diagnosis.thresholds import FEWEST_POSITIONS, SMALLEST_VARIANCE, UPPER_QUARTER
from core.operators import tap


@dataclass(frozen=True)
class StoredAgainstObserved:
    """KL divergence of what each BatchNorm sees from what it stored, from the input on."""

    layers: tuple[float, ...]  # nats; without those that see too few positions

    @property
    def behind(self) -> tuple[float, ...]:
        """Of the layers behind the first, which no normalization changes."""
        return self.layers[1:]

    @property
    def upper(self) -> float:
        """The upper quartile behind the first, in nats; 0 where there is none."""
        return float(np.quantile(self.behind, UPPER_QUARTER)) if self.behind else 0.0

    @property
    def largest(self) -> float:
        """The largest behind the first, in nats; 0 where there is none."""
        return max(self.behind, default=0.0)


def stored_against_observed(measured: Inspections) -> StoredAgainstObserved:
    """Compare layer by layer on what is fed now; one forward, of at most 384 x 384 pixels.

    Raises:
        InspectionError: the picture cannot be fed.
        BudgetSpent: the search has run the network too often.
    """
    module, tensor = measured.network.module, middle(measured.tensor.tensor, measured.sizes)
    layers = measured.forwards.not_kept("", lambda: observed(module, tensor))
    measured.forwards.count(tensor[0, 0].numel() / measured.unit)
    return StoredAgainstObserved(layers)


def observed(module: nn.Module, tensor: torch.Tensor) -> tuple[float, ...]:
    """At each BatchNorm the median over channels of KL(seen, stored), in nats.

    Args:
        module: of the network, in eval mode; it is neither copied nor changed.
        tensor: [1 c h w], what the network is fed.
    """
    found: list[float] = []

    def collect(func: Any, args: tuple[Any, ...], result: Any) -> None:
        if not has_running_statistics(func, args):
            return
        x, weight, bias, stored_mean, stored_var = args[:5]
        if x.numel() < FEWEST_POSITIONS * x.shape[1]:
            return
        mean, var = moments(x)
        found.append(median(kl(mean, var, stored_mean, stored_var)))
        result[0].copy_(_normalized(x, mean, var, weight, bias))  # what follows sees this

    tap(module, tensor.float(), collect)
    return tuple(found)


def _normalized(
    x: torch.Tensor,
    mean: torch.Tensor,
    var: torch.Tensor,
    weight: torch.Tensor | None,
    bias: torch.Tensor | None,
) -> torch.Tensor:
    """As BatchNorm does in training mode."""
    shape = (1, -1, *(1,) * (x.ndim - 2))
    result = (x - mean.view(shape)) / var.clamp_min(SMALLEST_VARIANCE).sqrt().view(shape)
    if weight is not None:
        result = result * weight.view(shape)
    return result if bias is None else result + bias.view(shape)
