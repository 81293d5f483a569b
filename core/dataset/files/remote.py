"""Files behind an address that fsspec understands: a bucket, a web server, a hub."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, BinaryIO

import fsspec

from core.dataset.files.limited import (
    MOST_BYTES,
    MOST_FILES,
    gone,
    is_of_a_system,
    is_safe,
    note_by_name,
    read_limited,
    too_large,
    too_many,
)
from core.dataset.files.listing import Listing
from core.dataset.finding import Noted
from core.errors import DataSetError

BLOCK = 2**18  # bytes that are fetched at a time of a file that is read from its middle


@dataclass(frozen=True)
class RemoteFile:
    """A file below an address."""

    address: str  # of the set, such as "s3://bucket/set"
    name: str  # below it

    def open(self) -> BinaryIO:
        """The file, to read and to seek in; only what is asked for is fetched.

        Raises:
            DataSetError: it is gone, or cannot be reached.
        """
        system, root = system_of(self.address)
        try:
            opened: BinaryIO = system.open(_below(root, self.name), "rb", block_size=BLOCK)
        except Exception as error:  # of whatever client the address asks for
            raise gone(self.name, _reason(error)) from error
        return opened

    def read(self) -> bytes:
        """Its bytes.

        Raises:
            DataSetError: it is gone, cannot be reached, or is too large.
        """
        system, root = system_of(self.address)
        path = _below(root, self.name)
        try:
            size = system.size(path)
            if size is not None and size > MOST_BYTES:
                raise too_large(self.name)
            if size is not None:
                return bytes(system.cat_file(path, start=0, end=size))
            with system.open(path, "rb") as file:
                return read_limited(io.BufferedReader(file), self.name)
        except DataSetError:
            raise
        except Exception as error:  # of whatever client the address asks for
            raise gone(self.name, _reason(error)) from error


def list_remote(address: str) -> Listing:
    """All files below an address, in the order of their names.

    Raises:
        DataSetError: the address is of a kind that is not installed, or cannot be reached, or has
            too many files.
    """
    system, root = system_of(address)
    noted, files = Noted(), []
    for name in _names(system, root, address):
        if is_of_a_system(name) or note_by_name(name, noted):
            continue
        if is_safe(name):
            files.append(RemoteFile(address, name))
        else:
            noted.add("unsafe_name", name[:100])
    return Listing(tuple(sorted(files, key=lambda file: file.name)), noted.findings())


@lru_cache(maxsize=8)
def system_of(address: str) -> tuple[Any, str]:
    """The file system of fsspec for an address, and the path in it.

    Raises:
        DataSetError: it is of a kind that is not installed, or is none.
    """
    try:
        system, root = fsspec.core.url_to_fs(address)
    except (ImportError, ValueError, TypeError) as error:
        raise DataSetError(
            f"{address} cannot be opened: {error}.",
            remedy="Install what it needs (pip install -r requirements-team.txt), or name another.",
        ) from error
    return system, str(root).rstrip("/")


def _names(system: Any, root: str, address: str) -> Iterator[str]:
    """Paths below the address; what a server lists from elsewhere is no part of the set."""
    try:
        system.invalidate_cache()  # of an earlier listing
        found = system.find(root)
    except Exception as error:  # of whatever client the address asks for
        raise DataSetError(
            f"{address} cannot be listed: {_reason(error)}.",
            remedy="Look whether it is there, and whether this server may read it.",
        ) from error
    if len(found) > MOST_FILES:
        raise too_many(MOST_FILES)
    below = f"{root}/"
    return (path[len(below) :] for path in found if path.startswith(below))


def _below(root: str, name: str) -> str:
    return f"{root}/{name}"


def _reason(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:160]
