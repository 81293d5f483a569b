"""Tensors of any file, written as one safetensors file: contiguous, named, checked."""

from __future__ import annotations

import io
import json
import mmap
from collections.abc import Callable, Iterable, Mapping
from math import prod
from pathlib import Path
from typing import BinaryIO

import numpy as np
from safetensors import SafetensorError, safe_open

from core.checkpoint.stored.small_numbers import decoded
from core.checkpoint.tensors import TensorRecord
from core.checkpoint.window import Damaged, TooMuch
from core.errors import RefusedError

MAX_TENSOR_BYTES = 4 * 2**30  # written out
MAX_GROWTH = 32 * 2**20  # what views of few bytes may take written out, beside ...
MAX_RATIO = 4  # ... so many times the file itself: tied weights, 8-bit numbers as float32
MAX_TENSORS = 20_000
MAX_NAME = 1000  # characters; the longest honest one has about 150
MAX_NAMES_BYTES = 4 * 2**20  # of all names together: 20,000 of 200 characters
RESERVED = "__metadata__"  # safetensors keeps it for itself
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
    allowed = min(MAX_TENSOR_BYTES, MAX_RATIO * file_bytes + MAX_GROWTH)
    if needed > allowed:
        raise RefusedError(
            f"The tensors take {_in_words(needed)} of memory written out; at most "
            f"{_in_words(allowed)} are allowed for a file of this size.",
            remedy="Save the weights of a smaller network, and tensors without expand().",
        )


def _in_words(count: int) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"


def check_names(names: Iterable[str]) -> None:
    """Refuse names that safetensors cannot hold, or that take more than the numbers do.

    Raises:
        RefusedError: one is reserved or too long, or all together are.
    """
    total = 0
    for name in names:
        if name == RESERVED:
            raise RefusedError(
                f"A tensor of the file is called {RESERVED}, a name that safetensors reserves.",
                remedy="Save the weights again without this entry, or with another name.",
            )
        total += len(name.encode())
        if len(name) > MAX_NAME:
            raise TooMuch(f"the name of a tensor has more than {MAX_NAME} characters")
        if total > MAX_NAMES_BYTES:
            raise TooMuch(f"the names of its tensors take more than {MAX_NAMES_BYTES >> 20} MiB")


def check_written(path: Path, names: Iterable[str]) -> None:
    """Open what was written with the library that the app opens it with.

    Raises:
        Damaged: safetensors refuses it.
    """
    try:
        with safe_open(path, framework="np") as file:
            if set(names) != set(file.keys()):
                raise Damaged("its tensors have names that cannot be written")
    except (SafetensorError, ValueError) as exc:
        raise Damaged(f"its tensors cannot be written as safetensors, {exc}") from exc


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
    if record.pieces:
        target.write(_assembled(record, data))
        return
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


def _assembled(record: TensorRecord, data: mmap.mmap) -> bytes:
    """A tensor of several pieces, each where it belongs."""
    whole: np.ndarray = np.zeros(record.shape, f"V{record.written.size}")
    filled: np.ndarray = np.zeros(record.shape, bool)
    for begins, piece in record.pieces:
        at = tuple(slice(b, b + n) for b, n in zip(begins, piece.shape, strict=True))
        content = io.BytesIO()
        _write(piece, data, content)
        whole[at] = np.frombuffer(content.getvalue(), whole.dtype).reshape(piece.shape)
        filled[at] = True
    if not filled.all():
        raise Damaged("a tensor whose pieces overlap")
    return whole.tobytes()


def _gathered(record: TensorRecord, data: mmap.mmap) -> bytes:
    """A strided view in the order of its indices; bits are moved, never interpreted."""
    size = record.dtype.size
    if not prod(record.shape):
        return b""
    steps = tuple(step * size for step in record.stride)
    view: np.ndarray = np.ndarray(
        record.shape, f"V{size}", buffer=data, offset=record.start, strides=steps
    )
    return view.tobytes()
