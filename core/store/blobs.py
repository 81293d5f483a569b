"""Files under their SHA-256, in a folder or in a bucket; written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import fsspec

from core.errors import StoreError
from core.recent import forget_oldest
from core.store.spool import Piece, chunks, spooled

CACHE_BYTES = 8 * 2**30  # of a bucket's files, kept here because weights are mapped from the disk
BUCKETS = ("s3", "s3a", "gs", "gcs", "az", "abfs")  # whose objects appear whole or not at all
S3_OPTIONS = {
    "use_listings_cache": False,  # another replica writes too
    "max_concurrency": 1,  # parts of 50 MB in memory at a time, whatever the file's size
}


class Blobs(Protocol):
    """Where files are. A digest is always 64 hexadecimal digits: the caller has looked."""

    def send(self, piece: Piece) -> None:
        """Do what is slow of keeping a file, outside the lock; `settle` follows."""

    def settle(self, piece: Piece) -> None:
        """Make the file durable under its digest; called under the database's lock."""

    def path(self, digest: str) -> Path:
        """A local file with these bytes; FileNotFoundError where there is none."""

    def read(self, digest: str) -> Iterator[bytes]:
        """The stored bytes themselves; FileNotFoundError where there are none."""

    def delete(self, digest: str) -> None:
        """Take the file away, if it is there."""

    def all(self) -> Iterator[str]:
        """The names of all files."""

    def look(self) -> None:
        """Raise an error where the files cannot be reached: none are there by mistake then."""


def open_blobs(url: str, folder: Path) -> Blobs:
    """Open a bucket by its address, or the folder where there is none.

    Args:
        url: such as "s3://bucket/prefix"; "" for the folder.
        folder: for the files, or for copies of the bucket's.

    Raises:
        StoreError: the address is of a kind that is not installed.
    """
    return BucketBlobs(url, folder / "copies") if url else FolderBlobs(folder / "blobs")


class FolderBlobs:
    """`<folder>/ab/<digest>`; a rename makes a file appear whole."""

    def __init__(self, folder: Path) -> None:
        """Args: folder, made if missing."""
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def send(self, piece: Piece) -> None:
        """Nothing is slow: the file is on this disk already."""

    def settle(self, piece: Piece) -> None:
        """Rename; an older file of the same name had the same bytes, or was damaged."""
        target = self._file(piece.digest)
        if not target.parent.exists():
            target.parent.mkdir(exist_ok=True, mode=0o700)
            _sync(self._folder)
        os.replace(piece.path, target)
        _sync(target.parent)

    def path(self, digest: str) -> Path:
        """The file itself."""
        path = self._file(digest)
        if not path.exists():
            raise FileNotFoundError(digest)
        return path

    def read(self, digest: str) -> Iterator[bytes]:
        """The bytes on disk."""
        with self._file(digest).open("rb") as file:
            yield from chunks(file)

    def delete(self, digest: str) -> None:
        """Unlink; who has the file open reads on."""
        self._file(digest).unlink(missing_ok=True)

    def all(self) -> Iterator[str]:
        """The names of all files."""
        return (path.name for path in self._folder.glob("*/*"))

    def look(self) -> None:
        """List the folder."""
        os.listdir(self._folder)

    def _file(self, digest: str) -> Path:
        return self._folder / digest[:2] / digest


def _sync(folder: Path) -> None:
    """Make names in a folder durable, where the system can."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class BucketBlobs:
    """`<prefix>/ab/<digest>` through fsspec; an object appears when its last part is in."""

    def __init__(self, url: str, folder: Path) -> None:
        """Args: url, of bucket and prefix; folder, for copies, made if missing."""
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.system, self._prefix = _file_system(url)  # system: fsspec's, of the bucket

    def send(self, piece: Piece) -> None:
        """Upload what the bucket does not have yet."""
        if self._size(piece.digest) != piece.size:
            self.system.put_file(str(piece.path), self.key(piece.digest))

    def settle(self, piece: Piece) -> None:
        """Upload again only if somebody deleted it since; keep the local file as a copy."""
        self.send(piece)
        os.replace(piece.path, self._folder / piece.digest)
        self._forget(piece.digest)

    def path(self, digest: str) -> Path:
        """A copy on this disk, fetched where it is missing and compared with its name.

        Raises:
            FileNotFoundError: the bucket does not have it.
            StoreError: the bucket has other bytes under this name.
        """
        path = self._folder / digest
        if not path.exists():
            self._fetch(digest)
        os.utime(path)
        return path

    def read(self, digest: str) -> Iterator[bytes]:
        """The bytes in the bucket, not those of the copy."""
        with self.system.open(self.key(digest), "rb", cache_type="none") as file:
            yield from chunks(file)

    def delete(self, digest: str) -> None:
        """Delete object and copy."""
        if self._size(digest) is not None:
            self.system.rm_file(self.key(digest))
        (self._folder / digest).unlink(missing_ok=True)

    def all(self) -> Iterator[str]:
        """The names of all objects."""
        found: list[str] = self.system.find(self._prefix)
        return (name.rpartition("/")[2] for name in found)

    def look(self) -> None:
        """List the bucket itself, which is there before the first file is."""
        self.system.ls(self._prefix.split("/")[0], detail=False, refresh=True)

    def _fetch(self, digest: str) -> None:
        with (
            self.system.open(self.key(digest), "rb", cache_type="none") as source,
            spooled(self._folder, source, self._size(digest) or 0) as piece,
        ):
            if piece.digest != digest:
                raise StoreError(
                    "A stored file is damaged: its bytes do not belong to its name.",
                    remedy="Upload the file again. The host can look for more:"
                    " python -m core check",
                )
            os.replace(piece.path, self._folder / digest)
        self._forget(digest)

    def _forget(self, keep: str) -> None:
        forget_oldest(self._folder, "?" * 64, CACHE_BYTES, keep=keep)

    def _size(self, digest: str) -> int | None:
        try:
            size: int = self.system.info(self.key(digest))["size"]
        except FileNotFoundError:
            return None
        return size

    def key(self, digest: str) -> str:
        """The name of the object with these bytes, for `system`."""
        return f"{self._prefix}/{digest[:2]}/{digest}"


def _file_system(url: str) -> tuple[Any, str]:
    """The file system of fsspec for an address, and the prefix in it."""
    kind, _, rest = url.partition("://")
    if kind not in BUCKETS or not rest.strip("/"):
        raise StoreError(
            f"BLOBS_URL is {url!r}, which names no bucket.",
            remedy=f"Write {', '.join(f'{kind}://' for kind in BUCKETS)} and the bucket's name, or"
            " unset it: the files are in the data folder then.",
        )
    options = S3_OPTIONS if kind.startswith("s3") else {}
    try:
        system, prefix = fsspec.core.url_to_fs(url, **options)
    except (ImportError, ValueError, TypeError) as error:
        raise StoreError(
            f"BLOBS_URL cannot be opened: {error}.",
            remedy="Install what it needs (pip install -r requirements-team.txt), or unset it.",
        ) from error
    return system, str(prefix).rstrip("/")
