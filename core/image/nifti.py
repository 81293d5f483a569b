"""NIfTI: one slice of a volume of medicine, with the numbers that it stands for.

A slice across the third axis has the second one as rows and the first one as columns, as SimpleITK
and nnU-Net hand it out; nothing is turned by the file's orientation.
"""

from __future__ import annotations

import zlib
from importlib import import_module
from typing import Any

import numpy as np

from core.errors import ImageError
from core.image.pillow import check_size, too_large
from core.image.png import DamagedError
from core.image.raster import ImageLimits, Raster

GZIP = b"\x1f\x8b"
HEADER = 352  # bytes: the header of NIfTI-1, and the four behind it
SIZES = {b"\x5c\x01\0\0": 1, b"\0\0\x01\x5c": 1, b"\x1c\x02\0\0": 2, b"\0\0\x02\x1c": 2}
MIDDLE = (3, 0)  # the axis that is cut, from 1; the place on it, from 1, or 0 for the middle
COLORS = ("R", "G", "B", "A")  # fields of the types for color
NAMES = "xyz"


def is_nifti(content: bytes) -> bool:
    """Whether these are the bytes of a volume in one file, packed with gzip or not."""
    return _version(_beginning(content)) > 0


def read_nifti(content: bytes, limits: ImageLimits, cut: tuple[int, int] = MIDDLE) -> Raster:
    """Read one slice.

    Args:
        content: the file.
        limits: what it may be at most.
        cut: which axis is cut, and where; a place behind the last one is the last.

    Raises:
        ImageError: nibabel is missing, or the file is over a limit.
        Exception: whatever nibabel raises of a damaged file.
    """
    volume = _opened(_unpacked(content, limits))
    shape = tuple(int(side) for side in volume.header.get_data_shape())
    if not 2 <= len(shape) <= 7 or min(shape) < 1:
        raise DamagedError(f"a volume of the shape {shape}")
    sides = (*shape, 1)[:3]
    axis, index = _place(sides, cut)
    width, height = (side for number, side in enumerate(sides) if number != axis)
    check_size((width, height), limits)
    at: list[Any] = [slice(None)] * min(3, len(shape)) + [0] * max(0, len(shape) - 3)
    if len(shape) > 2:
        at[axis] = index
    values = _plain(np.asarray(volume.dataobj[tuple(at)])).swapaxes(0, 1)
    return Raster(
        np.ascontiguousarray(values),
        "NIFTI",
        f"{values.dtype.name} {' x '.join(map(str, shape))}",
        notes=tuple(_notes(shape, sides, axis, index)),
        volume=sides,
        cut=(axis + 1, index + 1),
    )


def _notes(shape: tuple[int, ...], sides: tuple[int, ...], axis: int, index: int) -> list[str]:
    columns, rows = (NAMES[number] for number in range(3) if number != axis)
    notes = [
        f"slice {index + 1} of {sides[axis]} across {NAMES[axis]}: rows are {rows}, columns "
        f"{columns}, as stored"
    ]
    if any(side > 1 for side in shape[3:]):
        notes.append(f"the first of {' x '.join(map(str, shape[3:]))} volumes")
    return notes


def _place(sides: tuple[int, ...], cut: tuple[int, int]) -> tuple[int, int]:
    """Axis and index, both from 0."""
    axis, place = min(max(cut[0], 1), 3) - 1, cut[1]
    middle = sides[axis] // 2
    return axis, min(place - 1, sides[axis] - 1) if place > 0 else middle


def _plain(values: np.ndarray) -> np.ndarray:
    """Numbers [w h], or colors [w h c]."""
    if values.dtype.names is None:
        return values.astype(values.dtype.newbyteorder("="), copy=False)
    return np.stack([values[name] for name in COLORS if name in values.dtype.names], axis=-1)


# --- the file -------------------------------------------------------------------------------------


def _beginning(content: bytes) -> bytes:
    """The header's bytes; of a packed file that much and no more is unpacked."""
    if not content.startswith(GZIP):
        return content[:HEADER]
    try:
        return zlib.decompressobj(31).decompress(content[: HEADER * 16], HEADER)  # 31: gzip
    except zlib.error:
        return b""


def _version(header: bytes) -> int:
    """1 or 2 by the header's size and its magic; 0 for anything else."""
    version = SIZES.get(header[:4], 0)
    magic = {1: header[344:347], 2: header[4:7]}.get(version, b"")
    return version if magic == f"n+{version}".encode() else 0


def _unpacked(content: bytes, limits: ImageLimits) -> bytes:
    if not content.startswith(GZIP):
        return content
    unpacker = zlib.decompressobj(31)
    whole = unpacker.decompress(content, limits.unpacked)
    if unpacker.unconsumed_tail:
        raise too_large(
            f"more than {limits.unpacked / 2**20:.0f} MiB unpacked",
            f"{limits.unpacked / 2**20:.0f} MiB",
        )
    return whole


def _opened(content: bytes) -> Any:
    try:
        library: Any = import_module("nibabel")
    except ImportError as error:
        raise ImageError(
            "This is a NIfTI volume, and the package that reads it is missing on this server.",
            remedy='Save the slice as PNG or .npy, or let the host install the extra "medical":',
            code="pip install nibabel",
        ) from error
    kind = library.Nifti1Image if _version(content[:HEADER]) == 1 else library.Nifti2Image
    return kind.from_bytes(content)
