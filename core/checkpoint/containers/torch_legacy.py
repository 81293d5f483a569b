"""The container of torch.save before 1.6: five pickles in a row, then the numbers."""

from __future__ import annotations

import mmap
from typing import Any

from core.checkpoint.around.foreign import by_keys
from core.checkpoint.pickled.arrays import only_arrays
from core.checkpoint.pickled.machine import Machine
from core.checkpoint.pickled.records import Global, Items, Pairs, Reference, pairs_of
from core.checkpoint.tensors import DTYPES, SIZES, Storage, storage_dtype
from core.checkpoint.window import Damaged, Window
from core.errors import CheckpointError

MAGIC = 0x1950A86A20F9469CFC6C  # torch/serialization.py
PROTOCOL = 1001
COUNT_BYTES = 8  # before the numbers of each storage


def read_legacy(data: mmap.mmap, machine: Machine) -> tuple[Any, dict[str, Storage]]:
    """Read the content and find its storages.

    Args:
        data: the file, mapped.
        machine: reads the pickles; the caller looks at the names that they asked for.

    Raises:
        CheckpointError: damaged, or a pickle that torch did not write.
    """
    window = Window(data)
    first = machine.run(window)
    if first != MAGIC:
        keys = [key for key, _ in pairs_of(first) or () if isinstance(key, str)]
        if (known := by_keys(keys)) is not None:
            raise known.error()
        if (arrays := only_arrays(first)) is not None:
            raise arrays
        raise CheckpointError(
            "This is a pickle, but torch.save did not write it.",
            remedy='Where it was made, save the weights with torch.save(weights, "weights.pth").',
        )
    if machine.run(window) != PROTOCOL:
        raise Damaged("an unknown version of the container")
    _check_system(machine.run(window))
    machine.references.clear()
    window = Window(data, window.position)
    content = machine.run(window)
    references, window = list(machine.references), Window(data, window.position)
    keys = machine.run(window)
    return content, _storages(data, window.position, keys, references)


def _check_system(value: Any) -> None:
    pairs = value.pairs if isinstance(value, Pairs) else []
    if not any(key == "little_endian" for key, little in pairs if little is True):
        raise Damaged("numbers of a big-endian machine")


def _storages(
    data: mmap.mmap, position: int, keys: Any, references: list[Reference]
) -> dict[str, Storage]:
    """The numbers follow in the order of the keys, each with its count before it."""
    if not isinstance(keys, Items) or not all(isinstance(key, str) for key in keys.items):
        raise Damaged("a missing list of storages")
    dtypes = dict(pair for pair in map(_announced, references) if pair)
    storages: dict[str, Storage] = {}
    for key in keys.items:
        dtype = dtypes.get(key)
        if dtype is None or key in storages:
            raise Damaged("a storage that nothing refers to")
        count = int.from_bytes(data[position : position + COUNT_BYTES], "little")
        start = position + COUNT_BYTES
        length = count * (DTYPES[dtype].size if dtype in DTYPES else SIZES.get(dtype, 1))
        position = start + length
        if position > len(data):
            raise Damaged("the numbers end too early")
        storages[key] = Storage(start, length, dtype)
    return storages


def _announced(reference: Reference) -> tuple[str, str] | None:
    """Key and dtype of ('storage', class, key, location, count, view)."""
    parts = reference.value
    if not isinstance(parts, tuple) or len(parts) < 5 or parts[0] != "storage":
        return None
    dtype = storage_dtype(parts[1].name) if isinstance(parts[1], Global) else None
    return (parts[2], dtype) if isinstance(parts[2], str) and dtype is not None else None
