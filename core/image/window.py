"""Samples deeper than 8 bits as a person sees them: which two of them are black and white."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

AT_ONCE = 2**20  # samples
USUAL_BITS = (10, 12, 14)  # of cameras and satellites, stored in 16


def eight_bits(
    values: np.ndarray, chosen: tuple[float, float] | None = None
) -> tuple[np.ndarray, tuple[float, float], str]:
    """Scale to bytes.

    Args:
        values: integers or floats of any shape, finite.
        chosen: the samples that become 0 and 255; None where the values themselves tell.

    Returns:
        UInt8 of the same shape, the samples that became 0 and 255, and the reason in words.
    """
    low, high = window = chosen or _window(values)

    def scale(rows: np.ndarray) -> np.ndarray:
        scaled = (rows.astype(np.float64) - low) * (255 / (high - low))
        rounded: np.ndarray = np.rint(scaled.clip(0, 255))
        return rounded

    shown = by_rows(scale, values, np.empty(values.shape, np.uint8))
    return shown, window, _reason(values, window)


def by_rows(
    make: Callable[[np.ndarray], np.ndarray], values: np.ndarray, out: np.ndarray
) -> np.ndarray:
    """Fill `out` with what is made of `values`, some rows at a time.

    What is made on the way takes many times the bytes of a picture; of some rows, that is little.
    """
    count = max(1, AT_ONCE * len(values) // max(1, values.size))
    for row in range(0, len(values), count):
        out[row : row + count] = make(values[row : row + count])
    return out


def _window(values: np.ndarray) -> tuple[float, float]:
    """Integers: 0 to the smallest 2^k - 1 that holds all; floats: 0..1, 0..255, or their own."""
    low, high = float(values.min()), float(values.max())
    if values.dtype.kind in "ui" and low >= 0:
        return 0.0, float(2 ** max(8, int(high).bit_length()) - 1)
    if low >= 0 and high <= 255:
        return 0.0, 1.0 if high <= 1 else 255.0
    return low, high if high > low else low + 1


def _reason(values: np.ndarray, window: tuple[float, float]) -> str:
    shown = f"shown with {window[0]:g} .. {window[1]:g} as 0 .. 255"
    size = values.dtype.itemsize * 8
    if values.dtype.kind == "f":
        negative = ", perhaps normalized already" if window[0] < 0 else ""
        return f"{size} bit floats of {values.min():.4g} .. {values.max():.4g}{negative}, {shown}"
    used = int(window[1]).bit_length() if window[0] == 0 else size
    if used < size and used in USUAL_BITS:
        return f"{used} bits in {size}: no sample is above {window[1]:g}, {shown}"
    return f"{size} bit, {shown}"
