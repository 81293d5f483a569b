"""Where the host wants things kept: MASKSCOPE_DATA, DATABASE_URL, BLOBS_URL, MASKSCOPE_QUOTA_GB."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from core.errors import StoreError
from core.store.blobs import open_blobs
from core.store.database import open_database
from core.store.store import Store

DEFAULT_QUOTA_GB = "4"


def data_folder() -> Path:
    """The folder of everything that this server keeps on its own disk."""
    return Path(os.environ.get("MASKSCOPE_DATA", Path.home() / ".cache" / "maskscope"))


def open_store(folder: Path, environment: Mapping[str, str] = os.environ) -> Store:
    """Open what the host names, by default SQLite and files in the folder.

    Args:
        folder: of the data, made if missing.
        environment: DATABASE_URL, BLOBS_URL, MASKSCOPE_QUOTA_GB (1 GB = 10^9 bytes).

    Raises:
        StoreError: one of them cannot be used.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=folder):
            pass  # only the attempt tells whether it can be written, whoever runs this
    except OSError as error:
        raise StoreError(
            f"The data folder {folder} cannot be used: {error.strerror}.",
            remedy="Name a folder that can be written with MASKSCOPE_DATA.",
        ) from error
    engine = open_database(environment.get("DATABASE_URL", ""), folder)
    blobs = open_blobs(environment.get("BLOBS_URL", ""), folder)
    return Store(engine, blobs, folder / "incoming", _quota(environment))


def _quota(environment: Mapping[str, str]) -> int:
    asked = environment.get("MASKSCOPE_QUOTA_GB", DEFAULT_QUOTA_GB)
    try:
        quota = round(float(asked) * 1e9)
    except (ValueError, OverflowError):
        quota = 0
    if quota <= 0:
        raise StoreError(
            f"MASKSCOPE_QUOTA_GB is {asked!r}.", remedy="Write a number above 0, such as 20."
        )
    return quota
