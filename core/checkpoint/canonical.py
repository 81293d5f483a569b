"""Tensors of any file, written as one safetensors file: contiguous, named, checked."""

from __future__ import annotations

import json
import mmap
from collections.abc import Callable, Mapping
from math import prod
from pathlib import Path
from typing import BinaryIO

from core.checkpoint.stored.small_numbers import decoded
from core.checkpoint.tensors import TensorRecord
from core.errors import RefusedError

MAX_TENSOR_BYTES = 4 * 2**30  # written out
MAX_GROWTH = 256 * 2**20  # how much more than the file itself views may take written out
SMALLEST = 4  # float32 takes so many times the bytes of the smallest numbers
MAX_TENSORS = 20_000
CHUNK = 8 * 2**20
REPORTED_BYTES = 16 * 2**20  # from here on it takes long enough to report how far it is


def check_size(tensors: Mapping[str, TensorRecord], file_bytes: int) -> None:
    """Refuse what grows when it is written out: a view of few bytes can claim any shape.

    Raises:
        RefusedError: too many tensors, or too many bytes.
    """
    if len(tensors) > MAX_TENSORS:
        raise RefusedError(
            f"The file has {len(tensors)} tensors; at most {MAX_TENSORS} are allowed.",
            remedy="Save the weights of one network alone.",
        )
    needed = sum(record.num_bytes for record in tensors.values())
    small = any(record.written is not record.dtype for record in tensors.values())
    allowed = min(MAX_TENSOR_BYTES, file_bytes * (SMALLEST if small else 1) + MAX_GROWTH)
    if needed > allowed:
        raise RefusedError(
            f"The tensors take {needed / 2**30:.1f} GiB of memory written out; at most "
            f"{allowed / 2**30:.1f} GiB are allowed for a file of this size.",
            remedy="Save the weights of a smaller network, and tensors without expand().",
        )


def write_canonical(
    tensors: Mapping[str, TensorRecord],
    data: mmap.mmap,
    path: Path,
    say: Callable[[str], None] = lambda stage: None,
) -> None:
    """Write the tensors, the widest numbers first, so that each is aligned to its own size.

    Args:
        tensors: by name.
        data: the file that they are in.
        path: where to.
        say: called with how much is done, at every tenth.
    """
    total, done, reported = sum(record.num_bytes for record in tensors.values()), 0, 0
    ordered = sorted(tensors.items(), key=lambda item: -item[1].written.size)
    with path.open("wb") as target:
        target.write(_header(ordered))
        for _, record in ordered:
            _write(record, data, target)
            done += record.num_bytes
            if total > REPORTED_BYTES and (tenth := 10 * done // total) > reported:
                reported = tenth
                say(f"Copying the weights: {10 * tenth} %")


def _header(ordered: list[tuple[str, TensorRecord]]) -> bytes:
    header, end = {}, 0
    for name, record in ordered:
        start, end = end, end + record.num_bytes
        header[name] = {
            "dtype": record.written.code,
            "shape": list(record.shape),
            "data_offsets": [start, end],
        }
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def _write(record: TensorRecord, data: mmap.mmap, target: BinaryIO) -> None:
    if record.written is not record.dtype:
        target.writelines(decoded(record, data))
        return
    if not record.contiguous:
        target.write(_gathered(record, data))
        return
    end = record.start + record.num_bytes
    with memoryview(data) as view:
        for start in range(record.start, end, CHUNK):
            target.write(view[start : min(start + CHUNK, end)])


def _gathered(record: TensorRecord, data: mmap.mmap) -> bytes:
    """A strided view in the order of its indices; bits are moved, never interpreted."""
    import numpy as np  # only here: most files need it nowhere, and it takes 0.1 s to import

    size = record.dtype.size
    if not prod(record.shape):
        return b""
    steps = tuple(step * size for step in record.stride)
    view: np.ndarray = np.ndarray(
        record.shape, f"V{size}", buffer=data, offset=record.start, strides=steps
    )
    return view.tobytes()
