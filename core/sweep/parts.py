"""What a sweep has finished so far: Parquet parts, and the journal's lines that no part has."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from core.sweep.plan import Plan
from core.sweep.rows import FAILED, SCHEMA, Row, from_arrow, from_plain

JOURNAL, PARTS = "journal.jsonl", "parts"
PLAN_KEY = b"maskscope.plan"  # of the Parquet file's metadata


def part_files(folder: Path) -> list[Path]:
    """The parts, the oldest first."""
    return sorted((folder / PARTS).glob("*.parquet"))


def part_of(path: Path) -> pa.Table:
    """The columns of a part; what an older version did not write is null."""
    return pq.read_table(path, schema=SCHEMA)


def names_in_parts(folder: Path) -> tuple[set[str], int]:
    """Names of the pictures in all parts, and the number of the next part."""
    names: set[str] = set()
    paths = part_files(folder)
    for path in paths:
        names.update(pq.read_table(path, columns=["picture"])["picture"].to_pylist())
    return names, int(paths[-1].stem) + 1 if paths else 0


def failed_in_parts(folder: Path) -> set[str]:
    """Names of the pictures that could not be computed under one of the settings."""
    names: set[str] = set()
    for path in part_files(folder):
        told = pq.read_table(path, columns=["picture", "status"])
        names.update(told.filter(pc.equal(told["status"], FAILED))["picture"].to_pylist())
    return names


def without(table: pa.Table, names: set[str]) -> pa.Table:
    """The rows of all other pictures."""
    gone = pc.is_in(table["picture"], value_set=pa.array(sorted(names)))
    return table.filter(pc.invert(gone))


def whole_lines(path: Path) -> tuple[int, list[Row]]:
    """How many bytes of a journal are whole lines, and their rows."""
    whole, rows = 0, []
    if not path.exists():
        return 0, []
    with path.open("rb") as file:
        for line in file:
            try:
                found = [from_plain(value) for value in json.loads(line)]
            except (ValueError, TypeError):
                break
            if not line.endswith(b"\n"):
                break
            whole += len(line)
            rows += found
    return whole, rows


def rows_so_far(folder: Path) -> list[Row]:
    """The rows of all finished pictures, though another process may write there just now.

    The journal first: what is moved to a part meanwhile is in both, and not in neither.
    """
    _, fresh = whole_lines(folder / JOURNAL)
    rows = [row for each in part_files(folder) for row in from_arrow(part_of(each))]
    known = {row.picture for row in rows}
    return rows + [row for row in fresh if row.picture not in known]


def join(parts: Sequence[Path], target: Path, plan: Plan) -> None:
    """Put parts into one file, one after the other."""
    schema = SCHEMA.with_metadata({PLAN_KEY: json.dumps(plan.to_json()).encode()})
    with pq.ParquetWriter(target, schema) as writer:
        for path in parts:
            table = part_of(path)
            writer.write_table(table.replace_schema_metadata(schema.metadata))
