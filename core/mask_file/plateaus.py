"""The values of a mask that JPEG or an interpolation has touched: where it is flat, what is not.

JPEG moves every value a little, also far from edges, so that regions are flat and not equal. The
commonest value of each is taken for its own; a photo has flat places too, but no few values.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from core.mask_file.levels import levels_of, near, packed, ramps, unpacked

FLAT = 5  # of 255: how far a pixel's neighbors may be from it
CLOSE = 12  # of 255: one value, as JPEG varies it
WHITE = 255  # where a camera ends, so that many pixels of a photo may have it
MOST = 64  # values of regions
FEWEST = 0.0006  # share of the pixels, of each
BLOCK = 8  # pixels, of JPEG
REACH = 10  # pixels: the block of JPEG, and its colors, which have half the size
BESIDE = 3  # pixels from a seam to what an interpolation or JPEG changed at it
SMALL_IDS = 64  # under which values are ids, of which each counts


@dataclass(frozen=True, eq=False)
class Plateaus:
    """Regions of few values, and the pixels that have none of them."""

    pixels: np.ndarray  # UInt8[h w c]
    flat: np.ndarray  # Bool[h w], where the surroundings are flat
    own: np.ndarray  # UInt8[k c], the commonest first
    flat_share: float  # of the pixels whose surroundings are flat, 0..1
    covered: float  # share of these near a value of `own`, 0..1

    @cached_property
    def exact_share(self) -> float:
        """Share of each value's flat pixels within 1 of it, the mean of all values; low in a photo.

        The mean of all values, since a photo too has one that is whole: where it is overexposed.
        """
        flat, exact = self.flat, self._within(1)
        of_value = self.nearest[flat]
        all_of = np.bincount(of_value, minlength=len(self.own))
        exact_of = np.bincount(of_value[exact[flat]], minlength=len(self.own))
        told = (all_of > 0) & self._telling
        return float(np.mean(exact_of[told] / all_of[told]))

    @property
    def _telling(self) -> np.ndarray:
        """Bool[k]: of colors, those below 255 in all channels; all where those are too few."""
        below: np.ndarray = np.asarray((self.own < WHITE).all(axis=1))
        few = self.own.shape[1] == 1 or int(below.sum()) < 2
        return np.ones(len(self.own), np.bool_) if few else below

    @cached_property
    def nearest(self) -> np.ndarray:
        """Int32[h w]: which of the values each pixel is nearest to."""
        seen = levels_of(_packed(self.pixels))
        colors = _unpacked(seen.values, self.own.shape[1])
        far = ((colors[:, None].astype(np.int32) - self.own[None].astype(np.int32)) ** 2).sum(2)
        found: np.ndarray = far.argmin(axis=1).astype(np.int32)[seen.codes]
        return found

    @cached_property
    def off(self) -> np.ndarray:
        """Bool[h w]: the pixel has none of these values."""
        return ~self._within(0)

    @property
    def off_share(self) -> float:
        """Share of the pixels, 0..1."""
        return float(self.off.mean())

    @cached_property
    def ramp_share(self) -> float:
        """Share of these pixels between two opposite neighbors in some channel, 0..1."""
        if not self.off.any():
            return 0.0
        between = [ramps(self.pixels[..., k].astype(int)) for k in range(self.pixels.shape[2])]
        return float(np.any(between, axis=0)[self.off].mean())

    @cached_property
    def seams_off(self) -> float:
        """Share of the seams between two regions with a changed pixel beside them; 1 without any.

        JPEG and a resize change all of them; a legend or a drawing in a mask only those it meets.
        """
        touched, own = near(self.off, BESIDE), np.where(self.off, -1, self.nearest)
        clean, all_of = 0, 0
        for beside, values in ((touched, own), (touched.T, own.T)):
            seam = (values[1:] != values[:-1]) & (values[1:] >= 0) & (values[:-1] >= 0)
            clean += int((seam & ~beside[1:] & ~beside[:-1]).sum())
            all_of += int(seam.sum())
        ramps_met = int(self.off.sum())
        return 1 - clean / (all_of + ramps_met) if all_of + ramps_met else 1.0

    @cached_property
    def near_share(self) -> float:
        """Share of the pixels near a flat one that has such a value, 0..1."""
        return float(near(self.flat & self._within(CLOSE), REACH).mean())

    @cached_property
    def block_ratio(self) -> float:
        """How often changed pixels begin or end where blocks of JPEG meet, beside elsewhere."""
        starts = [self.off[:, 1:] != self.off[:, :-1], (self.off[1:] != self.off[:-1]).T]
        meet = sum(int(each[:, BLOCK - 1 :: BLOCK].sum()) for each in starts)
        total = sum(int(each.sum()) for each in starts)
        return BLOCK * meet / total if total else 0.0

    def _within(self, distance: int) -> np.ndarray:
        """Bool[h w]: how near the pixels are to their value, in every channel."""
        found = np.ones(self.nearest.shape, bool)
        for k in range(self.pixels.shape[2]):
            own = self.own[:, k].astype(np.int16)[self.nearest]
            found &= np.abs(own - self.pixels[..., k]) <= distance
        return found


def flat_share(pixels: np.ndarray) -> float:
    """Share of the pixels of UInt8[h w c] whose surroundings are flat, 0..1."""
    return float(_flat(pixels).mean())


def plateaus(pixels: np.ndarray) -> Plateaus | None:
    """Find the values of the regions; None where there are none, or too many.

    Args:
        pixels: UInt8[h w c], gray or color.
    """
    flat = _flat(pixels)
    if not flat.any():
        return None
    seen = levels_of(_packed(pixels)[flat][None])
    colors = _unpacked(seen.values, pixels.shape[2])
    order = np.argsort(-seen.counts, kind="stable")[:4096]
    close = 0 if int(pixels.max()) < SMALL_IDS else CLOSE
    own, covered = _greedy(colors[order], seen.counts[order], close, FEWEST * flat.size)
    if not 2 <= len(own) <= MOST:
        return None
    return Plateaus(pixels, flat, own, float(flat.mean()), covered / int(flat.sum()))


def _greedy(
    colors: np.ndarray, counts: np.ndarray, close: int, fewest: float
) -> tuple[np.ndarray, int]:
    """The commonest value takes all that are close to it, and so on; how many pixels they took."""
    left, covered = np.ones(len(colors), bool), 0
    own: list[np.ndarray] = []
    distances = colors.astype(np.int16)
    while left.any() and len(own) <= MOST:
        first = int(np.argmax(left))
        taken = left & (np.abs(distances - distances[first]).max(axis=1) <= close)
        weight = int(counts[taken].sum())
        if weight < fewest:
            break
        own.append(colors[first])
        covered += weight
        left &= ~taken
    return np.array(own, np.uint8).reshape(-1, colors.shape[1]), covered


def _flat(pixels: np.ndarray) -> np.ndarray:
    """Bool[h w]: the pixels at the four sides are within `FLAT`; under 64 they are equal."""
    limit = 0 if int(pixels.max()) < SMALL_IDS else FLAT
    flat: np.ndarray = np.ones(pixels.shape[:2], np.bool_)
    for turned, channels in ((flat, pixels), (flat.T, pixels.swapaxes(0, 1))):
        close = _close(channels, limit)
        turned[1:] &= close
        turned[:-1] &= close
    return flat


def _close(channels: np.ndarray, limit: int) -> np.ndarray:
    """Bool[h-1 w]: each pixel and the one under it, in every channel."""
    steps = (np.abs(np.diff(each.astype(np.int16), axis=0)) for each in np.moveaxis(channels, 2, 0))
    close: np.ndarray = np.logical_and.reduce([step <= limit for step in steps])
    return close


def _packed(pixels: np.ndarray) -> np.ndarray:
    return packed(pixels) if pixels.shape[2] == 3 else pixels[..., 0].astype(np.int64)


def _unpacked(values: np.ndarray, channels: int) -> np.ndarray:
    return unpacked(values) if channels == 3 else values.astype(np.uint8)[:, None]
