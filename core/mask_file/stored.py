"""A mask's file as it is stored: its exact numbers, sorted into gray, color, opacity and bands."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from core.colors import DARK
from core.image.raster import Raster
from core.mask_file.levels import Levels, levels_of, packed

WHITE = 255
EIGHT_BITS = 256  # levels


@dataclass(frozen=True, eq=False)
class Stored:
    """The numbers of one file; each question about them is answered once."""

    raster: Raster

    @cached_property
    def alpha(self) -> np.ndarray | None:
        """Opacity, [h w] of the file's type; of a palette's colors: UInt8. None for none."""
        if self.raster.palette is not None:
            opacity: np.ndarray = self.raster.palette[:, 3][self.raster.values]
            return opacity
        return self.raster.values[..., -1] if self.raster.alpha else None

    @cached_property
    def bands(self) -> np.ndarray:
        """[h w c]: all channels but opacity; palette indices are one channel."""
        values = self.raster.values
        if values.ndim == 2:
            return values[..., None]
        return values[..., :-1] if self.raster.alpha else values

    @cached_property
    def gray(self) -> np.ndarray | None:
        """[h w]: one number a pixel (gray, palette indices, equal channels); None for colors."""
        bands = self.bands
        same = bands.shape[2] == 1 or (
            bands.shape[2] == 3 and bool((bands == bands[..., :1]).all())
        )
        return np.ascontiguousarray(bands[..., 0]) if same else None

    @cached_property
    def rgb(self) -> np.ndarray | None:
        """UInt8[h w 3] where the file has colors, those of its palette too; None without."""
        if self.has_colored_palette and self.raster.palette is not None:
            colors: np.ndarray = self.raster.palette[:, :3][self.raster.values]
            return colors
        is_color = self.bands.shape[2] == 3 and self.gray is None
        return np.ascontiguousarray(self.bands) if is_color and self.is_bytes else None

    @property
    def is_bytes(self) -> bool:
        """Whether the numbers have 8 bits."""
        return self.raster.values.dtype == np.uint8

    @property
    def is_array(self) -> bool:
        """Whether the file is an array of NumPy or torch: no picture."""
        return self.raster.format in ("NPY", "NPZ", "PT")

    @cached_property
    def has_colored_palette(self) -> bool:
        """Whether it has a palette that is more than grays by index."""
        if self.raster.palette is None:
            return False
        used = self.raster.palette[np.unique(self.raster.values), :3]
        return bool((used != used[:, :1]).any())

    @cached_property
    def levels(self) -> Levels | None:
        """The whole numbers of `gray` and where they lie; None for colors and broken numbers."""
        if self.gray is None or self.gray.dtype.kind not in "bui":
            return None
        return levels_of(self.gray)

    @cached_property
    def colors(self) -> Levels | None:
        """The same of colors, each packed into one number: red, green, blue."""
        return None if self.rgb is None else levels_of(packed(self.rgb))

    # --- what a person sees ----------------------------------------------------------------------

    @cached_property
    def as_seen(self) -> np.ndarray:
        """What viewers draw: UInt8[h w 3], transparent pixels on white."""
        pixels = _three(_eight_bits(self.bands, self.raster))
        if self.rgb is not None:
            pixels = self.rgb
        if self.raster.palette is not None:
            pixels = self.raster.palette[:, :3][self.raster.values]
        if self.alpha is None:
            return pixels
        opacity = self.alpha[..., None].astype(np.float64) / full(self.alpha)
        seen: np.ndarray = np.rint(pixels * opacity + WHITE * (1 - opacity)).astype(np.uint8)
        return seen

    @cached_property
    def black_share(self) -> float:
        """Share of the pixels that a person sees as black, 0..1."""
        luma = self.as_seen @ np.array([299, 587, 114]) // 1000
        return float((luma < DARK).mean())


def full(numbers: np.ndarray) -> float:
    """What white, or opaque, is in these numbers."""
    return float(np.iinfo(numbers.dtype).max) if numbers.dtype.kind in "ui" else 1.0


def _eight_bits(values: np.ndarray, raster: Raster) -> np.ndarray:
    """As viewers do: the upper byte of 16 bits; whole numbers otherwise are clipped."""
    if values.dtype == np.bool_:
        return values * np.uint8(WHITE)
    if values.dtype == np.uint16 and raster.format not in ("NPY", "NPZ", "PT"):
        return (values >> 8).astype(np.uint8)
    plain = values if values.dtype.kind in "ui" else np.nan_to_num(values.astype(np.float64))
    return plain.clip(0, WHITE).astype(np.uint8)


def _three(values: np.ndarray) -> np.ndarray:
    """[h w 3] of gray, of colors, or of the first band of others."""
    if values.shape[2] == 3:
        return np.ascontiguousarray(values)
    return np.repeat(values[..., :1], 3, axis=2)
