"""A mask as it should look: its ids in a palette, and over the picture."""

from __future__ import annotations

import numpy as np

from core.colors import colorize, encode_png, overlay, palette_colors
from core.mask_file.finding import NO_CLASS
from core.mask_file.inspect import MaskReport
from core.settings import Display

MOST = 256  # ids that get the color of their own number; of more, each gets that of its place


def colored(report: MaskReport, display: Display) -> np.ndarray | None:
    """The ids in a palette, UInt8[h w 3], black where there is no class; None without ids."""
    reading = report.reading
    if reading is None:
        return None
    ids, count = reading.ids, report.num_ids
    if count > MOST:
        found = np.unique(ids[ids != NO_CLASS])
        ids = np.where(ids == NO_CLASS, NO_CLASS, np.searchsorted(found, ids)).astype(np.int32)
        count = len(found)
    return colorize(ids, palette_colors(display, max(count, 1)))


def colored_png(report: MaskReport, display: Display) -> bytes | None:
    """The same as a PNG, lossless."""
    drawn = colored(report, display)
    return None if drawn is None else encode_png(drawn)


def over_picture(drawn: np.ndarray, pixels: np.ndarray, alpha: float) -> np.ndarray | None:
    """The drawn mask over its picture, UInt8[h w 3]; None where the sizes differ."""
    return overlay(pixels, drawn, alpha) if drawn.shape == pixels.shape else None
