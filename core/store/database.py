"""SQLite in the data folder, or PostgreSQL: opened, migrated, and written by one at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError

from core.errors import StoreError

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_SECONDS = 60  # how long a writer waits for the others
LOCK = 0x6D61736B  # any number that is always the same: "mask"
PRAGMAS = (
    "PRAGMA journal_mode = WAL",  # readers never wait for the writer
    "PRAGMA synchronous = FULL",  # a commit is on the disk before it is reported
    "PRAGMA foreign_keys = ON",
)


def open_database(url: str, folder: Path) -> Engine:
    """Open the database and bring it up to date.

    Args:
        url: as SQLAlchemy writes it, such as "postgresql://user:password@host/name"; "" for
            SQLite in the folder.
        folder: of the data.

    Raises:
        StoreError: the address is wrong, nobody answers, or a newer Maskscope wrote there.
    """
    try:
        engine = _engine(_address(url, folder))
        _migrate(engine)
    except (ArgumentError, ImportError, NoSuchModuleError) as error:
        raise StoreError(
            "DATABASE_URL is not the address of a database that can be opened here.",
            remedy="Write it as postgresql://user:password@host/name, and install the driver: "
            "pip install -r requirements-team.txt",
        ) from error
    except OperationalError as error:
        raise StoreError(
            f"The database does not answer: {error.orig}.",
            remedy="Look whether it runs, and whether DATABASE_URL names it.",
        ) from error
    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction in which nobody else writes, here or in another process.

    Raises:
        FileNotFoundError: the file was deleted after it was opened; SQLite would go on writing into
            it, and say that all is well.
    """
    if engine.url.get_backend_name() == "sqlite":
        os.stat(engine.url.database or "")
    with _transaction(engine) as connection:
        yield connection


@contextmanager
def _transaction(engine: Engine) -> Iterator[Connection]:
    with engine.connect().execution_options(writing=True) as connection, connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        yield connection


def _address(url: str, folder: Path) -> URL:
    if not url:
        return URL.create("sqlite", database=str(folder / "maskscope.db"))
    address = make_url(url)
    if address.drivername in ("postgres", "postgresql"):
        return address.set(drivername="postgresql+psycopg")
    return address


def _engine(address: URL) -> Engine:
    if address.get_backend_name() != "sqlite":
        return create_engine(address, pool_pre_ping=True)
    engine = create_engine(address, connect_args={"timeout": BUSY_SECONDS})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: Any, _: Any) -> None:
    """Leave transactions to us: Python's module would begin them too late for a lock."""
    connection.isolation_level = None
    for pragma in PRAGMAS:
        connection.execute(pragma)


def _begin(connection: Connection) -> None:
    """Take the lock at once where something will be written: a late one can fail."""
    immediate = connection.get_execution_options().get("writing")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def _migrate(engine: Engine) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    try:
        with _transaction(engine) as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except CommandError as error:
        engine.dispose()
        raise StoreError(
            "The data were written by a newer Maskscope than this one.",
            remedy="Start the newer one, or name another folder with MASKSCOPE_DATA.",
        ) from error
