"""A decoded picture, and what its file said."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

TURNS = {
    2: "mirrored",
    3: "turned by 180 degrees",
    4: "flipped",
    5: "mirrored and turned by 90 degrees",
    6: "turned by 90 degrees",
    7: "mirrored and turned by 270 degrees",
    8: "turned by 270 degrees",
}
FIRST_BANDS = (1, 2, 3)


@dataclass(frozen=True)
class ImageFacts:
    """What the file said, for the page and for the diagnosis."""

    format: str
    mode: str  # of the file, as Pillow calls it
    width: int  # as stored, before EXIF
    height: int
    bits: int  # per sample
    several: bool  # there are more frames than the first
    orientation: int  # EXIF 1..8
    alpha: bool  # some pixels are not opaque
    window: tuple[float, float] | None  # samples shown as 0 and 255, where deeper than 8 bit
    notes: tuple[str, ...] = field(default=())
    bands: int = 3  # of the file; 1 for gray, 3 for colors, opacity not counted
    chosen: tuple[int, int, int] = FIRST_BANDS  # which are red, green and blue, where more than 3
    volume: tuple[int, ...] = ()  # x, y, z, where the picture is one slice of a volume
    cut: tuple[int, ...] = ()  # across which axis, and which slice, both from 1
    own_window: bool = True  # the window is that of the numbers, not one that was chosen
    no_data: float | None = None  # what the file says stands for nothing; its samples are 0


@dataclass(frozen=True, eq=False)
class Image:
    """A decoded picture. The arrays are read-only."""

    pixels: np.ndarray  # UInt8[h w 3], RGB, as shown
    samples: np.ndarray  # UInt8|UInt16|Int32|Float32[h w 3], the file's own numbers
    facts: ImageFacts
    digest: str  # SHA-256 of the file's bytes, hexadecimal; and which bands, if not the first
