"""The names of the tensors of each encoder, as a table: which are worth building to compare.

To build an encoder takes up to half a second, and there are a hundred; so number, first name and a
checksum of the names are written down: `python -m scripts.encoder_names`.
"""

from __future__ import annotations

import functools
import json
import zlib
from collections.abc import Collection
from pathlib import Path

TABLE = Path(__file__).with_name("encoder_names.json")
NEAREST = 2  # encoders that are compared where no one has these names


@functools.cache
def table() -> dict[str, tuple[str, int, int]]:
    """By the library's name of an encoder: first name, number, checksum of all names."""
    return {name: (row[0], row[1], row[2]) for name, row in json.loads(TABLE.read_text()).items()}


def checksum(names: Collection[str]) -> int:
    """Of the names in any order.

    >>> checksum(["a", "b"]) == checksum(["b", "a"])
    True
    """
    return zlib.crc32("\n".join(sorted(names)).encode())


def with_these(names: Collection[str]) -> list[str]:
    """The encoders that have exactly these tensors by name."""
    wanted = checksum(names)
    return [name for name, (_, _, known) in table().items() if known == wanted]


def nearest_to(names: Collection[str]) -> list[str]:
    """At most `NEAREST` encoders that begin alike and have about as many tensors."""
    alike = [name for name, (first, _, _) in table().items() if first in names]
    return sorted(alike, key=lambda name: abs(table()[name][1] - len(names)))[:NEAREST]
