"""Files below a folder of this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from core.dataset.files.limited import (
    MOST_FILES,
    gone,
    is_of_a_system,
    is_safe,
    note_by_name,
    read_limited,
    too_many,
)
from core.dataset.files.listing import Listing
from core.dataset.finding import Noted
from core.errors import DataSetError


@dataclass(frozen=True)
class FolderFile:
    """A file below a folder, which no link leads out of, now or when it is read."""

    folder: str  # its real path
    name: str  # below it

    def open(self) -> BinaryIO:
        """The file, to read and to seek in.

        Raises:
            DataSetError: it is gone, or a link leads out of the folder.
        """
        try:
            return self._inside().open("rb")
        except OSError as error:
            raise gone(self.name, error.strerror or "") from error

    def read(self) -> bytes:
        """Its bytes, as they are now.

        Raises:
            DataSetError: it is gone, leads out of the folder, or is too large.
        """
        with self.open() as file:
            return read_limited(file, self.name)

    def _inside(self) -> Path:
        path = Path(self.folder, self.name).resolve()
        if not path.is_relative_to(self.folder) or not path.is_file():
            raise gone(self.name)
        return path


def list_folder(folder: Path) -> Listing:
    """All files below a folder, in the order of their names.

    Links to files inside are followed, links to folders never: a set would be there twice, or
    without end.

    Raises:
        DataSetError: it is no folder, or has too many files.
    """
    root, noted, files = _root(folder), Noted(), []
    for path in _walked(root, noted):
        name = path.relative_to(root).as_posix()
        if is_of_a_system(name) or note_by_name(name, noted):
            continue
        if not is_safe(name):
            noted.add("unsafe_name", name[:100])
        elif path.is_symlink() and not path.resolve().is_relative_to(root):
            noted.add("link", name)
        else:
            files.append(FolderFile(str(root), name))
    return Listing(tuple(sorted(files, key=lambda file: file.name)), noted.findings())


def _root(folder: Path) -> Path:
    root = folder.resolve()
    if not root.is_dir():
        raise DataSetError(f"{folder} is no folder.", remedy="Name a folder, or a ZIP.")
    return root


def _walked(root: Path, noted: Noted) -> Iterator[Path]:
    count = 0
    for here, folders, names in os.walk(root, followlinks=False):
        for name in folders:
            if Path(here, name).is_symlink():
                noted.add("link", Path(here, name).relative_to(root).as_posix())
        count += len(names)
        if count > MOST_FILES:
            raise too_many(count)
        yield from (Path(here, name) for name in names)
