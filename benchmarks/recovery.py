"""How well the convention of a training is recovered, from one picture and from several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.cases import Part, material, members, pictures
from core.diagnosis.measure.measurements import Measurements, measure
from core.diagnosis.normalization.conventions import (
    gauges_of,
    memory_of,
    own_numbers,
    solved_numbers,
)
from core.diagnosis.normalization.naming import affine
from core.diagnosis.normalization.recover import recover
from core.diagnosis.normalization.recovered import Recovered
from core.settings import Settings, change
from examples.materials import Material, case_of
from examples.zoo import Member

ALONE, TOGETHER = 4, 4  # pictures alone, and threes of them, from which a convention is recovered
NEAR_MEAN, NEAR_STD = 0.15, 0.5  # pixels from 0 to 1; relative: the same family


@dataclass(frozen=True)
class Recovery:
    """What was recovered of one network's convention, from one picture or several."""

    member: str
    has_norm: bool
    custom: bool
    answered: bool
    family_right: bool
    order_right: bool | None  # None where no order is claimed, or there is none
    mean_error: float | None  # mean over the channels, pixels from 0 to 1
    std_error: float | None  # relative


def recoveries(part: Part) -> list[tuple[Member, tuple[int, ...]]]:
    """Each network with one picture and with three, four times each."""
    seeds = list(pictures(part))[: ALONE + TOGETHER * 3]
    sets: list[tuple[int, ...]] = [(seed,) for seed in seeds[:ALONE]]
    sets += [tuple(seeds[at : at + 3]) for at in range(ALONE, len(seeds), 3)]
    return [(member, chosen) for member in members(part) for chosen in sets]


def recovery(member: Member, seeds: tuple[int, ...]) -> Recovery:
    """Recover the convention of a member of the zoo from these pictures."""
    return recovered(member, [material(member, seed, truth=False) for seed in seeds])


def recovered(member: Member, files: Sequence[Material]) -> Recovery:
    """Recover the convention from plain settings; numbers of its own from all pictures together."""
    start = change(Settings(), color="gray" if member.channels == 1 else "rgb")
    cases = [measure(case_of(replace(one, settings=start))) for one in files]
    each = [recover(measured, {}) for measured in cases]
    answers = [one for one in each if one.certainty != "cannot tell"]
    answered = len(answers) * 2 > len(each)
    custom = member.family == "custom"
    if not answered:
        return Recovery(member.name, member.has_norm, custom, False, False, None, None, None)
    together = custom and any(memory_of(measured) for measured in cases)
    mean, std = _together(cases, start) if together else _average(answers, start)
    right_mean, right_std = affine(member.settings.preprocessing)
    mean_error = float(np.abs(mean - right_mean).mean())
    std_error = float(np.abs(std / right_std - 1).mean())
    near = mean_error < NEAR_MEAN and std_error < NEAR_STD
    if member.family == "z-score":
        near = any(one.changes.get("zscore") for one in answers)
    colors = {one.color for one in answers if one.color}
    claimed = member.channels == 3 and len(colors) == 1
    order = colors == {member.convention["color"]} if claimed else None
    return Recovery(member.name, member.has_norm, custom, True, near, order, mean_error, std_error)


def _together(cases: list[Measurements], start: Settings) -> tuple[np.ndarray, np.ndarray]:
    """Mean and std that make all pictures together what the memory says."""
    color = start.preprocessing.color
    guesses = [
        own_numbers(measured.case.image, memory, color)
        for measured in cases
        if (memory := memory_of(measured))
    ]
    guess = {**guesses[0], "mean": np.mean([one["mean"] for one in guesses], axis=0),
             "std": np.exp(np.mean([np.log(one["std"]) for one in guesses], axis=0))}  # fmt: skip
    gauges = [gauge for measured in cases for gauge in gauges_of(measured)]
    return affine(change(start, **solved_numbers(gauges, guess)).preprocessing)


def _average(answers: list[Recovered], start: Settings) -> tuple[np.ndarray, np.ndarray]:
    """Mean and std of the conventions that were recovered for each picture."""
    each = [affine(change(start, **one.changes).preprocessing) for one in answers]
    mean = np.mean([pair[0] for pair in each], axis=0)
    return mean, np.exp(np.mean([np.log(pair[1]) for pair in each], axis=0))
