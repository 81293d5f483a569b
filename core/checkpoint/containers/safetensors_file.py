"""The safetensors container: a JSON header and raw numbers."""

from __future__ import annotations

import mmap
from math import prod
from typing import Any

from core.checkpoint.tensors import DTYPES, LeftOut, TensorRecord, check_shape, row_major
from core.checkpoint.text import read_json
from core.errors import CheckpointError, RefusedError

MAX_HEADER_BYTES = 5 * 2**20  # Mask2Former with a Swin-L has 100 KB
LENGTH_BYTES = 8
BY_CODE = {dtype.code: dtype for dtype in DTYPES.values()}


def read_safetensors(
    data: mmap.mmap, start: int = 0, end: int | None = None
) -> tuple[dict[str, TensorRecord | LeftOut], dict[str, str]]:
    """Read the header: tensors by name in the file's order, and the file's metadata.

    Args:
        data: mapped.
        start: where the safetensors file begins in it.
        end: where it ends; None: with the data.

    Raises:
        CheckpointError: truncated or damaged.
        RefusedError: the header is over the limit.
    """
    end, base = len(data) if end is None else end, start + LENGTH_BYTES
    length = int.from_bytes(data[start:base], "little")
    if length > MAX_HEADER_BYTES:
        raise RefusedError(
            f"The header of the safetensors file has {length / 2**20:.0f} MiB; at most "
            f"{MAX_HEADER_BYTES // 2**20} MiB are allowed.",
            remedy="Save the weights again with safetensors.torch.save_file.",
        )
    try:
        text = data[base : min(base + length, end)]
        header = read_json(text, object_pairs_hook=_no_name_twice)
        metadata = header.pop("__metadata__", {})
        base += length
        records = {name: _record(entry, base, end) for name, entry in header.items()}
        _check_ranges(header, end - base)
        return records, {str(k): v for k, v in metadata.items() if isinstance(v, str)}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
        raise CheckpointError(
            f"The safetensors file is truncated or damaged ({str(exc)[:160]}).",
            remedy="Copy or download it again, and compare its size with the original.",
        ) from exc


def _no_name_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a name occurs twice")
    return dict(pairs)


def _record(entry: Any, base: int, size: int) -> TensorRecord | LeftOut:
    start, end = entry["data_offsets"]
    shape = tuple(entry["shape"])
    check_shape(shape)
    if not all(type(number) is int and 0 <= number < 2**62 for number in (start, end)):
        raise ValueError("an offset is not a number")
    if base + end > size or end < start:
        raise ValueError("a tensor extends beyond the end of the file")
    code = entry["dtype"]
    if not isinstance(code, str):
        raise ValueError("a dtype is not a string")
    if (dtype := BY_CODE.get(code)) is None:
        return LeftOut(f"{code[:20]} numbers are not read")
    if prod(shape) * dtype.size != end - start:
        raise ValueError("the length of a tensor does not match its shape")
    return TensorRecord(dtype, shape, row_major(shape), base + start)


def _check_ranges(header: dict[str, Any], size: int) -> None:
    """The format allows no hole and no overlap."""
    end = 0
    for start, stop in sorted(tuple(entry["data_offsets"]) for entry in header.values()):
        if start != end:
            raise ValueError("there is a hole or an overlap between two tensors")
        end = stop
    if end != size:
        raise ValueError("there are bytes after the last tensor")
