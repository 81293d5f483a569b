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
from core.diagnosis.normalization.recovered import Recovered
from core.diagnosis.thresholds import FITTED_HANDICAP, SOLVED_LOG_STD, SOLVED_MEAN
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
    picture, solved = measured.picture, stored_numbers(measured)
    if solved is None or picture.is_unusual or picture.is_flat:  # they would show in the numbers
        return found
    name, words = convention_name(found.family), _in_words(measured, solved)
    if _within(measured, solved, found.changes):
        return replace(found, reason=f"{found.reason} {words}; those of {name} lie within.")
    fit = measured.batchnorm.input_kl(solved)
    if fit is None or fit + FITTED_HANDICAP > found.kl:
        return found
    reason = f"{found.reason} The family is that of {name}, its numbers are others. {words}."
    return replace(found, reason=reason, changes=solved, kl=max(fit, 1e-6))


def _numbers(measured: Measurements, changes: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and std of pixels from 0 to 1, of the channels that the network has."""
    mean, std = affine(change(measured.settings, **changes).preprocessing)
    count = measured.network.in_channels
    return mean[:count], std[:count]


def _within(measured: Measurements, solved: Mapping[str, Any], known: Mapping[str, Any]) -> bool:
    """Whether the known numbers, in one of the two channel orders, lie in the interval."""
    mean, std = _numbers(measured, solved)
    right_mean, right_std = _numbers(measured, known)
    near = [
        bool(
            (np.abs(mean - right_mean[::step]) <= SOLVED_MEAN).all()
            and (np.abs(np.log(std / right_std[::step])) <= SOLVED_LOG_STD).all()
        )
        for step in (1, -1)
    ]
    return any(near)


def _in_words(measured: Measurements, solved: Mapping[str, Any]) -> str:
    mean, std = _numbers(measured, solved)
    return (
        f"Solved from the first BatchNorm with this one picture: mean {listed(mean)}, within "
        f"{SOLVED_MEAN:g}, and std {listed(std)}, within a factor of {np.exp(SOLVED_LOG_STD):.1f}, "
        "of pixels from 0 to 1"
    )
