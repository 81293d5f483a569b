"""The five stages as pictures, as the dashboard paints them: lossless, for what leaves the app."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt
from typing import TYPE_CHECKING

import numpy as np

from core.colors import colorize, overlay, palette_colors

if TYPE_CHECKING:  # it loads torch, which a page that only wants the colors waits for
    from core.inspection import Inspection

MAX_PIXELS = 2_000_000  # of a picture; a larger one is thinned to every n-th pixel, never blended
SHOWN_RANGE = 2.64  # ImageNet normalization reaches -2.12..2.64: these become black and white
VIRIDIS = "440154 482878 3e4989 31688e 26828e 1f9e89 35b779 6ece58 b5de2b fde725"
NOT_FINITE = (255, 0, 255)
RULES = {"argmax": "Argmax", "threshold": "Threshold", "per_class": "Per class"}


@dataclass(frozen=True, eq=False)
class Stage:
    """One stage as a person looks at it."""

    key: str  # as `Bisect.stage` names it
    title: str
    pixels: np.ndarray  # UInt8[h w 3]
    fact: str  # size, range, what is shown


def stage_pictures(inspection: Inspection, channel: int | None = None) -> tuple[Stage, ...]:
    """Picture, tensor, logits of one class, labels, mask over the picture; thinned alike.

    Args:
        inspection: what the stages made.
        channel: whose logits are shown; None: the first foreground class.
    """
    labels, values = inspection.labels, inspection.logits.values
    shown = min(1, len(values) - 1) if channel is None else channel
    colors = palette_colors(inspection.settings.display, labels.num_classes)
    mask = colorize(labels.ids, colors)
    over = overlay(inspection.image.pixels, mask, inspection.settings.display.alpha)
    heat, range_told = _heat(values[shown])
    named = inspection.class_names[shown] if len(values) > 1 else "the only channel"
    facts = inspection.image.facts
    size = "{1} x {0}".format(*inspection.image.pixels.shape)
    return (
        Stage("input", "1 Raw input", _thinned(inspection.image.pixels), f"{size} {facts.mode}"),
        Stage("tensor", "2 Normalized", _thinned(_normalized(inspection)), _range_told(inspection)),
        Stage("logits", "3 Logits", _thinned(heat), f"{named}: {range_told}"),
        Stage("labels", f"4 {RULES[labels.rule]}", _thinned(mask), _classes(inspection)),
        Stage("mask", "5 Mask", _thinned(over), f"opacity {inspection.settings.display.alpha:g}"),
    )


def _thinned(pixels: np.ndarray) -> np.ndarray:
    step = max(1, ceil(sqrt(pixels.shape[0] * pixels.shape[1] / MAX_PIXELS)))
    return np.ascontiguousarray(pixels[::step, ::step])


def _normalized(inspection: Inspection) -> np.ndarray:
    """The tensor without its padding, in the order fed: -2.64..2.64 as black..white."""
    values = np.nan_to_num(inspection.input.unpadded).transpose(1, 2, 0)
    scaled = (values.astype(np.float64) + SHOWN_RANGE) / (2 * SHOWN_RANGE) * 255
    pixels = np.rint(scaled.clip(0, 255)).astype(np.uint8)
    return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels[..., :3]


def _range_told(inspection: Inspection) -> str:
    values = inspection.input.unpadded
    height, width = inspection.input.content
    return f"{width} x {height}, {_span(values)}; black to white is ±{SHOWN_RANGE}"


def _span(values: np.ndarray) -> str:
    finite = values[np.isfinite(values)]
    return f"{finite.min():.3g} .. {finite.max():.3g}" if finite.size else "no finite value"


def _heat(values: np.ndarray) -> tuple[np.ndarray, str]:
    """Viridis from the lowest to the highest finite value; what is not finite is magenta."""
    finite = np.isfinite(values)
    low, high = (values[finite].min(), values[finite].max()) if finite.any() else (0.0, 0.0)
    share = np.where(finite, values - low, 0) / (high - low or 1.0)
    pixels = heat_colors()[np.rint(share * 254).astype(np.uint8)]
    pixels[~finite] = NOT_FINITE
    return pixels, _span(values)


def heat_colors() -> np.ndarray:
    """Viridis in 255 steps: UInt8[255 3], the colors of the dashboard's heat maps."""
    stops = np.array([list(bytes.fromhex(color)) for color in VIRIDIS.split()], np.float64)
    at = np.linspace(0, len(stops) - 1, 255)
    columns = [np.interp(at, np.arange(len(stops)), stops[:, channel]) for channel in range(3)]
    return np.rint(np.stack(columns, axis=1)).astype(np.uint8)


def _classes(inspection: Inspection) -> str:
    present = int(np.count_nonzero(inspection.labels.shares()))
    return f"{present} of {inspection.labels.num_classes} classes present"
