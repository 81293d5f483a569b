"""What to call a difference between the normalization of the settings and that of the training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from core.diagnosis.thresholds import (
    BYTES_RATIO,
    BYTES_STD,
    DIVIDED_AGAIN,
    EXACT_NUMBERS,
    MEAN_OF_UNIT,
    NEAR_LEAST,
    NEAR_NUMBERS,
    NEAR_SQUARES,
)
from core.presets import CAFFE_MEAN, PRESETS
from core.settings import AFFINE, Preprocessing, Settings, flatten


def cause_of(now: Preprocessing, wanted: Mapping[str, Any], *, bits: int = 8) -> str:
    """The id of the cause: P1 to P5 or P7.

    Args:
        now: the settings.
        wanted: the convention of the training, as changes of the settings.
        bits: of the picture's file.
    """
    mean, std = affine(now)
    right_mean, right_std = affine(_changed(now, wanted))
    if now.scale == "max":
        return "P5"
    if (
        known_once(now)
        or _twice(mean, std, right_mean, right_std)
        or (now.scale == "65535" and bits <= 8)
    ):
        return "P2"
    again = float(wanted.get("divide_again", 1.0))
    if now.divide_again > DIVIDED_AGAIN and again == 1 and _near(std, right_std * now.divide_again):
        return "P2"
    if again != 1 or (wanted.get("zscore") and not now.zscore):
        return "P7"
    ratio = float(np.median(right_std / std))  # how much larger the network's input is than wanted
    plain, wanted_plain = is_plain(now), is_plain(_changed(now, wanted))
    if now.scale == "1" and ratio > BYTES_RATIO:
        if plain and not wanted_plain:
            return "P1"
        return "P4" if max(map(abs, now.mean)) <= MEAN_OF_UNIT else "P3"
    if plain and not wanted_plain:
        return "P1"
    return "P3"


def affine(chosen: Preprocessing) -> tuple[np.ndarray, np.ndarray]:
    """Mean and std per channel in units of pixels from 0 to 1, all divisions included."""
    divisor = 255.0 if chosen.scale == "max" else float(chosen.scale)
    std = np.asarray(chosen.std) * chosen.divide_again * divisor / 255
    return np.asarray(chosen.mean) * divisor / 255, std


def is_plain(chosen: Preprocessing) -> bool:
    """Whether there is no mean, no std and no second division."""
    nothing = not any(chosen.mean) and set(chosen.std) == {1.0}
    return nothing and not chosen.zscore and chosen.divide_again == 1


def _changed(now: Preprocessing, changes: Mapping[str, Any]) -> Preprocessing:
    return replace(now, **{k: v for k, v in changes.items() if hasattr(now, k)})


def known_once(now: Preprocessing) -> Mapping[str, Any] | None:
    """The known convention whose mean and std, applied twice, are the present ones."""
    for preset in PRESETS.values():
        m, s = np.asarray(preset.changes["mean"]), np.asarray(preset.changes["std"])
        exact = np.allclose(now.std, s * s, rtol=EXACT_NUMBERS) and np.allclose(
            now.mean, m + m * s, rtol=EXACT_NUMBERS
        )
        if exact and not np.allclose(s, 1):
            return preset.changes
    return None


def _twice(
    mean: np.ndarray, std: np.ndarray, right_mean: np.ndarray, right_std: np.ndarray
) -> bool:
    """The right convention applied twice, or divided by 255 once too often."""
    again = _near(std, right_std**2, NEAR_SQUARES) and _near(
        right_mean * (1 + right_std), mean, NEAR_SQUARES
    )
    odd = not (_near(right_std, 1) and _near(right_mean, 0))
    once_more = (std > DIVIDED_AGAIN * right_std).all() and right_std.min() > BYTES_STD
    return bool((again and odd) or once_more)


def _near(a: np.ndarray, b: np.ndarray | float, within: float = NEAR_NUMBERS) -> bool:
    return bool((np.abs(a - b) <= within * np.maximum(np.abs(b), NEAR_LEAST)).all())


def in_words(chosen: Preprocessing) -> str:
    """As a person writes it: mean and std in units of pixels from 0 to 1."""
    if chosen.zscore:
        again = f", divided by {chosen.divide_again:g}" if chosen.divide_again != 1 else ""
        return f"the picture's own mean and std{again}"
    mean, std = affine(chosen)
    if is_plain(chosen):
        return {"1": "pixels of 0 to 255", "255": "pixels of 0 to 1"}.get(
            chosen.scale, f"pixels over {chosen.scale}"
        )
    if chosen.scale == "1" and set(chosen.std) == {1.0} and chosen.divide_again == 1:
        return f"pixels of 0 to 255 less {_of_bytes(chosen.mean)}"
    return f"mean {listed(mean)} and std {listed(std)} of pixels from 0 to 1"


def _of_bytes(mean: tuple[float, ...]) -> str:
    """As users of Caffe write it."""
    numbers = " ".join(f"{value:.0f}" for value in mean)
    if np.allclose(sorted(mean), sorted(CAFFE_MEAN), atol=1):
        return f"the mean {numbers} (Caffe: 104 117 123 in the order BGR)"
    return f"the mean {numbers}"


def listed(values: np.ndarray) -> str:
    """Three digits each, with blanks between."""
    return " ".join(f"{value:.3g}" for value in values)


SIZES = ("resize", "height", "width", "side", "multiple", "pad_color")


def difference_in_words(now: Settings, then: Settings) -> str:
    """What the second does otherwise: "color bgr, mode train"."""
    before, after = flatten(now), flatten(then)
    changed = [name for name in after if after[name] != before[name]]
    parts = [f"{name} {after[name]}" for name in changed if name not in (*AFFINE, *SIZES)]
    if any(name in changed for name in AFFINE):
        parts.insert(0, in_words(then.preprocessing))
    if any(name in changed for name in SIZES):
        parts.append(_size(then.preprocessing))
    return ", ".join(parts)


def _size(chosen: Preprocessing) -> str:
    if chosen.resize == "none":
        return "the picture's own size"
    if chosen.resize == "fixed":
        return f"{chosen.width} x {chosen.height} pixels"
    if chosen.resize == "letterbox":
        return f"a letterbox of {chosen.width} x {chosen.height} pixels"
    if chosen.resize == "multiple":
        return f"padded to a multiple of {chosen.multiple}"
    return f"{chosen.resize} side of {chosen.side} pixels"
