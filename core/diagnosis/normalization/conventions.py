"""The hypotheses: known conventions, numbers applied once, and numbers of the checkpoint's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from core.diagnosis.measure.measurements import Measurements
from core.diagnosis.normalization.first_layer import Gauge, gauge_of
from core.diagnosis.normalization.memory import Memory, read_memory, stem_in_order
from core.diagnosis.normalization.solve import solve
from core.diagnosis.thresholds import (
    EXACT_NUMBERS,
    LARGEST_TWICE,
    LEAST_STD,
    LOG_STD_VARIANCE,
    MEAN_OF_UNIT,
    MEAN_VARIANCE,
    NO_KNOWN_DISTANCE,
    PHOTO_MEAN,
    PHOTO_STD,
)
from core.errors import ForwardError
from core.image import Image
from core.presets import IMAGENET_MEAN, PRESETS
from core.settings import Preprocessing

OWN = "numbers of its own"
ONCE = "these numbers, applied once"
DIVIDED = "these numbers, of pixels from 0 to 1"

FIXED: dict[str, Mapping[str, Any]] = {  # the same numbers for every picture
    **{n: PRESETS[n].changes for n in ("imagenet", "unit", "symmetric", "bytes", "espnet")},
    "mean only": {**PRESETS["unit"].changes, "mean": IMAGENET_MEAN},
    "bytes, mean only": {
        **PRESETS["bytes"].changes,
        "mean": tuple(255 * m for m in IMAGENET_MEAN),
    },
    "imagenet, /255 again": {
        **PRESETS["imagenet"].changes,
        "divide_again": 255.0,
    },
}
ZSCORE = "zscore"
# A z-score fits BatchNorm whatever the picture is, so only masks can tell it.
CONVENTIONS: dict[str, Mapping[str, Any]] = {**FIXED, ZSCORE: PRESETS[ZSCORE].changes}


def hypotheses(now: Preprocessing) -> dict[str, Mapping[str, Any]]:
    """The known conventions, the present numbers applied once, and with the division by 255."""
    return {**CONVENTIONS, **_once(now), **_divided(now)}


def _divided(now: Preprocessing) -> dict[str, Mapping[str, Any]]:
    """The present numbers with the division by 255 that their size asks for, if none is made."""
    known = any(
        (now.mean, now.std) == (each["mean"], each["std"]) and each["scale"] == "255"
        for each in CONVENTIONS.values()
    )
    if known or now.zscore or now.scale != "1" or max(map(abs, now.mean)) > MEAN_OF_UNIT:
        return {}
    return {DIVIDED: {**PRESETS["unit"].changes, "mean": now.mean, "std": now.std}}


def candidates(measured: Measurements, memory: Memory | None) -> Mapping[str, Mapping[str, Any]]:
    """The known conventions, what is fed as it would be without a slip, and numbers of its own.

    The slips are numbers that were applied twice, and a division by 255 that was forgotten. Numbers
    of its own only where none of the known ones fits the memory.

    Args:
        measured: of the case.
        memory: of its checkpoint.
    """
    if memory is None:
        return FIXED
    now = measured.settings.preprocessing
    named = {**FIXED, **_once(now), **_divided(now)}
    if min(memory_distance(memory, changes) for changes in FIXED.values()) < NO_KNOWN_DISTANCE:
        return named
    guess = own_numbers(measured.case.image, memory, now.color)
    return {**named, OWN: solved_numbers(gauges_of(measured), guess)}


def stored_numbers(measured: Measurements) -> dict[str, Any] | None:
    """What makes this picture as the first BatchNorm has stored; None where none has."""
    memory, color = memory_of(measured), measured.settings.preprocessing.color
    if memory is None:
        return None
    guess = own_numbers(measured.case.image, memory, color)
    return {**solved_numbers(gauges_of(measured), guess), "color": color}


def memory_of(measured: Measurements) -> Memory | None:
    """The memory of the file; None where no BatchNorm is near the input, or it has other bands.

    Conventions are numbers of one channel or of red, green and blue.
    """
    known = read_memory(measured.network.stem or stem_in_order(measured.tensors))
    return known if known is not None and len(known.mean) in (1, 3) else None


def gauges_of(measured: Measurements) -> list[Gauge]:
    """The first BatchNorm as arithmetic; [] where there is none, or samples are no bytes."""
    if measured.tensor.largest != 255:
        return []
    module, base = measured.network.listened, measured.tensor.base
    try:
        gauge = measured.forwards.not_kept("", lambda: gauge_of(module, base))
    except ForwardError as error:
        measured.failures.add("mean and std from the first BatchNorm", error)
        return []
    return [gauge] if gauge else []


def _once(now: Preprocessing) -> dict[str, Mapping[str, Any]]:
    """The numbers that give the present ones when they are applied twice, if none are known."""
    if now.zscore or now.scale != "255" or max(now.std) > LARGEST_TWICE:
        return {}
    std = np.sqrt(now.std)
    mean = np.asarray(now.mean) / (1 + std)
    numbers = {"mean": mean, "std": std}
    once = {name: tuple(each.round(4).tolist()) for name, each in numbers.items()}
    known = any(
        each["scale"] == "255"
        and not each.get("zscore")
        and all(np.allclose(once[name], each[name], rtol=EXACT_NUMBERS) for name in once)
        for each in FIXED.values()
    )
    return {} if known else {ONCE: {**PRESETS["unit"].changes, **once}}


def solved_numbers(gauges: Sequence[Gauge], guess: Mapping[str, Any]) -> dict[str, Any]:
    """The guess, fitted to the first BatchNorm's running statistics, as changes of the settings.

    Args:
        gauges: of pictures with samples of 0 to 255; [] leaves the guess as it is.
        guess: as `own_numbers` gives it.
    """
    if not gauges:
        return dict(guess)
    channels = gauges[0].means.shape[1] // 2
    first, second = (np.asarray(guess[name])[:channels] for name in ("mean", "std"))
    mean, std = (np.resize(part, 3) for part in solve(gauges, first, second))
    return {**guess, **_rounded(mean, std)}


def own_numbers(image: Image, memory: Memory, color: str) -> dict[str, Any]:
    """Mean and std that would give a picture the mean and std of the memory."""
    pixels = image.pixels.reshape(-1, 3) / 255
    if color == "bgr":
        pixels = pixels[:, ::-1]
    std = pixels.std(axis=0).clip(LEAST_STD) / memory.std
    mean = pixels.mean(axis=0) - std * np.resize(memory.mean, 3)
    return {**PRESETS["unit"].changes, **_rounded(mean, std)}


def _rounded(mean: np.ndarray, std: np.ndarray) -> dict[str, tuple[float, ...]]:
    return {"mean": tuple(map(float, mean.round(3))), "std": tuple(map(float, std.round(4)))}


def memory_distance(memory: Memory, changes: Mapping[str, Any]) -> float:
    """How far the training's pictures, fed like this, would be from typical ones; 0 is typical."""
    if changes.get("zscore"):
        std = memory.std * changes["divide_again"]
        return float(np.mean(np.square(memory.mean)) + np.log(std) ** 2 / LOG_STD_VARIANCE)
    divisor = 255.0 if changes["scale"] == "max" else float(changes["scale"])
    channels = len(memory.mean)
    std = np.asarray(changes["std"])[:channels] * changes["divide_again"] * divisor / 255
    mean = np.asarray(changes["mean"])[:channels] * divisor / 255 + std * np.asarray(memory.mean)
    width = np.log(np.maximum(std * memory.std, 1e-9) / PHOTO_STD)
    return float(
        np.mean((mean - PHOTO_MEAN) ** 2) / MEAN_VARIANCE + np.mean(width**2) / LOG_STD_VARIANCE
    )
