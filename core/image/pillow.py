"""What Pillow reads: the first frame as it is stored, and whatever is odd about it raises.

The order matters. Pillow loads a picture as a side effect of other questions (EXIF of a PNG is
one), and a second load passes over what the first one stumbled on: pixels come first, and once.
"""

from __future__ import annotations

import io
from dataclasses import replace
from math import sqrt

import numpy as np
import PIL.Image
from PIL.ImageFile import ImageFile

from core.errors import ImageError
from core.image import deep
from core.image.deep import ORIENTATION
from core.image.png import check_png, is_deep_color
from core.image.raster import ImageLimits, Raster

# Pillow's own bomb check is a process-wide warning; ours is the limit below, before decoding.
PIL.Image.MAX_IMAGE_PIXELS = None

COPIED = ("PNG", "JPEG", "WEBP", "BMP")  # formats of which a smaller copy is made (smaller.py)
OPAQUE = 255
GRAY = ("1", "L", "I", "I;16", "I;16B", "I;16L", "I;16N", "F")


def read_with_pillow(content: bytes, kind: str, limits: ImageLimits) -> Raster:
    """Read a file of this format, as Pillow calls it.

    Raises:
        ImageError: it is over a limit, or needs a package that is not here.
        Exception: whatever Pillow raises of a damaged file.
    """
    if kind == "HEIF":
        _know_heif()
    opened = PIL.Image.open(io.BytesIO(content), formats=(kind,))
    check_size(opened.size, limits, copies=kind in COPIED)
    if kind == "PNG":
        check_png(content)
        if is_deep_color(content):
            return _finished(deep.png(content, opened), opened)
    opened.load()
    return _finished(stored(opened), opened)


def check_size(size: tuple[int, int], limits: ImageLimits, *, copies: bool = False) -> None:
    """Refuse what is over a limit, before it is decoded; `copies`: it can be made smaller here."""
    width, height = size
    if width < 1 or height < 1:
        raise ImageError("The picture has no pixels.", remedy="Upload another picture.")
    if width * height > limits.pixels or max(width, height) > limits.side:
        allowed = f"{limits.pixels / 1e6:.0f} megapixels and {limits.side} pixels a side"
        raise too_large(
            f"{width} x {height} pixels", allowed, _fitting(size, limits) if copies else None
        )


def _fitting(size: tuple[int, int], limits: ImageLimits) -> tuple[int, int] | None:
    """Width and height of the largest copy that is allowed; None where none can be made."""
    width, height = size
    if width * height > limits.shrunk:
        return None
    share = min(sqrt(limits.pixels / (width * height)), limits.side / max(width, height))
    return max(1, int(width * share)), max(1, int(height * share))


def too_large(size: str, limit: str, smaller: tuple[int, int] | None = None) -> ImageError:
    """The error for what is over a limit; `smaller` is the size of a copy that is not."""
    fits = f" {smaller[0]} x {smaller[1]} fits." if smaller else ""
    return ImageError(
        f"The picture is too large: {size}; at most {limit} are allowed.{fits}",
        remedy="Upload a smaller version, or a crop of it.",
        smaller=smaller,
    )


def stored(opened: ImageFile) -> Raster:
    """The numbers of a loaded picture."""
    made = Raster(np.empty((1, 1)), str(opened.format), opened.mode)
    if opened.mode == "P":
        return replace(made, values=np.array(opened), palette=_palette(opened))
    if opened.has_transparency_data and opened.mode not in ("I;16", "I", "F"):
        return replace(made, values=np.array(opened.convert("RGBA")), alpha=True)
    if opened.mode in GRAY:
        return replace(made, values=_native(np.array(opened)))
    return replace(made, values=np.array(opened.convert("RGB")))


def _palette(opened: ImageFile) -> np.ndarray:
    """UInt8[n 4]: what Pillow makes of each index, its transparency included."""
    colors = opened.getpalette("RGB") or []
    count = max(len(colors) // 3, int(np.array(opened).max()) + 1)
    indices = PIL.Image.fromarray(np.arange(count, dtype=np.uint8)[None])
    indices.putpalette(colors, "RGB")
    table: np.ndarray = np.array(indices.convert("RGBA"))[0]
    clear = opened.info.get("transparency")
    if isinstance(clear, int):
        table[clear : clear + 1, 3] = 0
    elif isinstance(clear, bytes):
        table[: len(clear), 3] = np.frombuffer(clear, np.uint8)[:count]
    elif opened.palette is not None and opened.palette.mode == "RGBA":
        rgba = np.array(opened.getpalette("RGBA"), np.uint8).reshape(-1, 4)
        table[: len(rgba)] = rgba[:count]
    return table


def _native(values: np.ndarray) -> np.ndarray:
    """Numbers in the byte order of this machine."""
    native: np.ndarray = values.astype(values.dtype.newbyteorder("="), copy=False)
    return native


def _finished(read: Raster, opened: ImageFile) -> Raster:
    """What is asked once the pixels are there; counting frames would take the whole file."""
    several = bool(getattr(opened, "is_animated", False))
    return replace(read, several=several, orientation=orientation_of(opened))


def orientation_of(opened: ImageFile) -> int:
    """EXIF orientation 1..8 of a loaded picture; 1 where nothing says so."""
    try:
        return int(opened.getexif().get(ORIENTATION, 1))
    except Exception:  # broken EXIF is no reason to refuse the picture, whose pixels are read
        return 1


def _know_heif() -> None:
    try:
        import pillow_heif
    except ImportError as error:
        raise ImageError(
            "The file is a HEIC picture, for which a package is missing on this server.",
            remedy="Save it as PNG or JPEG, or let the host install it:",
            code="pip install pillow-heif",
        ) from error
    pillow_heif.register_heif_opener()
