"""The tables as the newest migration leaves them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

METADATA = MetaData()

BLOBS = Table(
    "blobs",
    METADATA,
    Column("digest", String(64), primary_key=True),  # SHA-256 in hexadecimal digits
    Column("size", BigInteger, nullable=False),  # bytes
    Column("name", String(200), nullable=False),  # what the user called it
    Column("used", Double, nullable=False, index=True),  # seconds since 1970
)

RUNS = Table(
    "runs",
    METADATA,
    Column("id", String(43), primary_key=True),  # cannot be guessed
    Column("created", Double, nullable=False, index=True),  # seconds since 1970
    Column("expires", Double, index=True),  # seconds since 1970; none: never
    Column("document", Text, nullable=False),  # core/store/document.py; never changed
    Column("words", Text, nullable=False),  # what a search looks through, in lower case
)

RUN_FILES = Table(
    "run_files",
    METADATA,
    Column("run", String(43), ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("role", String(20), primary_key=True),  # picture, checkpoint, truth, ...
    Column(
        "digest", String(64), ForeignKey("blobs.digest"), nullable=False, index=True
    ),  # is never forgotten
    Column("name", String(200), nullable=False),  # what its user called it
)

NOTES = Table(
    "notes",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column(
        "run", String(43), ForeignKey("runs.id", ondelete="CASCADE"), nullable=False, index=True
    ),
    Column("author", String(80), nullable=False),  # as they call themselves
    Column("text", Text, nullable=False),
    Column("created", Double, nullable=False),  # seconds since 1970
)
