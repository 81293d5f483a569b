"""ZIPs that strangers made, read in the server's own process."""

from __future__ import annotations

import zipfile
from typing import BinaryIO

from core.store.spool import CHUNK


def open_zip(source: BinaryIO, most: int = CHUNK) -> zipfile.ZipFile:
    """Open it; a directory of more than `most` bytes counts as damaged.

    `zipfile` makes an object of each entry in the directory, a hundred megabytes of memory and a
    second of ten megabytes of file, before anybody can ask how many there are.

    Raises:
        Exception: whatever `zipfile` raises of a damaged file, then and while entries are read.
    """
    return zipfile.ZipFile(_InPieces(source, most))


class _InPieces:
    """A file that gives no more than so many bytes at once; a directory is asked for at once."""

    def __init__(self, file: BinaryIO, most: int) -> None:
        self._file, self._most = file, most
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        """As of any file, whose readers ask again where they need more."""
        return self._file.read(self._most if size < 0 else min(size, self._most))
