"""A checkpoint that somebody compressed: gzip, bzip2, xz, Zstandard, and tar with or without them.

Unpacked as a stream into one temporary file, never more than weights can shrink by. A tar becomes a
ZIP of the same files, so that what is known of folders (`bundle.py`) holds for both.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
import tarfile
import uuid
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from core.checkpoint.containers.bundle import CHUNK, GROWTH, MAX_FILES, RATIO, STAMP
from core.checkpoint.sniff import BZIP2, GZIP, HEAD_BYTES, MAX_BYTES, TAR, XZ, ZSTD, layer_of
from core.errors import CheckpointError, RefusedError

WINDOW = 2**27  # bytes that Zstandard may look back, as the program zstd allows by itself
DAMAGED = (
    *(EOFError, zlib.error, lzma.LZMAError, tarfile.TarError, struct.error, OSError, ValueError),
)


@contextmanager
def decompressed(path: Path, container: str, folder: Path) -> Iterator[Path]:
    """Unpack one layer into a temporary file.

    Args:
        path: the file.
        container: as `container_of` names it, one of `COMPRESSED`.
        folder: where the temporary file is made.

    Raises:
        CheckpointError: damaged, or nothing here can unpack it.
        RefusedError: it grows more than weights can.
    """
    target = folder / f"{uuid.uuid4().hex}.unpacked"
    try:
        with target.open("wb") as out:
            unpack = _zip_of_tar if container == TAR else _stream
            unpack(path, container, _Limited(out, most_unpacked(path)))
        yield target
    finally:
        target.unlink(missing_ok=True)


def most_unpacked(path: Path) -> int:
    """The bytes that a file of this size may take unpacked."""
    return min(MAX_BYTES, GROWTH + RATIO * path.stat().st_size)


def bytes_inside(path: Path) -> int:
    """What `most_unpacked` allows where the file is compressed; 0 for another one."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    return most_unpacked(path) if layer_of(head) else 0


class _Limited:
    """A file that takes no more than so many bytes."""

    def __init__(self, file: BinaryIO, most: int) -> None:
        self.file, self._most = file, most

    def check(self, size: int) -> None:
        if size > self._most:
            raise RefusedError(
                f"Unpacked, the file takes more than {self._most / 2**20:,.0f} MiB, which weights "
                "never do of so few bytes, or which is over the limit.",
                remedy="Unpack it yourself, and upload the checkpoint that is inside.",
            )


def _stream(path: Path, container: str, out: _Limited) -> None:
    size = 0
    try:
        with OPENERS[container](path) as file:
            while chunk := file.read(CHUNK):
                size += len(chunk)
                out.check(size)
                out.file.write(chunk)
        if not size:
            raise EOFError("nothing is inside")
    except (RefusedError, CheckpointError):
        raise
    except DAMAGED as exc:
        raise _damaged(container, exc) from exc
    except Exception as exc:
        if type(exc).__name__ != "ZstdError":
            raise
        raise _damaged(container, exc) from exc


def _zip_of_tar(path: Path, container: str, out: _Limited) -> None:
    """The same regular files, stored; links and devices stay behind."""
    files = 0
    try:
        with (
            tarfile.open(path, "r:") as archive,
            zipfile.ZipFile(out.file, "w", zipfile.ZIP_STORED) as target,
        ):
            for member in archive:
                files += 1
                if files > MAX_FILES:
                    raise RefusedError(
                        f"The tar has more than {MAX_FILES} files.",
                        remedy="Upload the file with the weights alone.",
                    )
                if (content := archive.extractfile(member) if member.isreg() else None) is None:
                    continue
                out.check(out.file.tell() + member.size)
                info = zipfile.ZipInfo(member.name.removeprefix("./"), STAMP)
                with content, target.open(info, "w", force_zip64=True) as entry:
                    while chunk := content.read(CHUNK):
                        entry.write(chunk)
    except (RefusedError, CheckpointError):
        raise
    except DAMAGED as exc:
        raise _damaged(container, exc) from exc


def _damaged(container: str, reason: Exception) -> CheckpointError:
    return CheckpointError(
        f"The {container} is truncated or damaged: {str(reason)[:160]}.",
        remedy="Make or download it again, and compare its size with the original.",
    )


def _zstd(path: Path) -> Any:
    """By Python itself since 3.14, else by the package `zstandard` where the host has it."""
    try:
        from compression import zstd  # type: ignore[import-not-found, unused-ignore]

        return zstd.open(path)
    except ImportError:
        pass
    try:
        import zstandard
    except ImportError:
        raise CheckpointError(
            "This is a Zstandard archive, which this server cannot unpack.",
            remedy="Unpack it and upload what is inside: unzstd FILE. The host can have it opened "
            "here by installing the package zstandard.",
        ) from None
    reader = zstandard.ZstdDecompressor(max_window_size=WINDOW)
    return reader.stream_reader(path.open("rb"), read_across_frames=True)


OPENERS: dict[str, Callable[[Path], Any]] = {
    GZIP: gzip.open,
    BZIP2: bz2.open,
    XZ: lzma.open,
    ZSTD: _zstd,
}
