"""Uploaded files by their SHA-256, on disk, so that a reloaded address finds them again."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from core.errors import InspectionError

CHUNK = 2**20  # bytes read at a time, so that a large file is never copied whole
DEFAULT_MAX_BYTES = 4 * 2**30  # all files together; the least recently used go first
DIGEST = re.compile(r"[0-9a-f]{64}")


class MissingFileError(InspectionError):
    """A link names a file that this server does not have (any more)."""


class Store:
    """A folder of files named by their digest; `<digest>.name` beside each: the user's name."""

    def __init__(self, folder: Path, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        """Args: folder, made if missing; max_bytes, of all files together."""
        self._folder, self._max_bytes = folder, max_bytes
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def put(self, source: BinaryIO, name: str) -> str:
        """Keep a file; return its SHA-256 as 64 hexadecimal digits."""
        digest = hashlib.sha256()
        with tempfile.NamedTemporaryFile(dir=self._folder, delete=False) as file:
            try:
                for chunk in _chunks(source):
                    digest.update(chunk)
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            except BaseException:
                os.unlink(file.name)
                raise
        key = digest.hexdigest()
        (self._folder / f"{key}.name").write_text(name[:200], encoding="utf-8")
        os.replace(file.name, self._folder / key)
        forget_oldest(self._folder, "?" * len(key), self._max_bytes, keep=key)
        return key

    def path(self, digest: str) -> Path:
        """Where the file is; using it makes it the most recent one.

        Raises:
            MissingFileError: no such file, or a name that is no digest.
        """
        path = self._folder / digest
        if not DIGEST.fullmatch(digest) or not path.exists():
            raise MissingFileError(
                "This address points to an upload that this server does not have (any more).",
                remedy="Upload the file again, or go on with the example.",
            )
        os.utime(path)
        return path

    def name(self, digest: str) -> str:
        """What the user called the file."""
        return self.path(digest).with_suffix(".name").read_text(encoding="utf-8")


def forget_oldest(folder: Path, pattern: str, max_bytes: int, *, keep: str) -> None:
    """Delete the least recently used files until the others fit.

    Args:
        folder: where they are.
        pattern: of the files that count; what has the same stem goes with them.
        max_bytes: of all that count together.
        keep: the name of the one that stays whatever its size.
    """
    files = sorted(folder.glob(pattern), key=lambda path: path.stat().st_mtime)
    total = sum(path.stat().st_size for path in files)
    for path in files:
        if total <= max_bytes:
            return
        if path.name != keep:
            total -= path.stat().st_size
            for part in (path, *folder.glob(f"{path.stem}.*")):
                part.unlink(missing_ok=True)


def _chunks(source: BinaryIO) -> Iterator[bytes]:
    while chunk := source.read(CHUNK):
        yield chunk
