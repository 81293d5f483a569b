"""A Parquet table of pictures, as Hugging Face's `datasets` writes it: its columns and its cells.

Read by row group and by column, some rows at a time; never the whole file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

MOST_ROWS = 200_000  # of one table: each is an entry of the set
BATCH = 16  # rows that are unpacked at a time
MOST_BYTES = 64 * 2**20  # of the cells of one answer, unless a single one has more
BUFFER = 2**20  # bytes that are read of a column at a time


def describe(file: BinaryIO) -> dict[str, Any]:
    """What a table has, as JSON can carry it.

    Returns:
        columns: names of those with pictures; groups: rows of each row group; names: of the
        pictures of the first such column, "" where a row has none.

    Raises:
        Exception: whatever pyarrow raises of a damaged file.
    """
    table = _opened(file)
    columns = [field.name for field in table.schema_arrow if _leaf(field) is not None]
    groups = [table.metadata.row_group(k).num_rows for k in range(table.num_row_groups)]
    few = sum(groups) <= MOST_ROWS
    names = list(_names(table, columns[0])) if columns and few else []
    return {"columns": columns, "groups": groups, "names": names}


def cells(file: BinaryIO, group: int, column: str, first: int) -> list[bytes | None]:
    """Some cells of a column, from a row on; None for one that is empty.

    Args:
        file: the table.
        group: of rows.
        column: with pictures.
        first: row within the group.

    Raises:
        Exception: whatever pyarrow raises of a damaged file.
    """
    table = _opened(file)
    leaf = _leaf(table.schema_arrow.field(column))
    found: list[bytes | None] = []
    size, row = 0, 0
    for batch in table.iter_batches(BATCH, row_groups=[group], columns=[leaf], use_threads=False):
        here = batch.column(0).slice(max(0, first - row))
        row += batch.num_rows
        for value in here if row > first else ():
            content = _content(value)
            size += len(content or b"")
            if found and size > MOST_BYTES:
                return found
            found.append(content)
        if found:
            return found
    return found


def _opened(file: BinaryIO) -> pq.ParquetFile:
    return pq.ParquetFile(file, buffer_size=BUFFER, pre_buffer=False)


def _leaf(field: pa.Field) -> str | None:
    """The path of the bytes of a column: its own, or that of `bytes` in a struct."""
    if _is_binary(field.type):
        return str(field.name)
    if pa.types.is_struct(field.type):
        inner = {child.name: child.type for child in field.type}
        return f"{field.name}.bytes" if "bytes" in inner and _is_binary(inner["bytes"]) else None
    return None


def _is_binary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _content(value: pa.Scalar) -> bytes | None:
    found = value.as_py()
    found = found.get("bytes") if isinstance(found, dict) else found
    return bytes(found) if found else None


def _names(table: pq.ParquetFile, column: str) -> Iterator[str]:
    kind = table.schema_arrow.field(column).type
    named = pa.types.is_struct(kind) and any(child.name == "path" for child in kind)
    if not named:
        return
    for batch in table.iter_batches(1000, columns=[f"{column}.path"], use_threads=False):
        for value in batch.column(0):
            path = (value.as_py() or {}).get("path")
            yield str(path or "")[:200]
