"""The bias of the head: by how much the background leads before anything is seen."""

from __future__ import annotations

import numpy as np

from core.diagnosis.agreement import mirrored, mutual_information
from core.diagnosis.evidence import Facts

LEAD = 2.0  # logits: a factor of 7 in probability


def head_bias(facts: Facts) -> np.ndarray | None:
    """By class, Float64[C]; None for a head without."""
    if facts.head is None or facts.case.checkpoint is None:
        return None
    bias = facts.case.checkpoint.tensors.get(facts.head[0].removesuffix("weight") + "bias")
    if bias is None:
        return None
    values: np.ndarray = bias.double().numpy()
    return values


def bias_lead(facts: Facts) -> float | None:
    """How far the background's bias is over the largest other one; None for a head without."""
    values = head_bias(facts)
    if values is None:
        return None
    return -float(values[0]) if len(values) == 1 else float(values[0] - values[1:].max())


def agreement_without(facts: Facts) -> float:
    """How well the mask would agree with itself if no class led by its bias, in nats."""
    bias, lead = head_bias(facts), bias_lead(facts)
    if bias is None or lead is None or lead < LEAD:
        return 0.0
    there = facts.under(facts.mended).logits.values
    mirror = facts.of_picture(mirrored(facts.case.image), facts.mended).logits.values
    return mutual_information(_decided(there, bias), _decided(mirror, bias)[:, ::-1])


def _decided(values: np.ndarray, bias: np.ndarray) -> np.ndarray:
    even: np.ndarray = values - bias[:, None, None]
    winner: np.ndarray = even.argmax(axis=0) if len(even) > 1 else (even[0] > 0).astype(np.int64)
    return winner
