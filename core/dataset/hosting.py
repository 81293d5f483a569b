"""What visitors of a server may open: MASKSCOPE_DATASETS and MASKSCOPE_DATASET_URLS."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote

from core.dataset.sources import Source, source_at
from core.errors import DataSetError

FOLDER, URLS = "MASKSCOPE_DATASETS", "MASKSCOPE_DATASET_URLS"
LISTED = 500  # names that are offered


def hosted(text: str, environment: Mapping[str, str] = os.environ) -> Source:
    """A source as a visitor names it: a path below the host's folder, or an allowed address.

    Args:
        text: "street/val", or "s3://bucket/set" with one of the host's prefixes.
        environment: MASKSCOPE_DATASETS, a folder; MASKSCOPE_DATASET_URLS, prefixes with spaces
            between.

    Raises:
        DataSetError: the host does not allow it, or there is nothing.
    """
    return _address(text, environment) if "://" in text else _below(text, environment)


def choices(environment: Mapping[str, str] = os.environ) -> list[str]:
    """What stands directly below the host's folder: folders, ZIPs and tables."""
    if not environment.get(FOLDER):
        return []
    root = Path(environment[FOLDER])
    found = sorted(path for path in root.iterdir() if path.name[:1] != ".") if root.is_dir() else ()
    usable = [path.name for path in found if path.is_dir() or path.suffix in (".zip", ".parquet")]
    return usable[:LISTED]


def _below(text: str, environment: Mapping[str, str]) -> Source:
    root = Path(environment.get(FOLDER, "")).resolve()
    try:
        path = (root / text).resolve()
        allowed = bool(environment.get(FOLDER)) and path.is_relative_to(root) and path.exists()
    except (OSError, ValueError):  # longer than a file's name may be, or with NUL in it
        allowed = False
    if not allowed:
        raise DataSetError(
            "This data set is not in the folder that this server allows.",
            remedy=f"Upload it as a ZIP, or let the host name its folder with {FOLDER}.",
        )
    return source_at(path)


def _address(text: str, environment: Mapping[str, str]) -> Source:
    prefixes = [prefix.rstrip("/") for prefix in environment.get(URLS, "").split()]
    if not any(_is_below(text, prefix) for prefix in prefixes):
        raise DataSetError(
            "This address is not among those that this server allows.",
            remedy=f"Upload the set as a ZIP, or let the host name its prefix with {URLS}.",
        )
    return source_at(text)


def _is_below(address: str, prefix: str) -> bool:
    """Whether an address lies below a prefix, and neither climbs out of it nor names another."""
    plain = unquote(address)
    climbs = ".." in plain.replace("\\", "/").split("/")
    chained = "::" in plain or plain.count("://") > 1 or any(c in address for c in "?#*[]\0\n")
    return not climbs and not chained and (address == prefix or address.startswith(f"{prefix}/"))
