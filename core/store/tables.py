"""The tables as the newest migration leaves them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, MetaData, String, Table

METADATA = MetaData()

BLOBS = Table(
    "blobs",
    METADATA,
    Column("digest", String(64), primary_key=True),  # SHA-256 in hexadecimal digits
    Column("size", BigInteger, nullable=False),  # bytes
    Column("name", String(200), nullable=False),  # what the user called it
    Column("used", Double, nullable=False, index=True),  # seconds since 1970
)
