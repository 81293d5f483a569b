"""The bias of the head: by how much the background leads before anything is seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from core.diagnosis.measure.mask import UNFLIPPED, mutual_information
from core.diagnosis.measure.measurements import Measurements
from core.diagnosis.thresholds import BIAS_LEAD

if TYPE_CHECKING:
    import torch


def head_of(measured: Measurements) -> tuple[str, torch.Tensor] | None:
    """Name and weight of the last convolution with as many outputs as there are classes."""
    wanted = measured.network.num_classes
    found = [
        (key, tensor)
        for key, tensor in measured.tensors.items()
        if key.endswith(".weight") and tensor.ndim == 4 and len(tensor) == wanted
    ]
    main = [pair for pair in found if "aux" not in pair[0]]
    return main[-1] if main else None


def head_bias(measured: Measurements) -> np.ndarray | None:
    """By class, Float64[C]; None for a head without."""
    head = head_of(measured)
    if head is None:
        return None
    bias = measured.tensors.get(head[0].removesuffix("weight") + "bias")
    if bias is None:
        return None
    values: np.ndarray = bias.double().numpy()
    return values


def bias_lead(measured: Measurements) -> float | None:
    """How far the background's bias is over the largest other one; None for a head without."""
    values = head_bias(measured)
    if values is None:
        return None
    return -float(values[0]) if len(values) == 1 else float(values[0] - values[1:].max())


def agreement_without_bias(measured: Measurements, fixes: Mapping[str, Any]) -> float:
    """How well the mask would agree with itself if no class led by its bias, in nats."""
    bias, lead = head_bias(measured), bias_lead(measured)
    if bias is None or lead is None or lead < BIAS_LEAD:
        return 0.0
    changes = {**fixes, **UNFLIPPED}
    there = measured.under(changes).logits.values
    mirror = measured.of_picture(measured.picture.mirrored, changes).logits.values
    return mutual_information(_decided(there, bias), _decided(mirror, bias)[:, ::-1])


def _decided(values: np.ndarray, bias: np.ndarray) -> np.ndarray:
    even: np.ndarray = values - bias[:, None, None]
    winner: np.ndarray = even.argmax(axis=0) if len(even) > 1 else (even[0] > 0).astype(np.int64)
    return winner
