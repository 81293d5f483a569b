"""What a data set is opened from: a folder, a ZIP, uploads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from core.dataset.entry import OpenRef
from core.dataset.files.folder import FolderFile, list_folder
from core.dataset.files.listing import Listing
from core.dataset.files.zipped import list_zip
from core.errors import DataSetError


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


def source_at(path: Path) -> Source:
    """The folder or the ZIP at a path of this machine, as a person on it names it.

    Raises:
        DataSetError: there is neither.
    """
    if path.is_dir():
        return Folder(path)
    if not path.is_file():
        raise DataSetError(f"There is nothing at {path}.", remedy="Name a folder, or a ZIP.")
    return Archive(FolderFile(str(path.resolve().parent), path.resolve().name))
