"""Measured numbers as settings of the app: order, scale, mean, std, second division, size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from core.preprocess import LUMA, target_size
from core.presets import PRESETS
from core.settings import CONVENTION, Preprocessing
from maskscope.feeding.affine import Affine
from maskscope.feeding.geometry import Geometry

DIGITS = 6  # of a number that was measured in float32
SAME = 1e-4  # relative: a known convention's numbers are taken to be meant
ORDERS = {(0, 1, 2): "rgb", (2, 1, 0): "bgr"}
RECOGNIZED = 1e-3  # relative: numbers that are a known one's, applied otherwise
NEAR_LUMA = 0.01  # of a weight: libraries round them differently
BYTES_STD = 0.05  # std of pixels 0..1 below which nobody divides by 255 first
UNIT_MEAN = 2.0  # mean above which pixels are 0..255
MULTIPLES = (32, 16, 64, 8, 128, 256)  # the usual one first, as several may fit
NEAR_BLACK = 0.5  # of a level


@dataclass(frozen=True)
class Reading:
    """Changes of the settings, and what they do not say."""

    changes: Mapping[str, Any]
    notes: tuple[str, ...] = field(default=())  # sentences
    pixels: np.ndarray | None = None  # UInt8[h w 3]: what is fed, where that is not the picture


# --- the numbers ----------------------------------------------------------------------------------


def read_numbers(affine: Affine, gray: bool) -> Reading:
    """Channel order, scale, mean, std and second division.

    Args:
        affine: as it was fitted.
        gray: whether the picture has one channel, so that none can be told from another.
    """
    color, notes = _order(affine.gain, gray)
    gain = affine.total if gray or color == "gray" else _main(affine.gain)
    within = max(SAME, affine.error / 255)
    numbers = {**numbers_of(gain, affine.offset, color, within), "zscore": False}
    return Reading(numbers, (*notes, *_recognized(numbers)))


def _main(gain: np.ndarray) -> np.ndarray:
    """Float64[k]: of the channel that each is made of."""
    main: np.ndarray = np.take_along_axis(gain, np.abs(gain).argmax(axis=1)[:, None], 1)[:, 0]
    return main


def _order(gain: np.ndarray, gray: bool) -> tuple[str, tuple[str, ...]]:
    if gray:
        return "gray" if len(gain) == 1 else "rgb", ()
    single = (gain != 0).sum(axis=1) == 1
    source = tuple(int(k) for k in np.abs(gain).argmax(axis=1))
    if single.all() and source in ORDERS:
        return ORDERS[source], ()
    weights = gain / gain.sum(axis=1, keepdims=True)
    if len(gain) == 1 and np.allclose(weights, LUMA, atol=NEAR_LUMA):
        return "gray", ()
    return "gray" if len(gain) == 1 else "rgb", (_odd_order(gain, single, source),)


def _odd_order(gain: np.ndarray, single: np.ndarray, source: tuple[int, ...]) -> str:
    if single.all():
        order = "".join("RGB"[k] for k in source)
        return f"Its channels are {order} of the picture, which no setting here is; RGB is fed."
    words = "; ".join(" + ".join(_part(row, int(k)) for k in np.flatnonzero(row)) for row in gain)
    return f"It mixes the channels: {words}. No setting here does that; they are fed as they are."


def _part(row: np.ndarray, k: int) -> str:
    return f"{row[k] / np.abs(row).sum():.3g} {'RGB'[k]}"


def numbers_of(
    gain: np.ndarray, offset: np.ndarray, color: str, within: float = SAME
) -> dict[str, Any]:
    """Scale, mean, std and second division with this gain and offset per channel of 0..255.

    Args:
        gain: Float64[k].
        offset: Float64[k].
        color: channel order.
        within: relative, by how much they may be off a known convention's.
    """
    for known in known_numbers():
        if known["color"] in (color, "rgb") and _gives(known, gain, offset, within):
            return {**known, "color": color}
    return {"color": color, "divide_again": 1.0, **_plain(gain, offset)}


def known_numbers() -> list[dict[str, Any]]:
    """The presets of fixed numbers, and pixels that are divided by 255 twice."""
    plain = {name: getattr(Preprocessing(), name) for name in CONVENTION}
    presets = [dict(p.changes) for p in PRESETS.values() if not p.changes["zscore"]]
    return [*presets, {**plain, "divide_again": 255.0}]


def affine_of(known: Mapping[str, Any], count: int) -> tuple[np.ndarray, np.ndarray]:
    """Gain and offset of a known convention, for pixels 0..255: Float64[count] each."""
    mean, std = np.array(known["mean"])[:count], np.array(known["std"])[:count]
    gain = 1 / (float(known["scale"]) * std * known["divide_again"])
    return gain, -mean / (std * known["divide_again"])


def _gives(known: Mapping[str, Any], gain: np.ndarray, offset: np.ndarray, within: float) -> bool:
    if len(gain) > 3:
        return False
    wanted, wanted_offset = affine_of(known, len(gain))
    near = np.abs(wanted_offset - offset) <= within * np.maximum(1, np.abs(wanted_offset))
    return bool(np.allclose(gain, wanted, rtol=within, atol=0) and near.all())


def _recognized(numbers: Mapping[str, Any]) -> tuple[str, ...]:
    """What odd numbers are: those of a known convention, applied otherwise. Facts, no verdicts."""
    mean, std = np.array(numbers["mean"]), np.array(numbers["std"])
    again = numbers["divide_again"] != 1
    for preset in PRESETS.values():
        m, s = np.array(preset.changes["mean"]), np.array(preset.changes["std"])
        if preset.changes["scale"] != "255" or np.allclose(s, 1) or again:
            continue
        ways = {
            f"These are {preset.label} applied twice.": (m + m * s, s * s, "255"),
            f"These are {preset.label} on pixels divided by 255 twice.": (255 * m, 255 * s, "255"),
            f"These are {preset.label} on pixels of 0 to 255.": (m, s, "1"),
        }
        for words, (wanted_mean, wanted_std, scale) in ways.items():
            same = np.allclose(mean, wanted_mean, rtol=RECOGNIZED) and np.allclose(
                std, wanted_std, rtol=RECOGNIZED
            )
            if same and numbers["scale"] == scale:
                return (words,)
    return ()


def _plain(gain: np.ndarray, offset: np.ndarray) -> dict[str, Any]:
    """In the units that a person would have written them in: of pixels 0..1, else of 0..255."""
    std = 1 / (255 * gain)
    scale = "1" if np.abs(std).max() < BYTES_STD else "255"
    if np.abs(offset * std).max() > UNIT_MEAN and np.allclose(gain, 1, rtol=SAME):
        scale = "1"
    std = 1 / (float(scale) * gain)
    return {"scale": scale, "mean": _three(-offset * std), "std": _three(std)}


def _three(values: np.ndarray) -> tuple[float, float, float]:
    """Rounded to what float32 tells; one channel is written three times."""
    rounded = [float(f"{value:.{DIGITS}g}") + 0.0 for value in values]
    rounded = [0.0 if abs(value) < 1e-6 else value for value in rounded]
    one, two, three = (rounded * 3)[:3]
    return one, two, three


# --- the size -------------------------------------------------------------------------------------


def read_size(geometry: Geometry, size: tuple[int, int]) -> Reading:
    """Orientation, resizing and bars.

    Args:
        geometry: as it was measured.
        size: h, w of the picture as it is fed here, cropped already.
    """
    turn = {"orientation": geometry.orientation}
    sideways = geometry.orientation in ("90", "270", "transposed", "transversed")
    before = (size[1], size[0]) if sideways else size
    changes, notes = _resize(geometry, before)
    if not geometry.straight:
        notes = (*notes, "It bends the picture: rows and columns do not stay straight lines.")
    return Reading(turn | changes, notes)


def _resize(geometry: Geometry, size: tuple[int, int]) -> tuple[dict[str, Any], tuple[str, ...]]:
    top, left, height, width = geometry.box
    if (height, width) == geometry.size:
        same = geometry.size == size
        return ({"resize": "none"} if same else _fixed(height, width)), ()
    if (found := _letterbox(geometry, size)) is not None:
        return found, ()
    if (found := _multiple(geometry, size)) is not None:
        return found, ()
    told = (
        f"Around the picture it puts bars ({geometry.size[1]} x {geometry.size[0]} pixels in all, "
        f"the picture at row {top}, column {left}); no setting here does that, they are left out."
    )
    return ({"resize": "none"} if (height, width) == size else _fixed(height, width)), (told,)


def _fixed(height: int, width: int) -> dict[str, Any]:
    return {"resize": "fixed", "height": height, "width": width}


def _letterbox(geometry: Geometry, size: tuple[int, int]) -> dict[str, Any] | None:
    height, width = geometry.size
    level = round(float(np.mean(geometry.bars)))
    changes = {"resize": "letterbox", "height": height, "width": width, "pad_color": level}
    if not 0 <= level <= 255 or np.ptp(geometry.bars) > 2 * NEAR_BLACK:
        return None
    inner = target_size(*size, Preprocessing(resize="letterbox", height=height, width=width))
    corner = (height - inner[0]) // 2, (width - inner[1]) // 2
    return changes if (*corner, *inner) == geometry.box else None


def _multiple(geometry: Geometry, size: tuple[int, int]) -> dict[str, Any] | None:
    """Black at the right and at the bottom, up to a multiple."""
    black = np.abs(geometry.bars).max() < NEAR_BLACK
    for multiple in MULTIPLES if black and geometry.box == (0, 0, *size) else ():
        if tuple(side + -side % multiple for side in size) == geometry.size:
            return {"resize": "multiple", "multiple": multiple}
    return None
