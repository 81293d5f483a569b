"""The training's input by the first BatchNorm's running statistics, from the checkpoint alone.

Behind the first convolution the mean of channel k is the sum over c of (sum of its weights) times
the mean of input channel c, so the means of all K channels are K equations with C unknowns; and the
variances give the scale, when neighboring pixels and channels go together as in photographs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from core.architectures.network import Stem
from core.diagnosis.thresholds import (
    CHANNEL_CORRELATION,
    MEMORY_R2,
    MOST_CHANNELS,
    PIXEL_CORRELATION,
)


@dataclass(frozen=True)
class Memory:
    """The normalized input of the training."""

    mean: tuple[float, ...]  # by channel, in the order fed
    std: float
    r2: float  # of the means
    name: str  # of the convolution


def read_memory(stem: Stem | None) -> Memory | None:
    """What the first pair of convolution and BatchNorm tells; None where there is none that fits.

    Args:
        stem: as a graph joins them, or as they follow each other in the file (`stem_in_order`).
    """
    if stem is None or not _takes_pictures(stem.weight):
        return None
    weight, bias, mean, var = stem.weight, stem.bias, stem.mean, stem.var
    if not all(bool(torch.isfinite(part).all()) for part in (weight, bias, mean, var)):
        return None
    w, m = weight.double().numpy(), (mean - bias).double().numpy()
    sums = w.sum(axis=(2, 3))
    solved = np.linalg.lstsq(sums, m, rcond=None)[0]
    rest = ((m - sums @ solved) ** 2).sum()
    total = (m**2).sum()
    r2 = float(1 - rest / total) if total else 0.0
    std = float(np.sqrt(np.median(var.double().numpy() / _patch_variance(w))))
    if r2 < MEMORY_R2 or not np.isfinite(std) or std <= 0:
        return None
    return Memory(tuple(float(value) for value in solved), std, r2, stem.name)


def first_filters(stem: Stem | None, tensors: Mapping[str, torch.Tensor]) -> torch.Tensor | None:
    """The weight of the convolution of the picture itself: Float[k c h w]; None where none is.

    Args:
        stem: as a graph joins it.
        tensors: of the file, in its order.
    """
    if stem is not None:
        return stem.weight
    return next((tensor for tensor in tensors.values() if _takes_pictures(tensor)), None)


def stem_in_order(tensors: Mapping[str, torch.Tensor]) -> Stem | None:
    """The first pair that follow each other in the file, as modules write them; None without."""
    keys = list(tensors)
    first = next((k for k, key in enumerate(keys) if _takes_pictures(tensors[key])), None)
    if first is None:
        return None
    weight = tensors[keys[first]]
    later = [key for key in keys[first + 1 :] if tensors[key].ndim == 4][:1]
    end = keys.index(later[0]) if later else len(keys)
    near = keys[first + 1 : end]
    norm = next((k.removesuffix("running_mean") for k in near if k.endswith("running_mean")), None)
    if norm is None or len(tensors[f"{norm}running_mean"]) != len(weight):
        return None
    own = tensors.get(keys[first].removesuffix("weight") + "bias")
    bias = torch.zeros(len(weight)) if own is None else own
    stored = tensors[f"{norm}running_mean"], tensors[f"{norm}running_var"]
    return Stem(keys[first], weight, bias, *stored)


def _takes_pictures(tensor: torch.Tensor) -> bool:
    return tensor.ndim == 4 and tensor.shape[1] <= MOST_CHANNELS and tensor.shape[0] > 4


def _patch_variance(weight: np.ndarray) -> np.ndarray:
    """Variance of each output for an input of variance 1 with the statistics of photographs."""
    _, channels, height, width = weight.shape
    rows, columns = np.mgrid[:height, :width].reshape(2, -1)
    distance = np.hypot(rows[:, None] - rows, columns[:, None] - columns)
    across = np.where(np.eye(channels, dtype=bool), 1.0, CHANNEL_CORRELATION)
    covariance = np.kron(across, PIXEL_CORRELATION**distance)
    flat = weight.reshape(len(weight), -1)
    variance: np.ndarray = np.einsum("ki,ij,kj->k", flat, covariance, flat)
    return variance.clip(1e-12)
