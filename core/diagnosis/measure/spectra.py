"""Whether a weight is more than random numbers: its largest singular value beside that of chance.

Of a matrix of independent numbers the largest singular value is std (sqrt(rows) + sqrt(columns))
(Marchenko and Pastur, 1967), whatever their distribution. Training adds directions that exceed it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.diagnosis.thresholds import (
    CHANCE_FACTOR,
    FEWEST_WEIGHTS,
    LEAST_SIDE,
    MOST_COLUMNS,
    MOST_ROWS,
)

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Spectra:
    """How many weights there are, and how many are like random numbers, or one number all over."""

    count: int  # of those that can tell
    random: int
    largest: float = 0.0  # factor of the weight that is least like random numbers
    constant: int = 0  # beside those, as a conversion leaves them that found no numbers

    @property
    def constant_share(self) -> float:
        """Of all weights those that are one number all over, 0..1."""
        return self.constant / max(FEWEST_WEIGHTS, self.count + self.constant)

    @property
    def share(self) -> float:
        """Of the weights those that are like random numbers, 0..1."""
        return self.random / self.count if self.count else 0.0


def spectra_of(tensors: Mapping[str, torch.Tensor]) -> Spectra:
    """Look at every weight that is a matrix, or a convolution read as one [out, in kh kw].

    Weights that are too small or not finite are left out: they tell nothing.
    """
    matrices = [t for t in tensors.values() if t.is_floating_point() and t.ndim >= 2 and t.numel()]
    factors = [factor for tensor in matrices if (factor := chance_factor(tensor)) is not None]
    random = sum(factor < CHANCE_FACTOR for factor in factors)
    constant = sum(min(t.flatten(1).shape) >= LEAST_SIDE and _is_constant(t) for t in matrices)
    return Spectra(len(factors), random, max(factors, default=0.0), constant)


def _is_constant(weight: torch.Tensor) -> bool:
    return bool((weight == weight.flatten()[0]).all())


def chance_factor(weight: torch.Tensor) -> float | None:
    """The largest singular value as a multiple of that of random numbers; None where none tells.

    Args:
        weight: Float[out, ...]; of a large one a part is looked at, which is random where it is.

    >>> import torch
    >>> noise = torch.randn(64, 100, generator=torch.Generator().manual_seed(0))
    >>> learned = noise + torch.linspace(-1, 1, 64)[:, None] * torch.linspace(-2, 2, 100)
    >>> round(chance_factor(noise), 1), round(chance_factor(learned), 1)
    (1.0, 2.3)
    """
    import torch

    matrix = _part(_part(weight.detach().float().flatten(1), MOST_ROWS).T, MOST_COLUMNS).T
    matrix = matrix - matrix.mean()
    rows, columns = matrix.shape
    std = float(matrix.std())
    if min(rows, columns) < LEAST_SIDE or not 0 < std < math.inf:
        return None
    square = matrix @ matrix.T if rows <= columns else matrix.T @ matrix
    largest = math.sqrt(max(0.0, float(torch.linalg.eigvalsh(square)[-1])))
    return largest / (std * (math.sqrt(rows) + math.sqrt(columns)))


def _part(matrix: torch.Tensor, most: int) -> torch.Tensor:
    """At most so many of its rows, in even steps."""
    return matrix[:: max(1, math.ceil(len(matrix) / most))]
