"""From colors to numbers: the affine map of each channel, fitted to pictures of one color.

A picture of one color is the same before and after any resizing, cropping or turning, so what is in
the middle of the result tells of the color alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from maskscope.feeding.calls import Way

# 0..255: the corners of the cube that tell channels apart, a gray scale, and some to check with.
COLORS = (
    *((0, 0, 0), (255, 255, 255), (255, 0, 0), (0, 255, 0), (0, 0, 255)),
    *(
        (128, 128, 128),
        (64, 64, 64),
        (200, 200, 200),
        (17, 90, 201),
        (230, 140, 40),
        (90, 222, 120),
    ),
)
FEWEST = 6  # colors that give numbers: 4 unknowns for each channel, and some to check with
ONE_LEVEL = 1.0  # of 256: a function that rounds to whole pixels on its way is that far off
EXACT = 1e-3  # levels: float32 alone


@dataclass(frozen=True, eq=False)
class Affine:
    """x[k] = gain[k] . (red, green, blue) + offset[k], pixels 0..255."""

    gain: np.ndarray  # Float64[k 3]; of a gray picture only the sum of a row is known
    offset: np.ndarray  # Float64[k]
    error: float  # the largest difference on all colors, in levels of 256

    @property
    def total(self) -> np.ndarray:
        """Float64[k]: of gray."""
        total: np.ndarray = self.gain.sum(axis=1)
        return total

    @property
    def fits(self) -> bool:
        """Whether it is what the function does, but for rounding to whole pixels."""
        return bool(self.error <= ONE_LEVEL) and bool((np.abs(self.gain).max(axis=1) > 0).all())

    @property
    def is_exact(self) -> bool:
        """Whether nothing is rounded on the way."""
        return bool(self.error <= EXACT)


def fit_affine(way: Way, size: tuple[int, int], gray: bool) -> Affine | None:
    """Fit it; None where too many pictures of one color give no numbers, as those of a z-score.

    Args:
        way: how the function is called.
        size: h, w of the user's picture.
        gray: whether that has one channel.
    """
    colors, values = [], []
    for color in COLORS:
        if gray and len(set(color)) > 1:
            continue
        value = _middle(way, size, color, gray)
        if np.isfinite(value).all():
            colors.append(color)
            values.append(value)
    if len(colors) < (3 if gray else FEWEST):
        return None
    return _fitted(np.array(colors, np.float64), np.array(values, np.float64))


def _middle(way: Way, size: tuple[int, int], color: tuple[int, ...], gray: bool) -> np.ndarray:
    """Float64[k] in the middle of what becomes of a picture of one color."""
    pixels = np.full(size, color[0], np.uint8) if gray else np.full((*size, 3), color, np.uint8)
    planes = way(pixels).values
    value: np.ndarray = planes[:, planes.shape[1] // 2, planes.shape[2] // 2].astype(np.float64)
    return value


def _fitted(colors: np.ndarray, values: np.ndarray) -> Affine:
    """Least squares; of a gray scale the solution with equal parts."""
    known = np.column_stack([colors, np.ones(len(colors))])
    solved = np.linalg.lstsq(known, values, rcond=None)[0]  # 4 k
    gain, offset = solved[:3].T, solved[3]
    largest = np.abs(gain).max(axis=1)
    off = np.abs(known @ solved - values).max(axis=0)
    levels = np.divide(off, largest, out=np.full_like(off, np.inf), where=largest > 0)
    gain = np.where(np.abs(gain) < 1e-4 * largest[:, None], 0.0, gain)  # float32's last digits
    return Affine(gain, offset, float(levels.max()))
