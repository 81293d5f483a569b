"""Files that are there whole or not at all, in a folder that one process holds."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from core.errors import StoreError


def alone(folder: Path) -> BinaryIO:
    """Hold the folder until the file is closed, also by the end of the process.

    Where the system has no such locks (Windows), nothing is held.
    """
    file = (folder / "lock").open("wb")
    try:
        import fcntl
    except ImportError:
        return file
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise StoreError(
            f"Another process computes this sweep in {folder} just now.",
            remedy="Wait for its end, or name another folder.",
        ) from error
    return file


@contextlib.contextmanager
def told(folder: Path) -> Iterator[None]:
    """What the disk refuses, as a sentence."""
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise StoreError(
            f"The rows of the sweep cannot be kept in {folder}: {why}.",
            remedy="Make room there or name another folder; finished pictures are not lost.",
        ) from error


@contextlib.contextmanager
def appearing(target: Path) -> Iterator[Path]:
    """A path to write to; what was written appears under its name at the end, whole."""
    path = target.with_name(f".{target.name}.new")
    yield path
    with path.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(path, target)


def write_whole(target: Path, content: bytes) -> None:
    """Write a file that is there whole, or as it was before."""
    with appearing(target) as path:
        path.write_bytes(content)
