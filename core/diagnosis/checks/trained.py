"""Whether the weights are of any training at all."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from core.checkpoint.health.layers import uniform_distance
from core.diagnosis.finding import Evidence, Finding
from core.diagnosis.measure.head_bias import head_of
from core.diagnosis.measure.initial import is_initial
from core.diagnosis.measure.measurements import Measurements
from core.diagnosis.normalization.belonging import masks_are_fair, statistics_belong
from core.diagnosis.progress import Progress
from core.diagnosis.thresholds import (
    EVEN_DISTANCE,
    FEWEST_INITIAL,
    FEWEST_NUMBERS,
    FEWEST_WEIGHTS,
    LEARNED_FACTOR,
    MANY_NUMBERS,
    ONE_IN,
    UNTRAINED_SHARE,
    UNUSED_NORMS,
)

if TYPE_CHECKING:
    import torch


def never_trained(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """W3: the head fills exactly the range of PyTorch's initialization."""
    initial = _initial_head(measured)
    if initial is None:
        return
    weight, evidence = initial
    structureless = _structureless(measured)
    fresh = bool(structureless) and measured.batchnorm.never_updated_share > UNUSED_NORMS
    yield Finding(
        "W3",
        "certain" if fresh or weight.numel() >= MANY_NUMBERS else "likely",
        (*evidence, *structureless),
        "Train the head, or load the file that contains the trained one.",
        "model.load_state_dict(state, strict=True)",
    )


def _initial_head(measured: Measurements) -> tuple[torch.Tensor, tuple[Evidence, ...]] | None:
    """The head's weight and how well it fits PyTorch's initialization; None where it does not."""
    head = head_of(measured)
    if head is None:
        return None
    name, weight = head
    bound = 1 / math.sqrt(weight[0].numel())  # kaiming_uniform(a=sqrt(5)), torch/nn/modules/conv.py
    distance, largest = uniform_distance(weight, bound), float(weight.float().abs().max())
    if (
        weight.numel() < FEWEST_NUMBERS
        or not largest <= bound * 1.00001
        or distance > EVEN_DISTANCE / math.sqrt(weight.numel())
    ):
        return None
    return weight, (
        Evidence(
            f"{name} looks like PyTorch's initialization, uniform within {bound:.4f}: "
            f"its distance from that distribution is {distance:.3f}.",
            distance,
        ),
        Evidence(f"Its largest weight is {largest:.4f}.", largest),
    )


def untrained(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """W8: no weight is more than random numbers, though the head is not as PyTorch makes it."""
    empty = measured.spectra.constant_share >= UNTRAINED_SHARE
    evidence = _one_number(measured) if empty else _structureless(measured)
    evidence = evidence or _as_initialized(measured)
    if not evidence or _initial_head(measured) is not None:
        return
    fresh = measured.batchnorm.never_updated_share > UNUSED_NORMS
    if not (fresh or empty) and (statistics_belong(measured) or masks_are_fair(measured)):
        return
    if fresh:
        evidence += (Evidence("The statistics of BatchNorm were never updated either."),)
    yield Finding(
        "W8",
        "certain" if fresh or empty else "likely",
        evidence,
        "Open an earlier checkpoint of this training, or convert the original file again; no "
        "setting at inference helps.",
        "model.load_state_dict(torch.load('earlier.pth'), strict=True)",
        separates="The loss during training: it becomes NaN or stays as it began where the "
        "training failed, and falls where the file was damaged afterwards.",
    )


def _one_number(measured: Measurements) -> tuple[Evidence, ...]:
    """That nearly all weights are one number all over, mostly 0."""
    spectra = measured.spectra
    words = (
        f"{spectra.constant} of {spectra.count + spectra.constant} weights are one number all "
        "over, as a conversion or a sharded training leaves what it had no numbers for."
    )
    return (Evidence(words, spectra.constant_share),)


def _as_initialized(measured: Measurements) -> tuple[Evidence, ...]:
    """That in a network too small for singular values every convolution is as initialized."""
    if measured.spectra.count >= FEWEST_WEIGHTS:
        return ()
    weights = [t for t in measured.tensors.values() if t.ndim == 4 and t.is_floating_point()]
    judged = [initial for weight in weights if (initial := is_initial(weight)) is not None]
    alike = sum(judged)
    if alike < FEWEST_INITIAL or len(judged) - alike > len(judged) // ONE_IN:
        return ()
    words = (
        f"{alike} of the {len(judged)} convolutions that are large enough to tell have the "
        "distribution of their initialization: no training has moved them."
    )
    return (Evidence(words, alike),)


def _structureless(measured: Measurements) -> tuple[Evidence, ...]:
    """That nearly all weights are like random numbers; () where some are more.

    A short training may change few of them much, and one that clearly learned refutes it.
    """
    spectra = measured.spectra
    few, learned = spectra.count < FEWEST_WEIGHTS, spectra.largest > LEARNED_FACTOR
    if few or learned or spectra.share < UNTRAINED_SHARE:
        return ()
    words = (
        f"{spectra.random} of {spectra.count} weights are like random numbers: none of their "
        "singular values exceeds what chance gives."
    )
    return (Evidence(words, spectra.share),)
