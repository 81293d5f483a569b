"""The rows of a sweep on the disk: a finished picture is there whole, or it is not there.

    journal.jsonl   one line a picture, written when it is done; a torn last line is cut off
    parts/          what the journal held, as Parquet, once that is enough
    rows.parquet, rows.csv      all of it, when the sweep is done
    labels/         label maps by digest, where asked

A part appears by a rename and the journal is emptied after it. What is in both when a process is
killed in between is taken from the part. A power cut may lose the newest lines of the journal,
which are then computed again.
"""

from __future__ import annotations

import contextlib
import csv
import errno
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import InspectionError, StoreError
from core.sweep.plan import Plan, plan_of
from core.sweep.rows import NAMES, SCHEMA, Row, from_arrow, from_plain, to_arrow, to_plain

HEAD, JOURNAL, PARTS, LABELS = "plan.json", "journal.jsonl", "parts", "labels"
ROWS, SHEET = "rows.parquet", "rows.csv"
PART_ROWS = 2000  # of a part, about; a row of 20 classes takes 1 KB
MOST_BYTES = 2**29  # of a table that is read as a whole, unpacked: about 500,000 rows
BATCH_ROWS = 256  # of it that are unpacked before their weight is known
PLAN_KEY = b"maskscope.plan"  # of the Parquet file's metadata
KEYS = {  # of sparse columns: what their values belong to
    "shares": ("classes",),
    "iou": ("iou_classes",),
    "counts": ("true_ids", "found_ids"),
}
FORMULAS = tuple("=+-@\t\r")  # a text that begins so would be computed by a spreadsheet


