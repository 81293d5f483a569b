"""Keep files and find them again: blob first, row last, within a number of bytes."""

from __future__ import annotations

import re
import time
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import Connection, Engine, RowMapping, func, select

from core.errors import MissingFileError, StoreFullError
from core.store.blobs import Blobs
from core.store.database import writing
from core.store.spool import Piece, gigabytes, spooled
from core.store.tables import BLOBS, RUN_FILES
from core.store.trouble import telling

DIGEST = re.compile(r"[0-9a-f]{64}")
NAME_LENGTH = 200  # characters of a user's file name
USED_SECONDS = 60.0  # how exact "last used" is: not every look is worth a write
_NEEDED = BLOBS.c.digest.in_(select(RUN_FILES.c.digest))  # by a run: never forgotten


class Store:
    """Files by their SHA-256; one that has no row is not there."""

    def __init__(self, engine: Engine, blobs: Blobs, incoming: Path, max_bytes: int) -> None:
        """Put the parts together; `open_store` makes them.

        Args:
            engine: of the database, migrated.
            blobs: where the files are.
            incoming: folder for what is being written, on the file system of `blobs`.
            max_bytes: of all files together.
        """
        self.engine, self.blobs, self.incoming = engine, blobs, incoming
        self.max_bytes = max_bytes  # looked at anew by every `put`
        incoming.mkdir(parents=True, exist_ok=True, mode=0o700)

    @telling()
    def put(self, source: BinaryIO, name: str) -> str:
        """Keep a file; those that were not used for longest make room for it.

        Args:
            source: read once, in chunks.
            name: what the user calls it.

        Returns:
            Its SHA-256 as 64 hexadecimal digits. When this returns, the file is on the disk.

        Raises:
            StoreFullError: it is larger than all files together may be, or than what runs leave.
        """
        with spooled(self.incoming, source, self.max_bytes) as piece:
            self.blobs.send(piece)
            try:
                with writing(self.engine) as rows:
                    forgotten = _make_room(rows, piece, self.max_bytes)
                    self.blobs.settle(piece)
                    _write_row(rows, piece, storable(name))
            except StoreFullError:
                self.sweep(piece.digest)
                raise
        for digest in forgotten:
            self.sweep(digest)
        return piece.digest

    def forget(self, rows: Connection, digests: Collection[str]) -> list[str]:
        """Delete the rows of those that no run needs; returns whose, to be swept after the commit.

        Args:
            rows: a transaction of `writing`.
            digests: of the files that may go.
        """
        free = select(BLOBS.c.digest).where(BLOBS.c.digest.in_(digests), ~_NEEDED)
        gone = list(rows.scalars(free))
        rows.execute(BLOBS.delete().where(BLOBS.c.digest.in_(gone)))
        return gone

    @telling()
    def path(self, digest: str) -> Path:
        """A local file with these bytes; using it makes it the most recent one.

        Raises:
            MissingFileError: no such file, or a name that is no digest.
        """
        row = self._row(digest)
        if time.time() - row["used"] > USED_SECONDS:
            with writing(self.engine) as rows:
                rows.execute(_one(digest).values(used=time.time()))
        try:
            return self.blobs.path(digest)
        except FileNotFoundError as error:
            raise missing_file() from error

    @telling()
    def name(self, digest: str) -> str:
        """What the user called the file.

        Raises:
            MissingFileError: no such file, or a name that is no digest.
        """
        name: str = self._row(digest)["name"]
        return name

    @telling()
    def digests(self) -> set[str]:
        """All files that are there."""
        with self.engine.connect() as rows:
            return set(rows.scalars(select(BLOBS.c.digest)))

    @telling()
    def sweep(self, digest: str) -> bool:
        """Delete the blob of a file that has no row; returns whether it had none.

        Under the lock, so that a file which is being kept again just now stays.
        """
        with writing(self.engine) as rows:
            orphan = rows.scalar(select(BLOBS.c.digest).where(BLOBS.c.digest == digest)) is None
            if orphan:
                self.blobs.delete(digest)
        return orphan

    def _row(self, digest: str) -> RowMapping:
        if not DIGEST.fullmatch(digest):
            raise missing_file()
        with self.engine.connect() as rows:
            found = rows.execute(select(BLOBS).where(BLOBS.c.digest == digest)).mappings().first()
        if found is None:
            raise missing_file()
        return found


def _make_room(rows: Connection, piece: Piece, max_bytes: int) -> list[str]:
    """Delete the rows of the least recently used files until the others fit; returns whose.

    What a run needs stays. Their blobs go after the commit: a blob without a row is waste, a row
    without one is damage.
    """
    others = BLOBS.c.digest != piece.digest
    total = piece.size + int(rows.scalar(select(func.sum(BLOBS.c.size)).where(others)) or 0)
    free = select(BLOBS).where(others, ~_NEEDED).order_by(BLOBS.c.used)
    forgotten = []
    for row in rows.execute(free).mappings().all():
        if total <= max_bytes:
            break
        total -= row["size"]
        forgotten.append(row["digest"])
    if total > max_bytes:
        raise _no_room(total - piece.size, max_bytes)
    rows.execute(BLOBS.delete().where(BLOBS.c.digest.in_(forgotten)))
    return forgotten


def _no_room(taken: int, max_bytes: int) -> StoreFullError:
    return StoreFullError(
        f"There is no room for this file: shared runs need {gigabytes(taken)} of the"
        f" {gigabytes(max_bytes)} that the server keeps.",
        remedy="Delete runs that nobody needs, or have the host raise MASKSCOPE_QUOTA_GB.",
    )


def _write_row(rows: Connection, piece: Piece, name: str) -> None:
    values = {"size": piece.size, "name": name, "used": time.time()}
    if rows.execute(_one(piece.digest).values(values)).rowcount == 0:
        rows.execute(BLOBS.insert().values(digest=piece.digest, **values))


def _one(digest: str):  # type: ignore[no-untyped-def]  # noqa: ANN202
    return BLOBS.update().where(BLOBS.c.digest == digest)


def storable(text: str, length: int | None = NAME_LENGTH) -> str:
    """A text that every database takes: no lone surrogates, no zero characters, not too long."""
    return text.encode("utf-8", "replace").decode().replace("\0", "")[:length]


def missing_file() -> MissingFileError:
    """What to say of a file that is not there."""
    return MissingFileError(
        "This address points to an upload that this server does not have (any more).",
        remedy="Upload the file again, or go on with the example.",
    )
