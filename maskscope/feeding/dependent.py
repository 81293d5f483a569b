"""What depends on the picture: a z-score, a division by its own maximum, or a curve like CLAHE's.

Pictures of one color say nothing about it, so the tensor is compared with the picture itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from core.image import Image
from core.preprocess import preprocess
from core.settings import Settings, change
from maskscope.feeding.affine import Affine
from maskscope.feeding.calls import Way
from maskscope.feeding.reading import Reading, affine_of, known_numbers, numbers_of

ORDERS = ("rgb", "bgr")
STRAIGHT = 0.9999  # R squared of a map that is affine but for rounding
LEVEL = 1.0  # of 256
WHOLE = 0.01  # of a level: float32 of a whole pixel that was normalized and is taken back
BEFORE = (
    "Before these numbers it changes the pixels (as CLAHE, equalization or another color space "
    "do): the first panel shows what comes out of that, not your file."
)
LIKE = 5e-3  # relative: std with and without Bessel's correction, an epsilon beside it


def read_dependent(way: Way, values: np.ndarray, image: Image, affine: Affine | None) -> Reading:
    """The nearest settings, and what they leave out.

    Args:
        way: how the function is called.
        values: Float32[c h w], the user's tensor.
        image: their picture.
        affine: what pictures of one color told, which does not hold for this one; None: nothing.
    """
    height, width = values.shape[1:]
    same = (height, width) == image.pixels.shape[:2]
    place: dict[str, Any] = {"resize": "none"} if same else _fixed(height, width)
    color, base = _base(values, image, place)
    gain, offset, straight = _regressed(base, values)
    if straight < STRAIGHT:
        return (_of_whole_pixels(values, color) if same else None) or Reading(
            {**place, **numbers_of(gain, offset, color)}, (_curve(affine, straight),)
        )
    if _is_zscore(base, gain, offset):
        return Reading({**place, "color": color, "zscore": True, "scale": "255"})
    if way(_darker(image)).values.shape == values.shape and _is_by_maximum(way, values, image):
        largest = float(image.samples.max()) or 1.0
        numbers = numbers_of(gain * largest / 255, offset, color)
        return Reading({**place, **numbers, "scale": "max"})
    told = "Its numbers are of this picture alone: of another one they are others."
    return Reading({**place, **numbers_of(gain, offset, color)}, (told,))


def _fixed(height: int, width: int) -> dict[str, Any]:
    return {"resize": "fixed", "height": height, "width": width}


def _base(values: np.ndarray, image: Image, place: dict[str, Any]) -> tuple[str, np.ndarray]:
    """The order of the channels that goes with the tensor best, and Float64[c h w] in it."""
    orders = ("gray",) if len(values) == 1 else ORDERS
    tried = []
    for color in orders:
        settings = change(Settings(), **place, color=color, scale="1")
        base = preprocess(image, settings.preprocessing).values.astype(np.float64)
        tried.append((_regressed(base, values)[2], color, base))
    _, color, base = max(tried, key=lambda each: each[0])
    return color, base


def _regressed(base: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Gain and offset of each channel on this picture, and the least R squared of them."""
    if base.shape != values.shape:
        return np.ones(len(values)), np.zeros(len(values)), 0.0
    x, y = base.reshape(len(base), -1), values.reshape(len(values), -1).astype(np.float64)
    x_mean, y_mean = x.mean(axis=1), y.mean(axis=1)
    x_off, y_off = x - x_mean[:, None], y - y_mean[:, None]
    gain = (x_off * y_off).sum(axis=1) / np.maximum((x_off**2).sum(axis=1), 1e-12)
    gain = np.where(np.abs(gain) < 1e-12, 1.0, gain)
    rest = ((y_off - gain[:, None] * x_off) ** 2).sum(axis=1)
    straight = 1 - rest / np.maximum((y_off**2).sum(axis=1), 1e-12)
    return gain, y_mean - gain * x_mean, float(straight.min())


def _is_zscore(base: np.ndarray, gain: np.ndarray, offset: np.ndarray) -> bool:
    """Whether each channel's own mean and std are what it is normalized by."""
    mean, std = base.mean(axis=(1, 2)), base.std(axis=(1, 2))
    return bool(
        np.allclose(gain * std, 1, rtol=LIKE) and np.allclose(-offset / gain, mean, atol=LEVEL)
    )


def _darker(image: Image) -> np.ndarray:
    """The picture at half its brightness: the same after a division by its maximum."""
    pixels = image.pixels[..., 0] if image.facts.bands == 1 else image.pixels
    return pixels // 2


def _is_by_maximum(way: Way, values: np.ndarray, image: Image) -> bool:
    """Whether half the brightness gives the same, but for the last bit of each pixel."""
    dark = way(_darker(image)).values
    spread = float(values.std()) or 1.0
    return bool(np.abs(dark - values).mean() < 4 * LEVEL / 255 * max(1.0, spread))


def _of_whole_pixels(values: np.ndarray, color: str) -> Reading | None:
    """A known convention under which the tensor is whole pixels: what it does before is a picture.

    Transforms like CLAHE give pixels of 8 bits, which are normalized after that. Of the right
    numbers all values are whole and from 0 to 255, of others next to none.
    """
    for known in known_numbers():
        gain, offset = affine_of(known, len(values))
        levels = (values - offset[:, None, None]) / gain[:, None, None]
        whole = np.rint(levels)
        if np.abs(levels - whole).max() < WHOLE and whole.min() >= 0 and 1 < whole.max() <= 255:
            pixels = whole.astype(np.uint8).transpose(1, 2, 0)
            pixels = np.repeat(pixels, 3, axis=2) if len(values) == 1 else pixels
            changes = {"resize": "none", **known, "color": color}
            return Reading(changes, (BEFORE,), pixels[..., ::-1] if color == "bgr" else pixels)
    return None


def _curve(affine: Affine | None, straight: float) -> str:
    alone = (
        ", and not of each color alone either"
        if affine is not None and not affine.fits
        else ", though it is one of each color alone: what is around a pixel counts (as in CLAHE)"
        if affine is not None
        else ""
    )
    return (
        f"It is no affine map of the pixels{alone}: the nearest one explains {straight:.1%} of the "
        "tensor, and that one is fed here. What it does besides cannot be judged."
    )
