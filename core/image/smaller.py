"""A smaller copy of a picture that is too large to be taken as it is."""

from __future__ import annotations

import io

import numpy as np
import PIL.Image

from core.errors import ImageError
from core.image.pillow import COPIED, orientation_of
from core.image.png import check_png, is_deep_color
from core.image.raster import Raster

MODES = {"L": "L", "P": "RGB", "RGB": "RGB", "RGBA": "RGBA", "CMYK": "RGB"}  # kept as; of 8 bits
TURNED = {  # by EXIF orientation
    2: PIL.Image.Transpose.FLIP_LEFT_RIGHT,
    3: PIL.Image.Transpose.ROTATE_180,
    4: PIL.Image.Transpose.FLIP_TOP_BOTTOM,
    5: PIL.Image.Transpose.TRANSPOSE,
    6: PIL.Image.Transpose.ROTATE_270,
    7: PIL.Image.Transpose.TRANSVERSE,
    8: PIL.Image.Transpose.ROTATE_90,
}


def shrunk(content: bytes, kind: str, size: tuple[int, int]) -> Raster:
    """Decode a picture of 8 bits at a smaller size.

    Args:
        content: the file.
        kind: its format.
        size: width, height.

    Raises:
        ImageError: no copy of such a picture is made.
        Exception: whatever Pillow raises of a damaged file.
    """
    opened = PIL.Image.open(io.BytesIO(content), formats=(kind,)) if kind in COPIED else None
    if opened is None or opened.mode not in MODES or (kind == "PNG" and is_deep_color(content)):
        raise ImageError(
            "No smaller copy of a picture of this kind is made here.",
            remedy="Make one in another program, and upload it.",
        )
    if kind == "PNG":
        check_png(content)
    mode, lies = MODES[opened.mode], _lying_as(opened.size, size)
    opened.draft(None, lies)  # a JPEG is decoded at a half, a quarter or an eighth
    opened.load()
    turn = TURNED.get(orientation_of(opened))
    kept = opened if opened.mode == mode else opened.convert(mode)
    small = kept.resize(lies, PIL.Image.Resampling.BILINEAR, reducing_gap=2.0)
    small = small if turn is None else small.transpose(turn)
    return Raster(np.asarray(small), kind, mode, alpha=mode == "RGBA")


def _lying_as(lies: tuple[int, int], size: tuple[int, int]) -> tuple[int, int]:
    """The size as the file lies, which may be on its side."""
    return size if (lies[0] > lies[1]) == (size[0] > size[1]) else (size[1], size[0])