class Table:
    """The rows of one plan in one folder; one process writes at a time."""

    def __init__(self, folder: Path, plan: Plan, *, part_rows: int = PART_ROWS) -> None:
        """Open the folder, made if missing; what an earlier run has finished stays.

        Args:
            folder: of this plan alone.
            plan: what is computed.
            part_rows: how many rows make a part.

        Raises:
            StoreError: the folder has the rows of another plan, cannot be written, or another
                process writes there just now.
        """
        self.folder, self.plan, self._part_rows = folder, plan, part_rows
        with _told(folder):
            (folder / PARTS).mkdir(parents=True, exist_ok=True)
            self._held = _alone(folder)
            try:
                self._open()
            except BaseException:
                self._held.close()
                raise

    def _open(self) -> None:
        _check_head(self.folder, self.plan)
        self.done, self._parts = _in_parts(self.folder)  # names of finished pictures; parts so far
        self._journal, self._fresh = self._opened_journal()
        self.done |= {row.picture for row in self._fresh}

    def __enter__(self) -> Table:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let others write; nothing that was appended is lost."""
        self._journal.close()
        self._held.close()

    def append(self, rows: Sequence[Row]) -> None:
        """Keep all rows of one picture, whole: when this returns, a kill does not lose them.

        Raises:
            StoreError: the disk is full, or gone.
        """
        line = json.dumps([to_plain(row) for row in rows], separators=(",", ":"))
        with _told(self.folder):
            self._add(line.encode() + b"\n")
            self._fresh += rows
            self.done |= {row.picture for row in rows}
            if len(self._fresh) >= self._part_rows:
                self._make_part()

    def _add(self, line: bytes) -> None:
        """Write a line whole or not at all; a full disk takes a part of it without a word."""
        before = os.fstat(self._journal.fileno()).st_size
        if self._journal.write(line) != len(line):
            self._journal.truncate(before)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def keep_labels(self, digest: str, content: bytes) -> None:
        """Write a label map, as `labels_to_file` gives it, under its digest."""
        path = labels_path(self.folder, digest)
        if not path.exists():
            with _told(self.folder):
                path.parent.mkdir(parents=True, exist_ok=True)
                _write(path, content)

    def rows(self) -> Iterator[Row]:
        """All rows so far, part by part, in the order in which they were finished."""
        for path in _part_files(self.folder):
            yield from from_arrow(_part(path))
        yield from list(self._fresh)

    def finish(self) -> Path:
        """Write all rows as one Parquet file and as CSV; returns the first. May be called again.

        Raises:
            StoreError: the disk is full, or gone.
        """
        with _told(self.folder):
            if self._fresh:
                self._make_part()
            target, sheet = self.folder / ROWS, self.folder / SHEET
            with _appearing(target) as path:
                _join(_part_files(self.folder), path, self.plan)
            with _appearing(sheet) as path:
                _write_sheet(self.rows(), path)
        return target

    def _make_part(self) -> None:
        with _appearing(self.folder / PARTS / f"{self._parts:08d}.parquet") as path:
            pq.write_table(to_arrow(self._fresh), path)
        self._parts += 1
        self._fresh = []
        self._journal.truncate(0)  # opened for appending: the next line is the first

    def _opened_journal(self) -> tuple[BinaryIO, list[Row]]:
        """The journal, cut after its last whole line, and the rows that no part has."""
        path = self.folder / JOURNAL
        whole, rows = _whole_lines(path)
        journal = path.open("ab", buffering=0)
        journal.truncate(whole)
        return journal, [row for row in rows if row.picture not in self.done]


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


def rows_so_far(folder: Path) -> list[Row]:
    """The rows of all finished pictures, though another process may write there just now.

    The journal first: what is moved to a part meanwhile is in both, and not in neither.
    """
    _, fresh = _whole_lines(folder / JOURNAL)
    rows = [row for each in _part_files(folder) for row in from_arrow(_part(each))]
    known = {row.picture for row in rows}
    return rows + [row for row in fresh if row.picture not in known]


def _part(path: Path) -> pa.Table:
    return pq.read_table(path, schema=SCHEMA)


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


def labels_path(folder: Path, digest: str) -> Path:
    """Where the label map of this digest is, if it was kept."""
    return folder / LABELS / digest[:2] / f"{digest}.npz"


# --- opening --------------------------------------------------------------------------------------


def _check_head(folder: Path, plan: Plan) -> None:
    """Write what is computed here, or compare it."""
    path = folder / HEAD
    if not path.exists():
        _write(path, json.dumps(plan.to_json(), indent=1).encode())
        return
    try:
        known = plan_of(json.loads(path.read_bytes())).digest
    except (ValueError, InspectionError):
        known = ""
    if known != plan.digest:
        raise StoreError(
            f"{folder} holds the rows of another sweep: of another network, other settings or "
            "other pictures.",
            remedy="Name another folder.",
        )


def _in_parts(folder: Path) -> tuple[set[str], int]:
    """Names of the pictures in all parts, and the number of the next part."""
    names: set[str] = set()
    paths = _part_files(folder)
    for path in paths:
        names.update(pq.read_table(path, columns=["picture"])["picture"].to_pylist())
    return names, int(paths[-1].stem) + 1 if paths else 0


def _part_files(folder: Path) -> list[Path]:
    return sorted((folder / PARTS).glob("*.parquet"))


def _whole_lines(path: Path) -> tuple[int, list[Row]]:
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


def _alone(folder: Path) -> BinaryIO:
    """Hold the folder until the file is closed, also by the end of the process.

    Where the system has no such locks (Windows), nothing is held.
    """
    file = (folder / "lock").open("wb")
    try:
        import fcntl
    except ImportError:
        return file
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise StoreError(
            f"Another process computes this sweep in {folder} just now.",
            remedy="Wait for its end, or name another folder.",
        ) from error
    return file


@contextlib.contextmanager
def _told(folder: Path) -> Iterator[None]:
    """What the disk refuses, as a sentence."""
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise StoreError(
            f"The rows of the sweep cannot be kept in {folder}: {why}.",
            remedy="Make room there or name another folder; finished pictures are not lost.",
        ) from error


# --- writing --------------------------------------------------------------------------------------


@contextlib.contextmanager
def _appearing(target: Path) -> Iterator[Path]:
    """A path to write to; what was written appears under its name at the end, whole."""
    path = target.with_name(f".{target.name}.new")
    yield path
    with path.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(path, target)


def _write(target: Path, content: bytes) -> None:
    with _appearing(target) as path:
        path.write_bytes(content)


def _join(parts: Sequence[Path], target: Path, plan: Plan) -> None:
    """Put parts into one file, one after the other."""
    schema = SCHEMA.with_metadata({PLAN_KEY: json.dumps(plan.to_json()).encode()})
    with pq.ParquetWriter(target, schema) as writer:
        for path in parts:
            table = _part(path)
            writer.write_table(table.replace_schema_metadata(schema.metadata))


def _write_sheet(rows: Iterator[Row], target: Path) -> None:
    """Numbers as Python writes them; what is sparse as "id:value id:value"."""
    left_out = {key for keys in KEYS.values() for key in keys}
    names = [name for name in NAMES if name not in left_out]
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        for row in rows:
            writer.writerow([_cell(row, name) for name in names])


def _cell(row: Row, name: str) -> Any:
    value = getattr(row, name)
    if isinstance(value, str):
        return f"'{value}" if value[:1] in FORMULAS else value
    if not isinstance(value, tuple):
        return value
    ids = zip(*(getattr(row, key) for key in KEYS[name]), strict=True)
    keys = (">".join(map(str, each)) for each in ids)
    return " ".join(f"{key}:{each}" for key, each in zip(keys, value, strict=True))
