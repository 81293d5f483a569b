"""What a picture's file holds before anything is made of it: its numbers, and what they are."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import PIL.Image

SHALLOW = {1: "L", 3: "RGB", 4: "RGBA"}  # modes of Pillow by the number of channels


@dataclass(frozen=True)
class ImageLimits:
    """What a picture may be at most, checked before it is decoded."""

    num_bytes: int = 64 * 2**20
    pixels: int = 25_000_000
    side: int = 16_384
    shrunk: int = 2**27  # pixels, of which a smaller copy is made: half a gigabyte meanwhile
    unpacked: int = 512 * 2**20  # bytes of all its numbers


@dataclass(frozen=True, eq=False)
class Raster:
    """The first frame of a file, as it is stored: not turned, nothing composited."""

    values: np.ndarray  # Bool|UInt8|UInt16|Int|Float [h w] or [h w c], the file's own numbers
    format: str  # PNG, JPEG, ...
    mode: str  # as Pillow calls it; "<n> bands" where Pillow has no name
    palette: np.ndarray | None = None  # UInt8[n 4], RGBA by index, where `values` are indices
    alpha: bool = False  # the last channel is opacity
    several: bool = False  # more frames follow
    orientation: int = 1  # EXIF 1..8
    notes: tuple[str, ...] = field(default=())
    volume: tuple[int, ...] = ()  # x, y, z of which this is one slice
    cut: tuple[int, ...] = ()  # across which axis, and which slice, both from 1
    no_data: float | None = None  # what stands for nothing by the file's own word

    @property
    def size(self) -> tuple[int, int]:
        """Width, height."""
        return self.values.shape[1], self.values.shape[0]

    def as_pillow(self) -> PIL.Image.Image:
        """As a picture of Pillow: indices and gray as they are, color in 8 bits.

        Of deeper colors the upper 8 bits are taken, of more than three bands the first three, as
        most programs do. A TIFF is turned upright, as Pillow itself does.
        """
        values = turned(self.values, self.orientation if self.format == "TIFF" else 1)
        if self.palette is not None:
            picture = PIL.Image.fromarray(values.astype(np.uint8))
            picture.putpalette(self.palette[:, :3].tobytes(), "RGB")
            return picture
        if values.ndim == 2:
            return PIL.Image.fromarray(_of_pillow(values))
        if values.dtype == np.uint16:
            values = (values >> 8).astype(np.uint8)
        kept = values.shape[2] if self.alpha and values.shape[2] == 4 else min(3, values.shape[2])
        if values.shape[2] == 2:
            return PIL.Image.fromarray(_of_pillow(np.ascontiguousarray(values[..., 0])))
        return PIL.Image.fromarray(np.ascontiguousarray(values[..., :kept]).astype(np.uint8))


def turned(values: np.ndarray, orientation: int) -> np.ndarray:
    """Upright: rows and columns as EXIF says (CIPA DC-008, tag 274)."""
    if orientation in (5, 6, 7, 8):
        values = values.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        values = values[::-1]
    if orientation in (2, 3, 6, 7):
        values = values[:, ::-1]
    return np.ascontiguousarray(values)


def _of_pillow(values: np.ndarray) -> np.ndarray:
    """Gray numbers in a type that Pillow has: integers that are stored otherwise stay integers."""
    if values.dtype in (np.bool_, np.uint8, np.uint16, np.int32, np.float32):
        return values
    if values.dtype.kind in "ui":
        return values.clip(-(2**31), 2**31 - 1).astype(np.int32)
    return values.astype(np.float32)
