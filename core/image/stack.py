"""Several files that are one picture: nnU-Net's `_0000`, `_0001`, a satellite's band for each file.

They are kept as one file: a ZIP, not compressed, whose first entry says that it is one.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import PurePath

import numpy as np

from core.errors import ImageError
from core.image.npy import MAX_BANDS
from core.image.pillow import too_large
from core.image.raster import ImageLimits, Raster

MARK = "maskscope-bands"  # the name of the first entry
LOCAL_HEADER = 30  # bytes before the name of the first file (APPNOTE.TXT, 4.3.7)
STAMP = (1980, 1, 1, 0, 0, 0)  # the same for all, so that the same files give the same bytes
KINDS = ("PNG", "JPEG", "BMP", "TIFF", "JPEG2000", "NPY", "NIFTI")  # whose numbers are bands
REMEDY = (
    "Choose files of one kind and size together: one for each band, gray or with bands of its own."
)
Members = Sequence[tuple[str, bytes]]


def pack(files: Members) -> bytes:
    """Put the files of one picture into one, in the order that is given.

    Args:
        files: name and content of each.
    """
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo(MARK, STAMP), "")
        for name, content in files:
            archive.writestr(zipfile.ZipInfo(PurePath(name).name, STAMP), content)
    return target.getvalue()


def is_stack(content: bytes) -> bool:
    """Whether a ZIP is one that `pack` made."""
    length = int.from_bytes(content[26:28], "little")
    name = content[LOCAL_HEADER : LOCAL_HEADER + length]
    return content.startswith(b"PK\x03\x04") and name == MARK.encode()


def members_of(content: bytes, limits: ImageLimits) -> Members:
    """The files in it, in their order.

    Raises:
        ImageError: there are none, or too many or too large ones.
        Exception: whatever zipfile raises of a damaged file.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        infos = [info for info in archive.infolist() if info.filename != MARK]
        if not infos:
            raise ImageError("There is no file in the stack of bands.", remedy=REMEDY)
        if len(infos) > MAX_BANDS:
            raise too_large(f"{len(infos)} files", f"{MAX_BANDS}")
        size = sum(info.file_size for info in infos)
        if size > limits.unpacked:
            raise too_large(f"{size / 2**20:.0f} MiB", f"{limits.unpacked / 2**20:.0f} MiB")
        return [(info.filename, archive.read(info)) for info in infos]


def read_stack(
    content: bytes,
    limits: ImageLimits,
    kind_of: Callable[[bytes], str | None],
    read: Callable[[bytes, str], Raster],
) -> Raster:
    """Read every file, and lay their bands one behind the other.

    Args:
        content: what `pack` made.
        limits: what the picture may be at most.
        kind_of: names the format of a file.
        read: reads one of that format.

    Raises:
        ImageError: they are not of one kind and size, or have no bands.
        Exception: whatever a decoder raises of a damaged file.
    """
    files = members_of(content, limits)
    kinds = {kind_of(each) for _, each in files}
    if len(kinds) > 1 or not kinds <= set(KINDS):
        told = ", ".join(sorted(kind or "no picture" for kind in kinds))
        raise ImageError(f"The files of one picture are of the kinds {told}.", remedy=REMEDY)
    (kind,) = kinds
    rasters: list[Raster] = []
    total = 0
    for name, each in files:
        raster = read(each, str(kind))
        _check(raster, name, rasters[0] if rasters else raster, files[0][0])
        total += raster.values.nbytes
        if total > limits.unpacked:
            raise too_large(f"{total / 2**20:.0f} MiB", f"{limits.unpacked / 2**20:.0f} MiB")
        rasters.append(raster)
    return _joined(rasters, [name for name, _ in files], str(kind))


def _check(raster: Raster, name: str, first: Raster, first_name: str) -> None:
    """Refuse what is no band of the same picture.

    Raises:
        ImageError: it has another size, a palette, opacity, or lies on its side.
    """
    if raster.size != first.size:
        width, height = raster.size
        raise ImageError(
            f"{name} has {width} x {height} pixels, {first_name} {first.size[0]} x "
            f"{first.size[1]}: they are no bands of one picture.",
            remedy=REMEDY,
        )
    odd = {"a palette": raster.palette is not None, "opacity": raster.alpha,
           "an EXIF orientation": raster.orientation != 1}  # fmt: skip
    if had := next((what for what, is_so in odd.items() if is_so), ""):
        raise ImageError(f"{name} has {had}, and so is no band of a picture.", remedy=REMEDY)


def _joined(rasters: Sequence[Raster], names: Sequence[str], kind: str) -> Raster:
    parts = [r.values[..., None] if r.values.ndim == 2 else r.values for r in rasters]
    values = np.concatenate(parts, axis=-1)
    if values.shape[-1] > MAX_BANDS:
        raise too_large(f"{values.shape[-1]} bands", f"{MAX_BANDS}")
    mode = f"{kind} in {len(names)} files, {values.shape[-1]} bands"
    places, first = [], 1
    for name, part in zip(names, parts, strict=True):
        last = first + part.shape[-1] - 1
        places.append(f"{first}{f' to {last}' if last > first else ''}: {name}")
        first = last + 1
    notes = (f"bands {'; '.join(places)}", *rasters[0].notes)
    return replace(
        rasters[0],
        values=values if values.shape[-1] > 1 else values[..., 0],
        format="STACK",
        mode=mode,
        notes=notes,
        several=any(r.several for r in rasters),
    )
