"""TIFF: what Pillow reads as it is stored, and what needs another reading.

Pillow halves colors of 16 bits, takes a fourth band for opacity where nothing says so, drops one
that is declared as "unspecified", and knows neither colors in floats nor planes. Bands are bands
here unless the file says "alpha" and the band looks like it.
"""

from __future__ import annotations

import io
import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import PIL.Image
from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from core.errors import ImageError
from core.image import deep
from core.image.deep import ORIENTATION
from core.image.pillow import check_size, stored, too_large
from core.image.png import DamagedError
from core.image.raster import ImageLimits, Raster

if TYPE_CHECKING:  # loads where a file needs it
    from tifffile import TiffFrame, TiffPage

# What it thinks of a file is not for the terminal.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

UINT, INT, FLOAT = 1, 2, 3  # tag SampleFormat
GRAY_IN_PILLOW = {(8, UINT), (16, UINT), (16, INT), (32, INT), (32, FLOAT)}
WHOLE = (8, 16, 32, 64)  # bits of a sample that is a number of NumPy
# Tag Compression, of what Pillow's own decoders and libtiff know wherever they are built.
BY_PILLOW = (1, 2, 3, 4, 5, 6, 7, 8, 32773, 32946, 34925, 50000)
YCBCR = 6  # tag PhotometricInterpretation
# Tags: of DNG (its version), the camera's maker, and GDAL's text for "no data".
DNG, MAKER, NO_DATA = 50706, 271, 42113
ASSOCIATED, STRAIGHT = 1, 2  # tag ExtraSamples: opacity, colors multiplied by it or not
EXTREME_SHARE = 0.5  # of an alpha channel is fully clear or opaque; of a band, next to nothing
SIZES = {"width": 256, "height": 257, "compression": 259, "photometric": 262, "planes": 284}


@dataclass(frozen=True)
class Layout:
    """How samples are stored, as the tags of the first frame say."""

    width: int
    height: int
    compression: int  # 1: none
    photometric: int  # 0, 1: gray; 2: RGB; 3: palette; 5: CMYK; 6: YCbCr
    planes: int  # 1: the samples of a pixel side by side; 2: one plane after the other
    samples: int  # of a pixel
    bits: int  # of a sample; 0 where they differ
    kind: int  # UINT, INT or FLOAT
    extra: tuple[int, ...]
    several: bool  # frames follow
    orientation: int = 1  # as in EXIF, 1..8
    no_data: float | None = None  # the number that stands for "nothing measured here"
    is_raw: bool = False  # of a camera: the first frame is a small preview

    @property
    def is_bands(self) -> bool:
        """Whether samples are brightness: neither indices nor inks."""
        return self.photometric in (0, 1, 2)


def read_tiff(content: bytes, limits: ImageLimits) -> Raster:
    """Read the first frame.

    Raises:
        ImageError: it is over a limit, or needs a package that is not here.
        Exception: whatever the decoder raises of a damaged file.
    """
    layout = _layout(content)
    if layout.is_raw:
        raise camera_raw()
    check_size((layout.width, layout.height), limits)
    if _is_four(layout) or (_is_deep(layout) and layout.samples == 3):
        return _with_pillow(content, layout)
    by_others = layout.compression not in BY_PILLOW and layout.photometric in (0, 1, 2, YCBCR)
    if by_others or (layout.is_bands and layout.bits in WHOLE and not _fits_pillow(layout)):
        return _with_tifffile(content, layout, limits)
    opened = _opened(content)
    check_size(opened.size, limits)
    opened.load()
    return _finished(stored(opened), layout)


def _opened(content: bytes) -> ImageFile:
    opened = PIL.Image.open(io.BytesIO(content), formats=("TIFF",))
    deep.as_stored(opened)
    return opened


def _layout(content: bytes) -> Layout:
    is_big = 43 in content[2:4]
    tags = ImageFileDirectory_v2(content[: 16 if is_big else 8])
    file = io.BytesIO(content)
    file.seek(tags.next)
    tags.load(file)
    sizes = {name: int(tags.get(tag, 1)) for name, tag in SIZES.items()}
    samples = int(tags.get(277, 1))
    bits, kinds = tags.get(258, (1,)), tags.get(339, (UINT,))
    alike = len(set(bits)) == 1 and len(set(kinds)) == 1 and len(bits) in (1, samples)
    return Layout(
        **sizes,
        samples=samples,
        bits=bits[0] if alike else 0,
        kind=kinds[0],
        extra=tuple(tags.get(338, ())),
        several=tags.next != 0,
        orientation=_one_of_eight(tags.get(ORIENTATION, 1)),
        no_data=_number(tags.get(NO_DATA)),
        is_raw=content[8:10] == b"CR" or DNG in tags or (MAKER in tags and tags.get(254, 0) == 1),
    )


def _one_of_eight(value: Any) -> int:
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _number(text: Any) -> float | None:
    """What GDAL writes as a text: "-9999"."""
    try:
        return float(str(text).strip("\0 "))
    except ValueError:
        return None


