"""Colors of 16 bits a channel, of which Pillow gives 8: read twice, each byte once.

Pillow unpacks such rows either as big-endian or as little-endian, and keeps the upper byte. Under
the wrong byte order that is the lower one; both together are the numbers of the file, decoded by
the same library as everything else.
"""

from __future__ import annotations

import io
import sys
from typing import Any

import numpy as np
import PIL.Image
from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from core.image.png import GRAY_AND_OPACITY, as_bytes
from core.image.raster import Raster

ORIENTATION = 0x0112  # EXIF tag
OTHER_ORDER = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}  # N: native


def png(content: bytes, opened: ImageFile) -> Raster:
    """A PNG of 16-bit RGB, RGBA or gray with opacity: UInt16[h w c]."""
    if content[25] == GRAY_AND_OPACITY:
        return _gray(content)
    clear = opened.info.get("transparency")
    values = both_bytes(content, opened)
    if clear is not None and values.shape[2] == 3:
        shown = (values != np.array(clear)).any(axis=2, keepdims=True)
        values = np.concatenate([values, shown * np.uint16(65535)], axis=2, dtype=np.uint16)
    mode = f"{opened.mode};16"
    return Raster(values, str(opened.format), mode, alpha=values.shape[2] == 4)


def _gray(content: bytes) -> Raster:
    picture = PIL.Image.open(io.BytesIO(as_bytes(content)), formats=("PNG",))
    pairs = np.array(picture).astype(np.uint16)
    values = (pairs[..., ::2] << 8) | pairs[..., 1::2]
    return Raster(values, "PNG", "LA;16", alpha=True)


def both_bytes(content: bytes, opened: ImageFile) -> np.ndarray:
    """The samples of a picture that is opened and not loaded: UInt16[h w c]."""
    again = PIL.Image.open(io.BytesIO(content), formats=(str(opened.format),))
    as_stored(again)
    again._mode = opened.mode
    again.tile = [tile._replace(args=_swapped(tile.args)) for tile in opened.tile]
    upper, lower = np.array(opened), np.array(again)
    both: np.ndarray = (upper.astype(np.uint16) << 8) | lower
    return both


def as_stored(opened: ImageFile) -> None:
    """Keep Pillow from turning a TIFF while it loads: every format is turned in one place."""
    if isinstance(opened, TiffImageFile):  # of a PNG the question alone would load it
        opened.getexif().pop(ORIENTATION, None)
        opened._size = opened._tile_size  # exchanged already, where it lies


def _swapped(options: Any) -> Any:
    """What a decoder is told, the raw mode first, with bytes in the other order."""
    raw, *rest = (options,) if isinstance(options, str) else options
    other = raw[:-1] + OTHER_ORDER[raw[-1]]
    return (other, *rest) if rest else other
