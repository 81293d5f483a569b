"""What a data set is opened from: a folder, a ZIP, uploads, an address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from core.dataset.entry import FileRef, OpenRef
from core.dataset.files.folder import FolderFile, list_folder
from core.dataset.files.kept import KeptFile
from core.dataset.files.limited import has_ending
from core.dataset.files.listing import Listing, listed
from core.dataset.files.remote import RemoteFile, list_remote
from core.dataset.files.zipped import list_zip
from core.errors import DataSetError

TABLE = ".parquet"
NOTHING = "Name a folder, a ZIP, or a Parquet file."


class Source(Protocol):
    """Where the files of a set are."""

    @property
    def name(self) -> str:
        """What a person calls it."""

    def files(self) -> Listing:
        """All of them, by name.

        Raises:
            DataSetError: it is gone, damaged, or over a limit.
        """


@dataclass(frozen=True)
class Folder:
    """A folder of this machine, all of whose files may be read."""

    path: Path

    @property
    def name(self) -> str:
        """Its own name, without the folders above."""
        return self.path.resolve().name

    def files(self) -> Listing:
        """All of them, by name."""
        return list_folder(self.path)


@dataclass(frozen=True)
class Archive:
    """A ZIP, wherever it lies."""

    file: OpenRef

    @property
    def name(self) -> str:
        """The name of the ZIP, without its ending."""
        return self.file.name.rpartition("/")[2].removesuffix(".zip")

    def files(self) -> Listing:
        """All of its members that may be read."""
        return list_zip(self.file)


@dataclass(frozen=True)
class Address:
    """What lies below an address that fsspec understands: "s3://bucket/set"."""

    address: str

    @property
    def name(self) -> str:
        """The last part of the address."""
        return self.address.rstrip("/").rpartition("/")[2]

    def files(self) -> Listing:
        """All files below it."""
        return list_remote(self.address.rstrip("/"))


@dataclass(frozen=True)
class Given:
    """Files that are named one by one, such as uploads."""

    name: str
    refs: tuple[FileRef, ...]

    def files(self) -> Listing:
        """Those of them that may be read."""
        return listed(self.refs)


def uploaded(files: Sequence[KeptFile]) -> Source:
    """Uploads as a source: a single ZIP is what is in it.

    Args:
        files: in the app's store. Where pictures and masks come apart, a page gives them folders:
            "images/a.png" and "masks/a.png".
    """
    if len(files) == 1 and has_ending(files[0].name, (".zip",)):
        return Archive(files[0])
    return Given("uploads", tuple(files))


def source_at(where: Path | str) -> Source:
    """What is at a path of this machine, or at an address, as a person on it names it.

    Raises:
        DataSetError: there is nothing.
    """
    if isinstance(where, str) and "://" in where:
        return _at_address(where)
    path = Path(where)
    if path.is_dir():
        return Folder(path)
    if not path.is_file():
        raise DataSetError(f"There is nothing at {path}.", remedy=NOTHING)
    path = path.resolve()
    return _of_file(FolderFile(str(path.parent), path.name))


def _at_address(address: str) -> Source:
    if has_ending(address, (".zip", TABLE)):
        folder, _, name = address.rpartition("/")
        return _of_file(RemoteFile(folder, name))
    return Address(address)


def _of_file(file: OpenRef) -> Source:
    if has_ending(file.name, (TABLE,)):
        return Given(file.name.removesuffix(TABLE), (file,))
    return Archive(file)