def camera_raw() -> ImageError:
    """The error for a camera's raw file, whose colors its maker's program has to make."""
    return ImageError(
        "The file is a camera's raw picture (CR2, NEF, ARW, DNG, ...), which holds no colors yet.",
        remedy="Develop it with the camera's program (or rawpy), save it as PNG or TIFF, and "
        "upload that: as the network's training pictures were made.",
    )


def _is_deep(layout: Layout) -> bool:
    plain = (layout.bits, layout.kind, layout.planes) == (16, UINT, 1)
    return plain and layout.photometric == 2


def _is_four(layout: Layout) -> bool:
    """RGB and one more sample, which Pillow decodes as RGBA whatever it is."""
    plain = layout.bits in (8, 16) and layout.kind == UINT and layout.planes == 1
    four = layout.samples == 4 and layout.extra[:1] != (ASSOCIATED,)
    return plain and four and layout.photometric == 2


def _fits_pillow(layout: Layout) -> bool:
    if layout.samples == 1:
        return layout.bits < 8 or (layout.bits, layout.kind) in GRAY_IN_PILLOW
    known = layout.samples == 3 or (layout.samples, layout.extra) in ((2, (STRAIGHT,)), (4, (1,)))
    return known and layout.bits == 8 and layout.kind == UINT


def _finished(read: Raster, layout: Layout) -> Raster:
    return replace(
        read, several=layout.several, orientation=layout.orientation, no_data=layout.no_data
    )


# --- by Pillow, without what it leaves out --------------------------------------------------------


def _with_pillow(content: bytes, layout: Layout) -> Raster:
    """Three or four samples of 8 or 16 bits."""
    opened = _opened(content)
    if layout.samples == 4:
        _keep_fourth(opened)
    values = deep.both_bytes(content, opened) if layout.bits == 16 else np.array(opened)
    return _finished(_of_bands(values, layout), layout)


def _keep_fourth(opened: ImageFile) -> None:
    """Let all four samples be unpacked, also the one that is "unspecified"."""
    opened._mode = "RGBA"
    opened.tile = [tile._replace(args=_with_fourth(tile.args)) for tile in opened.tile]


def _with_fourth(options: Any) -> Any:
    raw, *rest = options
    return (raw.replace("RGBX", "RGBA"), *rest)


def _of_bands(values: np.ndarray, layout: Layout) -> Raster:
    """What the samples are: colors, opacity where it is declared and looks like it, or bands."""
    count = 1 if values.ndim == 2 else values.shape[2]
    notes: tuple[str, ...] = ()
    alpha = count in (2, 4) and layout.extra[-1:] in ((ASSOCIATED,), (STRAIGHT,))
    if alpha and not _is_opacity(values[..., -1]):
        notes = (f"band {count} is declared as opacity but does not look like it: taken as a band",)
        alpha = False
    named = {1: "gray", 3: "RGB", 4: "RGBA" if alpha else ""}.get(count) or f"{count} bands"
    mode = named if values.dtype == np.uint8 else f"{named};{values.dtype.itemsize * 8}"
    return Raster(values, "TIFF", mode, alpha=alpha, notes=notes)


def _is_opacity(band: np.ndarray) -> bool:
    """Most pixels of an alpha channel are fully clear or fully opaque; some are opaque."""
    full = 1 if band.dtype.kind == "f" else np.iinfo(band.dtype).max
    opaque = band == full
    return bool(opaque.any() and (opaque | (band == 0)).mean() >= EXTREME_SHARE)


# --- by tifffile ----------------------------------------------------------------------------------


def _with_tifffile(content: bytes, layout: Layout, limits: ImageLimits) -> Raster:
    from tifffile import TiffFile

    with TiffFile(io.BytesIO(content)) as file:
        page = file.pages[0]
        if page.nbytes > limits.unpacked:
            raise too_large(
                f"{page.nbytes / 2**20:.0f} MiB of samples", f"{limits.unpacked / 2**20:.0f} MiB"
            )
        if layout.compression == 1 and sum(page.databytecounts) < page.nbytes:
            raise DamagedError("there are fewer samples than the tags say")
        values, axes = _samples(page), page.axes
    if axes == "SYX":
        values = np.ascontiguousarray(np.moveaxis(values, 0, -1))
    elif axes not in ("YX", "YXS"):
        raise DamagedError(f"the samples are arranged as {axes}")
    found = (values.dtype.itemsize * 8, *values.shape[:2])
    if found != (layout.bits, layout.height, layout.width):
        raise DamagedError("tags contradict each other")
    return _finished(_of_bands(values, layout), layout)


def _samples(page: TiffPage | TiffFrame) -> np.ndarray:
    try:
        return page.asarray()
    except ValueError as error:
        if "imagecodecs" not in str(error):
            raise
        raise ImageError(
            "The TIFF is compressed in a way for which a package is missing on this server.",
            remedy="Save it uncompressed or with deflate, or let the host install it:",
            code="pip install imagecodecs",
        ) from error
