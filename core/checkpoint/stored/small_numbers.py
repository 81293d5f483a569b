"""Numbers that were made small to be stored: what they mean, as float32.

8-bit floats       a sign, an exponent and a mantissa in one byte: one of 256 numbers
quantized numbers  (stored - zero point) * scale, with one scale for all or one a channel
"""

from __future__ import annotations

import mmap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from core.checkpoint.tensors import FLOAT8, Quantizer, TensorRecord

CHUNK = 2**20  # numbers that are turned at once


def floats_of(name: str) -> np.ndarray:
    """The numbers that the 256 bytes of an 8-bit float stand for: Float32[256].

    Args:
        name: torch's: "float8_e4m3fn". `fn` has no infinity, `uz` no negative zero but one NaN.
    """
    code = np.arange(256)
    exponent_bits, mantissa_bits, bias = FLOAT8[name]
    if not mantissa_bits:  # e8m0: powers of two, no sign
        return np.where(code == 255, np.nan, 2.0 ** (code - bias)).astype(np.float32)
    exponent = code >> mantissa_bits & (1 << exponent_bits) - 1
    fraction = (code & (1 << mantissa_bits) - 1) / (1 << mantissa_bits)
    normal = (1 + fraction) * 2.0 ** (exponent - bias)
    size = np.where(exponent == 0, fraction * 2.0 ** (1 - bias), normal)
    values = np.where(code >> 7 == 1, -size, size)
    if name.endswith("uz"):
        values[128] = np.nan
    elif name.endswith("fn"):
        values[[127, 255]] = np.nan
    else:  # as IEEE 754: the largest exponent is infinity, or no number
        top = exponent == (1 << exponent_bits) - 1
        special = np.where(fraction == 0, np.where(code >> 7 == 1, -np.inf, np.inf), np.nan)
        values[top] = special[top]
    result: np.ndarray = values.astype(np.float32)
    return result


def decoded(record: TensorRecord, data: mmap.mmap) -> Iterator[bytes]:
    """A tensor's numbers as float32, in the order of its indices, in pieces.

    Args:
        record: of small numbers (`record.written` is float32).
        data: the file that it is in.
    """
    stored = _view(record, data)
    stored = stored[None] if stored.ndim == 0 else stored
    rows = max(1, CHUNK // max(1, stored[:1].size))
    table = floats_of(record.dtype.name) if record.quantizer is None else None
    for start in range(0, len(stored), rows):
        part = stored[start : start + rows]
        if table is not None:
            values = table[part]
        else:
            assert record.quantizer is not None  # `written` is float32 for one of the two reasons
            scale, zero = (_along(n, record, data, start, rows) for n in record.quantizer.numbers)
            values = (part.astype(np.float64) - zero) * scale
        yield values.astype("<f4").tobytes()


def _along(numbers: Any, record: TensorRecord, data: mmap.mmap, start: int, rows: int) -> Any:
    """One number for all, or those of the channels in these rows, in the tensor's dimensions."""
    if not isinstance(numbers, TensorRecord):
        return numbers
    axis = record.quantizer.axis if record.quantizer else 0
    values = _view(numbers, data)
    values = values[start : start + rows] if axis == 0 else values
    return values.reshape([-1 if k == axis else 1 for k in range(len(record.shape))])


def _view(record: TensorRecord, data: mmap.mmap) -> np.ndarray:
    kinds = {"F64": "<f8", "F32": "<f4", "I64": "<i8", "I32": "<i4", "I8": "i1"}
    kind = kinds.get(record.dtype.code, "u1")  # of 8-bit floats the bytes
    steps = tuple(step * record.dtype.size for step in record.stride)
    if 0 in record.shape:
        return np.zeros(record.shape, kind)
    return np.ndarray(record.shape, kind, buffer=data, offset=record.start, strides=steps)


# --- in words -------------------------------------------------------------------------------------


def computed_in(tensors: Mapping[str, TensorRecord]) -> list[str]:
    """The names of tensors whose numbers are written otherwise than the file has them."""
    return [name for name, tensor in tensors.items() if tensor.written is not tensor.dtype]


def notes_on_small(tensors: Iterable[TensorRecord]) -> list[str]:
    """Sentences that say which tensors were stored small and are float32 here; [] for none."""
    small = [tensor for tensor in tensors if tensor.written is not tensor.dtype]
    floats = Counter(t.dtype.name for t in small if t.quantizer is None)
    whole = Counter(_quantized_as(t.quantizer, t) for t in small if t.quantizer is not None)
    notes = [
        f"{_tensors(n)} stored in 8-bit float ({name}) and shown as float32: at most "
        f"{FLOAT8[name][1] + 1} significant bits of each weight are left"
        for name, n in floats.items()
    ]
    return notes + [
        f"{_tensors(n)} stored as quantized {kind} and shown as float32: each weight is a multiple "
        "of its scale"
        for kind, n in whole.items()
    ]


def _tensors(count: int) -> str:
    return f"{count} tensor{' is' if count == 1 else 's are'}"


def _quantized_as(quantizer: Quantizer, tensor: TensorRecord) -> str:
    how = "one scale a tensor" if quantizer.axis is None else "one scale a channel"
    return f"{tensor.dtype.name} ({how})"
