"""The user's own output, decoded; and which value it has where a label map has an id."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image as PillowImage

from core.errors import ImageError
from core.image import read_raster


@dataclass(frozen=True, eq=False)
class Written:
    """The user's file, decoded without a change of its numbers."""

    values: np.ndarray  # Int32[h w], or Int32[h w 3] where it is in color
    shown: np.ndarray  # UInt8[h w], how bright a viewer shows it
    mode: str
    format: str

    @property
    def flat(self) -> bool:
        """Whether it holds one value only."""
        first = self.values[:1, :1]
        return bool((self.values == first).all())

    @property
    def packed(self) -> np.ndarray:
        """One number for each gray level or color, Int64[h w]."""
        if self.values.ndim == 2:
            return self.values.astype(np.int64)
        packed: np.ndarray = self.values.astype(np.int64) @ np.array([65536, 256, 1])
        return packed


def read_written(content: bytes) -> Written | None:
    """Decode the file, which came in by the guarded door; None where it is no picture."""
    try:
        raster = read_raster(content)
    except ImageError:
        return None
    picture = raster.as_pillow()
    shown = np.array(picture.convert("L"))
    if picture.mode.startswith("I"):
        shown = (np.array(picture).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8)
    return Written(_numbers(picture), shown, picture.mode, raster.format)


def _numbers(picture: PillowImage.Image) -> np.ndarray:
    if picture.mode in ("L", "P", "I", "I;16", "I;16B", "F", "1"):
        return np.array(picture).astype(np.int32)
    rgb = np.array(picture.convert("RGB")).astype(np.int32)
    gray = bool((rgb == rgb[..., :1]).all())
    return rgb[..., 0] if gray else rgb


@dataclass(frozen=True, eq=False)
class Coding:
    """Which value the file has where the label map has an id."""

    purity: float  # share of the pixels that have the value of their id, 0..1
    gain: float  # the same, where always guessing the most frequent value is 0 and all right is 1
    values: dict[int, int]  # id -> value, packed where it is a color

    @property
    def distinct(self) -> int:
        """How many different values there are."""
        return len(set(self.values.values()))


def coding(packed: np.ndarray, ids: np.ndarray) -> Coding:
    """Read off the most frequent value for each id.

    Args:
        packed: Int64[h w], the file.
        ids: Int32[h w], a label map of the same size.
    """
    agreed, values = 0, {}
    for class_id in np.unique(ids).tolist():
        found, counts = np.unique(packed[ids == class_id], return_counts=True)
        values[class_id] = int(found[counts.argmax()])
        agreed += int(counts.max())
    purity, guess = agreed / ids.size, float(np.unique(packed, return_counts=True)[1].max())
    rest = 1 - guess / ids.size
    return Coding(purity, 1 - (1 - purity) / rest if rest else float(purity), values)
