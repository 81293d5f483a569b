"""The one door for every picture's bytes: to a Raster, or to one sentence about what is wrong.

It decodes in this process, which is right for files of our own and for those that have come in by
`guarded.py` before.
"""

from __future__ import annotations

from collections.abc import Callable

from core.errors import ImageError
from core.image.nifti import MIDDLE, read_nifti
from core.image.npy import read_npy
from core.image.npz import read_npz
from core.image.pillow import read_with_pillow, too_large
from core.image.raster import ImageLimits, Raster
from core.image.smaller import shrunk
from core.image.sniff import format_of, no_picture
from core.image.stack import read_stack
from core.image.tiff import read_tiff

Reader = Callable[[bytes], Raster]
LIMITS = ImageLimits()


def read_raster(
    content: bytes, limits: ImageLimits = LIMITS, cut: tuple[int, int] = MIDDLE
) -> Raster:
    """Read the first frame of a picture's file, or a slice of a volume's.

    Args:
        content: the file, of one of the formats of `sniff.py`.
        limits: what the picture may be at most.
        cut: of a volume: across which axis, and which slice, from 1; 0 is the middle one.

    Raises:
        ImageError: it cannot be decoded, or is over a limit. Nothing else is raised.
    """
    return _guarded(content, limits, lambda kind: _read(content, kind, limits, cut))


def read_smaller(content: bytes, size: tuple[int, int], limits: ImageLimits = LIMITS) -> Raster:
    """A smaller copy of a picture that is too large, of 8 bits and as it is to be seen.

    Args:
        content: the file.
        size: width and height of the copy, as the error says; exchanged for one on its side.
        limits: what a file may be at most.

    Raises:
        ImageError: it cannot be decoded, or no copy of such a picture is made.
    """
    return _guarded(content, limits, lambda kind: shrunk(content, kind, size))


def _guarded(content: bytes, limits: ImageLimits, read: Callable[[str], Raster]) -> Raster:
    check_bytes(content, limits)
    kind = format_of(content)
    if kind is None:
        raise no_picture(content)
    try:
        return read(kind)
    except ImageError:
        raise
    except MemoryError as error:
        raise ImageError(
            "Decoding the picture takes too much memory.", remedy="Upload a smaller version of it."
        ) from error
    except Exception as error:  # foreign decoders raise anything
        raise damaged() from error


def check_bytes(content: bytes, limits: ImageLimits) -> None:
    """Refuse what need not be looked at."""
    if not content:
        raise ImageError("The file is empty.", remedy="Upload the picture again.")
    if len(content) > limits.num_bytes:
        raise too_large(f"{len(content) / 2**20:.0f} MiB", f"{limits.num_bytes / 2**20:.0f} MiB")


def damaged() -> ImageError:
    """The error for a file that its decoder stumbles on."""
    return ImageError(
        "The picture cannot be decoded; the file is damaged or not complete.",
        remedy="Save or download it again, then upload it once more.",
    )


def _read(content: bytes, kind: str, limits: ImageLimits, cut: tuple[int, int]) -> Raster:
    if kind == "NIFTI":
        return read_nifti(content, limits, cut)
    if kind == "TIFF":
        return read_tiff(content, limits)
    if kind == "NPY":
        return read_npy(content, limits)
    if kind == "STACK":
        return read_stack(content, limits, format_of, lambda each, of: _read(each, of, limits, cut))
    if kind == "NPZ":
        return read_npz(content, limits)
    return read_with_pillow(content, kind, limits)
