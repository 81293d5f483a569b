"""A stream to a file on disk, hashed on the way: the only copy, and gone if it is not taken."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from core.errors import StoreFullError

CHUNK = 2**20  # bytes read at a time, so that a large file is never held whole


@dataclass(frozen=True)
class Piece:
    """A whole file that is on disk, and not yet anybody's."""

    path: Path
    digest: str  # SHA-256, 64 hexadecimal digits
    size: int  # bytes


@contextmanager
def spooled(folder: Path, source: BinaryIO, max_bytes: int) -> Iterator[Piece]:
    """Write a stream into `folder` and let the caller move it away; what stays is deleted.

    Args:
        folder: on the file system that the file shall be moved within.
        source: read once, in chunks.
        max_bytes: where reading ends with an error.

    Raises:
        StoreFullError: the stream is longer.
    """
    with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
        path = Path(file.name)
        try:
            digest = hashlib.sha256()
            for chunk in chunks(source):
                digest.update(chunk)
                file.write(chunk)
                if file.tell() > max_bytes:
                    raise too_large(max_bytes)
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        except BaseException:
            path.unlink()
            raise
    try:
        yield Piece(path, digest.hexdigest(), size)
    finally:
        path.unlink(missing_ok=True)


def chunks(source: BinaryIO) -> Iterator[bytes]:
    """The bytes of a stream, a piece at a time."""
    while chunk := source.read(CHUNK):
        yield chunk


def too_large(max_bytes: int) -> StoreFullError:
    """What to say of a file that would not fit into an empty store."""
    return StoreFullError(
        f"This file is larger than all that the server keeps together ({gigabytes(max_bytes)}).",
        remedy="Upload a smaller file, or have the host raise MASKSCOPE_QUOTA_GB.",
    )


def gigabytes(count: int) -> str:
    """Bytes for people."""
    return f"{count / 1e9:.3g} GB"
