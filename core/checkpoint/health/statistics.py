"""The numbers of one tensor in short: range, mean, spread, and a histogram."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

BINS = 60


@dataclass(frozen=True, eq=False)
class Statistics:
    """Of the finite numbers of a tensor; NaN where there are none."""

    low: float
    high: float
    mean: float
    std: float
    zeros: float  # share, 0..1
    not_finite: int

    @property
    def known(self) -> bool:
        """Whether there was a finite number."""
        return not math.isnan(self.low)


def statistics_of(tensor: torch.Tensor) -> Statistics:
    """Measure a tensor of any kind and shape."""
    values = tensor.detach().flatten().to(torch.float32)
    finite = values[torch.isfinite(values)]
    lost = values.numel() - finite.numel()
    if not finite.numel():
        nan = float("nan")
        return Statistics(nan, nan, nan, nan, 0.0, lost)
    return Statistics(
        low=float(finite.min()),
        high=float(finite.max()),
        mean=float(finite.mean()),
        std=float(finite.std(correction=0)),
        zeros=float((finite == 0).float().mean()),
        not_finite=lost,
    )


def histogram_of(tensor: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Counts Int64[60] and edges Float32[61] of the finite numbers."""
    values = tensor.detach().flatten().to(torch.float32)
    counts, edges = np.histogram(values[torch.isfinite(values)].numpy(), BINS)
    return counts, edges
