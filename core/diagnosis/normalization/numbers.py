"""A family is not its numbers: mean and std solved from the first BatchNorm, with their interval.

What tells [-1, 1] from ImageNet's numbers does not tell ImageNet's from others near them. So the
numbers of the catalogue are only offered where they lie within what this picture shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from core.diagnosis.measure.measurements import Measurements
from core.diagnosis.normalization.conventions import FIXED, stored_numbers
from core.diagnosis.normalization.naming import affine, listed
from core.diagnosis.normalization.recovered import Recovered, Solved
from core.diagnosis.thresholds import (
    FITTED_HANDICAP,
    JUST_LIKE_NATS,
    LEAST_NATS,
    SOLVED_LOG_STD,
    SOLVED_MEAN,
)
from core.presets import convention_name
from core.settings import change


def with_numbers(measured: Measurements, found: Recovered) -> Recovered:
    """The recovered family with its numbers as solved, where the known ones lie outside.

    Args:
        measured: of the case.
        found: by what BatchNorm has stored; anything else is given back as it is.
    """
    if found.family not in FIXED or not found.kl or not found.changes:
        return found
    picture, numbers = measured.picture, stored_numbers(measured)
    if numbers is None or picture.is_unusual or picture.is_flat:  # they would show in the numbers
        return found
    solved = _solved(measured, numbers, found.changes)
    name, words = convention_name(found.family), _in_words(solved)
    if solved.known_within:
        reason = f"{found.reason} {words}; those of {name} lie within."
        return replace(found, reason=reason, solved=solved)
    fit = measured.batchnorm.input_kl(numbers)
    # Where the known numbers make the picture just like training, others must do so too.
    handicap = LEAST_NATS if found.kl <= JUST_LIKE_NATS else FITTED_HANDICAP
    if fit is None or fit > found.kl + handicap:
        reason = f"{found.reason} {words}, which fits worse than those of {name}."
        return replace(found, certainty="likely", reason=reason)
    reason = f"{found.reason} The family is that of {name}, its numbers are others. {words}."
    return replace(found, reason=reason, changes=numbers, kl=max(fit, 1e-6), solved=solved)


def _solved(measured: Measurements, numbers: Mapping[str, Any], known: Mapping[str, Any]) -> Solved:
    """Solved numbers beside the known ones, which are in the order of red, green and blue."""
    mean, std = _affine(measured, numbers)
    right_mean, right_std = _affine(measured, known)
    near = np.abs(mean - right_mean) <= SOLVED_MEAN
    alike = np.abs(np.log(std / right_std)) <= SOLVED_LOG_STD
    return Solved(
        mean=tuple(map(float, mean)),
        std=tuple(map(float, std)),
        mean_within=SOLVED_MEAN,
        std_factor=round(float(np.exp(SOLVED_LOG_STD)), 1),
        known_within=bool(near.all() and alike.all()),
    )


def _affine(measured: Measurements, changes: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and std of pixels from 0 to 1, of the channels that the network has."""
    mean, std = affine(change(measured.settings, **changes).preprocessing)
    count = measured.network.in_channels
    return mean[:count], std[:count]


def _in_words(solved: Solved) -> str:
    return (
        f"Solved from the first BatchNorm with this one picture: {numbers_in_words(solved)}, "
        "of pixels from 0 to 1"
    )


def numbers_in_words(solved: Solved) -> str:
    """Mean and std with their intervals, as they are told."""
    return (
        f"mean {listed(np.array(solved.mean))}, within {solved.mean_within:g}, "
        f"and std {listed(np.array(solved.std))}, within a factor of {solved.std_factor:g}"
    )
