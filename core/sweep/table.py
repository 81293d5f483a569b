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

import errno
import json
import os
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import pyarrow.parquet as pq

from core.errors import InspectionError, StoreError
from core.sweep.disk import alone, appearing, told, write_whole
from core.sweep.parts import (
    JOURNAL,
    PARTS,
    failed_in_parts,
    join,
    names_in_parts,
    part_files,
    part_of,
    whole_lines,
    without,
)
from core.sweep.plan import Plan, plan_of
from core.sweep.rows import FAILED, Row, from_arrow, to_arrow, to_plain
from core.sweep.sheet import write_sheet

HEAD, LABELS = "plan.json", "labels"
ROWS, SHEET = "rows.parquet", "rows.csv"
PART_ROWS = 2000  # of a part, about; a row of 20 classes takes 1 KB


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
        with told(folder):
            (folder / PARTS).mkdir(parents=True, exist_ok=True)
            self._held = alone(folder)
            try:
                self._open()
            except BaseException:
                self._held.close()
                raise

    def _open(self) -> None:
        _check_head(self.folder, self.plan)
        self.done, self._parts = names_in_parts(
            self.folder
        )  # names of finished pictures; parts so far
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
        with told(self.folder):
            self._add(_line(rows))
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
            with told(self.folder):
                path.parent.mkdir(parents=True, exist_ok=True)
                write_whole(path, content)

    def rows(self) -> Iterator[Row]:
        """All rows so far, part by part, in the order in which they were finished."""
        for path in part_files(self.folder):
            yield from from_arrow(part_of(path))
        yield from list(self._fresh)

    def forget_failed(self) -> int:
        """Let pictures that failed be computed again; returns how many.

        Each file is replaced as a whole: a kill in between loses none of the other pictures.

        Raises:
            StoreError: the disk is full, or gone.
        """
        failed = {row.picture for row in self._fresh if row.status == FAILED}
        with told(self.folder):
            failed |= failed_in_parts(self.folder)
            if failed:
                self._rewrite_without(failed)
        self.done -= failed
        return len(failed)

    def _rewrite_without(self, failed: set[str]) -> None:
        for part in part_files(self.folder):
            kept = without(part_of(part), failed)
            with appearing(part) as path:
                pq.write_table(kept, path)
        self._fresh = [row for row in self._fresh if row.picture not in failed]
        each = groupby(self._fresh, key=lambda row: row.picture)
        lines = b"".join(_line(list(rows)) for _, rows in each)
        self._journal.close()
        write_whole(self.folder / JOURNAL, lines)
        self._journal = (self.folder / JOURNAL).open("ab", buffering=0)

    def finish(self) -> Path:
        """Write all rows as one Parquet file and as CSV; returns the first. May be called again.

        Raises:
            StoreError: the disk is full, or gone.
        """
        with told(self.folder):
            if self._fresh:
                self._make_part()
            target, sheet = self.folder / ROWS, self.folder / SHEET
            with appearing(target) as path:
                join(part_files(self.folder), path, self.plan)
            with appearing(sheet) as path:
                write_sheet(self.rows(), path)
        return target

    def _make_part(self) -> None:
        with appearing(self.folder / PARTS / f"{self._parts:08d}.parquet") as path:
            pq.write_table(to_arrow(self._fresh), path)
        self._parts += 1
        self._fresh = []
        self._journal.truncate(0)  # opened for appending: the next line is the first

    def _opened_journal(self) -> tuple[BinaryIO, list[Row]]:
        """The journal, cut after its last whole line, and the rows that no part has."""
        path = self.folder / JOURNAL
        whole, rows = whole_lines(path)
        journal = path.open("ab", buffering=0)
        journal.truncate(whole)
        return journal, [row for row in rows if row.picture not in self.done]


def _line(rows: Sequence[Row]) -> bytes:
    """The rows of one picture as a line of the journal."""
    return json.dumps([to_plain(row) for row in rows], separators=(",", ":")).encode() + b"\n"


def labels_path(folder: Path, digest: str) -> Path:
    """Where the label map of this digest is, if it was kept."""
    return folder / LABELS / digest[:2] / f"{digest}.npz"


def _check_head(folder: Path, plan: Plan) -> None:
    """Write what is computed here, or compare it."""
    path = folder / HEAD
    if not path.exists():
        write_whole(path, json.dumps(plan.to_json(), indent=1).encode())
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
