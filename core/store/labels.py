"""A label map as a file: the ids alone, compressed, bit for bit."""

from __future__ import annotations

import io
from typing import BinaryIO

import numpy as np

from core.errors import StoreError
from core.store.foreign_zip import open_zip

MAX_PIXELS = 2**28  # of a label map that somebody else wrote
SMALL = np.int16  # ids are -1 (no class) to 1023 at the most in practice


def labels_to_file(ids: np.ndarray) -> bytes:
    """Int32[h w] as the bytes of an .npz with one array, `ids`."""
    fits = ids.min(initial=0) >= np.iinfo(SMALL).min and ids.max(initial=0) <= np.iinfo(SMALL).max
    file = io.BytesIO()
    np.savez_compressed(file, ids=ids.astype(SMALL if fits else np.int32))
    return file.getvalue()


def read_labels(file: BinaryIO) -> np.ndarray:
    """Read it back: Int32[h w].

    Raises:
        StoreError: it is no label map (an imported run may hold anything).
    """
    try:
        with open_zip(file) as archive, archive.open("ids.npy") as member:
            return _ids(member)  # type: ignore[arg-type]
    except Exception as error:  # zipfile and what unpacks for it raise anything
        raise StoreError(
            "The stored label map of this run cannot be read.",
            remedy="Ask whoever shared the run for a new link.",
        ) from error


def _ids(member: BinaryIO) -> np.ndarray:
    """Look at the header first: the array may claim any size and type."""
    version = np.lib.format.read_magic(member)
    reader = {(1, 0): np.lib.format.read_array_header_1_0}[version]
    shape, by_columns, dtype = reader(member)
    if len(shape) != 2 or by_columns or dtype not in (np.int16, np.int32):
        raise ValueError("not a label map")
    count = shape[0] * shape[1]
    if not 0 < count <= MAX_PIXELS:
        raise ValueError("too large")
    content = member.read(count * dtype.itemsize)
    return np.frombuffer(content, dtype).reshape(shape).astype(np.int32)
