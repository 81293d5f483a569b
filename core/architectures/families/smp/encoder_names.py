"""Names and shapes of the tensors of each encoder, as a table: which are worth building to compare.

To build an encoder takes up to half a second, and there are hundreds; so number, first name and a
checksum of names and shapes are written down: `python -m scripts.encoder_names`.
"""

from __future__ import annotations

import functools
import json
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path

Shapes = Mapping[str, tuple[int, ...]]
TABLE = Path(__file__).with_name("encoder_names.json")
NEAREST = 2  # encoders that are compared where no one has these names


@functools.cache
def table() -> dict[str, tuple[str, int, int]]:
    """By the library's name of an encoder: first name, number, checksum of all."""
    return {name: (row[0], row[1], row[2]) for name, row in json.loads(TABLE.read_text()).items()}


def checksum(shapes: Shapes) -> int:
    """Of names and shapes in any order; the input channels of convolutions are free.

    >>> checksum({"a": (8, 3, 3, 3), "b": (8,)}) == checksum({"b": (8,), "a": (8, 1, 3, 3)})
    True
    """
    listed = sorted(
        (name, [n for axis, n in enumerate(shape) if len(shape) != 4 or axis != 1])
        for name, shape in shapes.items()
    )
    return zlib.crc32(json.dumps(listed).encode())


def with_these(shapes: Shapes) -> list[str]:
    """The encoders that have exactly these tensors; of timm some differ in nothing but padding."""
    wanted = checksum(shapes)
    return [name for name, (_, _, known) in table().items() if known == wanted]


def nearest_to(names: Collection[str]) -> list[str]:
    """At most `NEAREST` encoders that begin alike and have about as many tensors."""
    alike = [name for name, (first, _, _) in table().items() if first in names]
    return sorted(alike, key=lambda name: abs(table()[name][1] - len(names)))[:NEAREST]
