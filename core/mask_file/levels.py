"""The values of a label map and where they lie: in regions, or only at the seams between them.

A region is where a pixel and its eight neighbors have one value. A mask consists of regions; what
JPEG or an interpolation adds lies at their seams; a photo has next to no regions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

FEWEST = 6  # pixels inside regions that make a value one of the mask's own
SHARE = 0.0004  # of all pixels, the same for large pictures
OWN = 0.08  # of a value's pixels lie inside regions; at seams fewer do
COUNTED = 2**24  # values that are counted without sorting: all colors of 8 bits
PAIR = 2  # values


@dataclass(frozen=True, eq=False)
class Levels:
    """Values of a map, the smallest first."""

    map: np.ndarray  # Int32|Int64[h w], whole numbers
    values: np.ndarray  # Int64[n], sorted
    counts: np.ndarray  # Int64[n], pixels
    codes: np.ndarray  # Int32[h w], place of each pixel's value in `values`

    @cached_property
    def inside(self) -> np.ndarray:
        """Bool[h w]: the eight neighbors have the same value; the border counts as its neighbor."""
        return inside_regions(self.codes)

    @cached_property
    def main(self) -> np.ndarray:
        """Bool[n]: which values form regions of their own."""
        solid = np.bincount(self.codes[self.inside], minlength=len(self.values))
        fewest = max(FEWEST, SHARE * self.codes.size)
        return (solid >= fewest) & (solid >= OWN * self.counts)

    @property
    def main_values(self) -> list[int]:
        """The values that form regions."""
        return [int(value) for value in self.values[self.main]]

    @cached_property
    def region_share(self) -> float:
        """Share of the pixels inside regions of such values, 0..1."""
        return float((self.inside & self.main[self.codes]).mean())

    @cached_property
    def main_share(self) -> float:
        """Share of the pixels that have such values, 0..1."""
        return float(self.counts[self.main].sum() / self.codes.size)

    @property
    def is_clean(self) -> bool:
        """Whether the file is a label map with nothing between its values."""
        few = len(self.values) <= PAIR or self.region_share > 0.3
        return few and len(self.values) <= 256 and self.ramp_share < 0.1 and self.main_share > 0.6

    @cached_property
    def edges(self) -> np.ndarray:
        """Bool[h w]: one of the four neighbors has another value."""
        edge = np.zeros(self.codes.shape, bool)
        down = self.codes[1:] != self.codes[:-1]
        across = self.codes[:, 1:] != self.codes[:, :-1]
        edge[1:] |= down
        edge[:-1] |= down
        edge[:, 1:] |= across
        edge[:, :-1] |= across
        return edge

    @cached_property
    def ramp_share(self) -> float:
        """Share of the edge pixels whose value lies between those of two opposite neighbors, 0..1.

        Where two regions meet directly there is none; an interpolation puts some at every edge.
        """
        edges = int(self.edges.sum())
        return float((ramps(self.map) & self.edges).sum() / edges) if edges else 0.0

    @cached_property
    def step_share(self) -> float:
        """Share of the edges between neighbors that are a step of just 1, 0..1."""
        steps = np.concatenate([np.abs(np.diff(self.map, axis=k)).ravel() for k in (0, 1)])
        steps = steps[steps > 0]
        return float((steps == 1).mean()) if len(steps) else 0.0

    def shares(self) -> dict[int, float]:
        """Share of the pixels by value."""
        total = self.codes.size
        return {int(v): float(n / total) for v, n in zip(self.values, self.counts, strict=True)}


def levels_of(values: np.ndarray) -> Levels:
    """Count the values of a map of whole numbers, [h w]."""
    low, high = int(values.min()), int(values.max())
    small = values.dtype.itemsize <= 4 and low >= -(2**31) and high < 2**31
    numbers = values.astype(np.int32 if small else np.int64, copy=False)
    if high - low < max(2**16, min(COUNTED, 8 * numbers.size)):  # ten times as fast as sorting
        counts = np.bincount((numbers - low).ravel(), minlength=high - low + 1)
        found = np.flatnonzero(counts)
        place = np.zeros(len(counts), np.int32)
        place[found] = np.arange(len(found))
        return Levels(numbers, found + low, counts[found], place[numbers - low])
    found, codes, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    codes = codes.reshape(numbers.shape).astype(np.int32)
    return Levels(numbers, found.astype(np.int64), counts, codes)


def packed(rgb: np.ndarray) -> np.ndarray:
    """UInt8[h w 3] as one number a pixel, red in the upper byte: Int32[h w]."""
    red, green, blue = (rgb[..., k].astype(np.int32) for k in range(3))
    return (red << 16) | (green << 8) | blue


def unpacked(colors: np.ndarray) -> np.ndarray:
    """The way back: Int64[n] to UInt8[n 3]."""
    return np.stack([colors >> 16, colors >> 8, colors], axis=-1).astype(np.uint8)


def inside_regions(codes: np.ndarray) -> np.ndarray:
    """Bool[h w]: the pixel and its eight neighbors are equal."""
    around = np.pad(codes, 1, mode="edge")
    rows = (around[1:-1] == around[:-2]) & (around[1:-1] == around[2:])  # columns still padded
    middle = around[1:-1]
    same = (middle[:, 1:-1] == middle[:, :-2]) & (middle[:, 1:-1] == middle[:, 2:])
    inside: np.ndarray = same & rows[:, 1:-1] & rows[:, :-2] & rows[:, 2:]
    return inside


def ramps(values: np.ndarray) -> np.ndarray:
    """Bool[h w]: strictly between left and right, or between upper and lower neighbor."""
    found = np.zeros(values.shape, bool)
    for turned, target in ((values, found), (values.T, found.T)):
        step = np.sign(np.diff(turned, axis=1))
        target[:, 1:-1] |= (step[:, 1:] == step[:, :-1]) & (step[:, 1:] != 0)
    return found


def near(marked: np.ndarray, reach: int) -> np.ndarray:
    """Bool[h w]: a marked pixel lies in the square of so many pixels around."""
    if min(marked.shape) == 0:
        return marked
    sums = np.pad(marked, reach + 1, mode="constant").cumsum(0, dtype=np.int64).cumsum(1)
    side = 2 * reach + 1
    count = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    height, width = marked.shape
    found: np.ndarray = count[:height, :width] > 0
    return found
