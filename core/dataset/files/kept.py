"""Files that were uploaded: in the app's store, by their digest."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from core.dataset.files.limited import gone, read_limited
from core.errors import StoreError
from core.store import Store, open_store


@dataclass(frozen=True)
class KeptFile:
    """An upload, in the store of a folder; another process on this machine opens it anew."""

    name: str
    digest: str  # SHA-256, 64 hexadecimal digits
    folder: str  # of the store, as `data_folder` tells it

    def open(self) -> BinaryIO:
        """The file, to read and to seek in.

        Raises:
            DataSetError: the store does not have it any more.
        """
        try:
            return _store(self.folder).path(self.digest).open("rb")
        except (StoreError, OSError) as error:
            raise gone(self.name) from error

    def read(self) -> bytes:
        """Its bytes.

        Raises:
            DataSetError: the store does not have it any more, or it is too large.
        """
        with self.open() as file:
            return read_limited(file, self.name)


@lru_cache(maxsize=2)
def _store(folder: str) -> Store:
    return open_store(Path(folder))
