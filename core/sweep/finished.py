"""The one Parquet file of a finished sweep, which may come from anybody."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import StoreError
from core.sweep.parts import PLAN_KEY
from core.sweep.plan import Plan, plan_of
from core.sweep.rows import NAMES, Row, from_arrow

MOST_BYTES = 2**29  # of a table that is read as a whole, unpacked: about 500,000 rows
BATCH_ROWS = 256  # of it that are unpacked before their weight is known


def read_rows(path: Path) -> tuple[Plan, list[Row]]:
    """The plan and the rows of a finished table, by place in the set, then as the plan has them.

    Args:
        path: of a `rows.parquet`, which may come from anybody.

    Raises:
        StoreError: it is no such file, or would take too much memory.
        SettingsError: its settings cannot be used.
    """
    try:
        table = _read(path)
        plan = json.loads((table.schema.metadata or {})[PLAN_KEY])
        rows = from_arrow(table.select([name for name in NAMES if name in table.column_names]))
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(
            "The table of this sweep cannot be read.", remedy="Run the sweep again."
        ) from error
    made = plan_of(plan)
    return made, in_order(rows, made)


def _read(path: Path) -> pa.Table:
    """All of a table that may come from anybody, in pieces.

    A text that is named a million times is small in the file, and not in the memory.

    Raises:
        StoreError: it would fill the memory.
    """
    file, batches, size = pq.ParquetFile(path), [], 0
    told = [file.metadata.row_group(k).total_byte_size for k in range(file.num_row_groups)]
    for batch in file.iter_batches(BATCH_ROWS) if sum(told) <= MOST_BYTES else ():
        batches.append(batch)
        size += batch.nbytes
        if size > MOST_BYTES:
            break
    if max(size, sum(told)) > MOST_BYTES:
        raise StoreError(
            f"The table of this sweep takes more than {MOST_BYTES >> 20} MiB.",
            remedy="Open it with pandas or DuckDB.",
        )
    return pa.Table.from_batches(batches, file.schema_arrow)


def in_order(rows: Sequence[Row], plan: Plan) -> list[Row]:
    """By the picture's place in its set, then in the order of the plan's settings."""
    places = {named.name: place for place, named in enumerate(plan.settings)}
    return sorted(rows, key=lambda row: (row.index, places.get(row.setting, 0)))
