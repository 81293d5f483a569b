"""Whether a weight is as libraries make it before training: its distribution is known exactly.

Any step of training moves it: of an initialization Kolmogorov's distance stays below its limit in
98.8 % of weights, of a trained one hardly ever.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from core.checkpoint.health.layers import uniform_distance
from core.diagnosis.thresholds import EVEN_DISTANCE, FEWEST_NUMBERS, MOST_NUMBERS

if TYPE_CHECKING:
    import torch


def is_initial(weight: torch.Tensor) -> bool | None:
    """Whether a convolution has the numbers of an initialization; None where too few tell.

    Args:
        weight: Float[out in kh kw].
    """
    if weight.ndim != 4 or weight.numel() < FEWEST_NUMBERS:
        return None
    return _is_uniform(weight) or _is_normal(weight)


def _is_uniform(weight: torch.Tensor) -> bool:
    """As PyTorch makes it: kaiming_uniform(a=sqrt(5)), torch/nn/modules/conv.py."""
    bound = 1 / math.sqrt(weight[0].numel())
    if float(weight.float().abs().max()) > bound * 1.00001:
        return False
    return uniform_distance(weight, bound) <= EVEN_DISTANCE / math.sqrt(weight.numel())


def _is_normal(weight: torch.Tensor) -> bool:
    """As torchvision and timm make encoders: kaiming_normal for ReLU, by outputs or inputs."""
    out, within, *sides = weight.shape
    flat = weight.detach().flatten()
    numbers = np.sort(flat[:: max(1, len(flat) // MOST_NUMBERS)].float().numpy())
    taps = math.prod(sides)
    return any(_is_of(numbers, math.sqrt(2 / (count * taps))) for count in {out, within})


def _is_of(numbers: np.ndarray, std: float) -> bool:
    """Kolmogorov's distance of sorted numbers from a normal distribution of mean 0."""
    below = np.array([math.erf(value) for value in numbers / (std * math.sqrt(2))]) / 2 + 0.5
    steps = np.arange(len(numbers) + 1) / len(numbers)
    distance = max(float((below - steps[:-1]).max()), float((steps[1:] - below).max()))
    return distance <= EVEN_DISTANCE / math.sqrt(len(numbers))
