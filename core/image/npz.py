"""Several arrays of NumPy in a ZIP, as `np.savez` writes them: the first that is a picture."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace

from core.errors import ImageError
from core.image.npy import read_npy
from core.image.pillow import too_large
from core.image.raster import ImageLimits, Raster

LOCAL_HEADER = 30  # bytes before the name of the first file (APPNOTE.TXT, 4.3.7)
MOST = 64  # arrays that are looked at


def is_npz(content: bytes) -> bool:
    """Whether the first file in a ZIP is an array."""
    length = int.from_bytes(content[26:28], "little")
    name = content[LOCAL_HEADER : LOCAL_HEADER + length]
    return content.startswith(b"PK\x03\x04") and name.endswith(b".npy")


def read_npz(content: bytes, limits: ImageLimits) -> Raster:
    """Read the first array that can be a picture; a note names it where there are others.

    Raises:
        ImageError: none can, or one is over a limit.
        Exception: whatever zipfile raises of a damaged file.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        infos = [info for info in archive.infolist() if info.filename.endswith(".npy")][:MOST]
        refused: ImageError | None = None
        for info in infos:
            if info.file_size > limits.unpacked:
                raise too_large(f"{info.file_size / 2**20:.0f} MiB", "512 MiB")
            try:
                return _told(read_npy(archive.read(info), limits), info.filename, len(infos))
            except ImageError as error:
                refused = refused or error
    raise refused or ImageError(
        "The .npz file holds no array.", remedy="Save one: np.savez(path, mask=labels)"
    )


def _told(read: Raster, name: str, count: int) -> Raster:
    title = name.removesuffix(".npy")[:40]
    others = f"; {count - 1} more in the file" if count > 1 else ""
    return replace(read, format="NPZ", notes=(*read.notes, f"array {title!r}{others}"))
