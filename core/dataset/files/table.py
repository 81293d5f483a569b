"""Cells of Parquet tables: each row is a picture, with its mask in another column."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, BinaryIO

from core.dataset.entry import FileRef, OpenRef
from core.dataset.files import table_rows
from core.dataset.files.limited import (
    MOST_BYTES,
    MOST_FILES,
    damaged,
    gone,
    is_safe,
    too_large,
    too_many,
)
from core.dataset.files.remote import RemoteFile
from core.dataset.finding import Noted
from core.dataset.pairing import Pair
from core.errors import DataSetError
from core.forked import Forks, NotBegunError

FORKS = Forks("core.dataset.files.table_child")
SECONDS = 20.0  # by the clock, on a machine that is busy
MOST_LINE = 2**26  # bytes of the description: 200,000 names of 300
IMAGES = ("image", "img", "pixel_values", "picture", "photo", "input", "rgb")
MASKS = (
    *("label", "labels", "mask", "masks", "annotation", "annotations", "segmentation"),
    *("segmentation_mask", "semantic_segmentation", "semantic", "label_map", "gt", "target"),
    *("ground_truth", "seg"),
)


@dataclass(frozen=True)
class CellRef:
    """A cell of a table: the bytes of a picture's file."""

    file: OpenRef
    name: str
    group: int  # of rows
    row: int  # within the group
    column: str

    def read(self) -> bytes:
        """Its bytes.

        Raises:
            DataSetError: the table is gone or damaged, or the cell empty or too large.
        """
        first = self.row - self.row % table_rows.BATCH
        found = _cells(self.file, self.group, self.column, first)
        place = self.row - first
        if place >= len(found):  # the cells before it are large
            found, place = _cells(self.file, self.group, self.column, self.row), 0
        content = found[place] if found else None
        if content is None:
            raise gone(self.name, "the cell is empty")
        if len(content) > MOST_BYTES:
            raise too_large(self.name)
        return content


def rows_of(files: Sequence[FileRef], noted: Noted) -> tuple[list[Pair], list[CellRef]]:
    """Every row of some tables: the pairs, and the cells as files.

    Args:
        files: tables, in their order.
        noted: takes those that cannot be used.
    """
    pairs: list[Pair] = []
    refs: list[CellRef] = []
    for file in files:
        for pair, cells in _rows(file, noted, alone=len(files) == 1):
            pairs.append(pair)
            refs += cells
            if len(pairs) > MOST_FILES:
                raise too_many(MOST_FILES)
    return pairs, refs


def _rows(file: FileRef, noted: Noted, *, alone: bool) -> Iterator[tuple[Pair, list[CellRef]]]:
    told = _description(file, noted)
    if told is None or not isinstance(file, OpenRef):
        return
    picture, mask = _chosen(told["columns"])
    names, row, seen = told["names"], 0, set()
    for group, count in enumerate(told["groups"]):
        for k in range(count):
            name = names[row] if row < len(names) and is_safe(names[row]) else f"{row:06}"
            name = f"{name} ({row:06})" if name in seen else name
            seen.add(name)
            where = name if alone else f"{file.name.rpartition('.')[0]}/{name}"
            cells = [
                CellRef(file, f"{file.name}#{row}/{column}", group, k, column)
                for column in (picture, mask)
                if column
            ]
            yield Pair(where, cells[0].name, cells[1].name if mask else None), cells
            row += 1


def _description(file: FileRef, noted: Noted) -> dict[str, Any] | None:
    if not isinstance(file, OpenRef):
        noted.add("unread_table", file.name, f"{file.name} is packed: unpack it first.")
        return None
    try:
        told, _ = _asked(file, {})
    except DataSetError as error:
        noted.add("unread_table", file.name, error.message)
        return None
    if not told["columns"]:
        noted.add("unread_table", file.name, f"{file.name} has no column of pictures.")
        return None
    return told


def _chosen(columns: list[str]) -> tuple[str, str | None]:
    """The column of the pictures and that of the masks, by their usual names; else by order."""
    small = {column.lower(): column for column in reversed(columns)}
    mask = next((small[name] for name in MASKS if name in small), None)
    others = [column for column in columns if column != mask]
    picture = next((small[name] for name in IMAGES if name in small), None)
    if picture is None and not others:
        return columns[0], None
    return picture or others[0], mask


# --- who reads ------------------------------------------------------------------------------------


@lru_cache(maxsize=4)  # windows of some rows: a sweep asks for the rows in their order
def _cells(file: OpenRef, group: int, column: str, first: int) -> list[bytes | None]:
    told, body = _asked(file, {"group": group, "column": column, "first": first})
    found: list[bytes | None] = []
    start = 0
    for length in told["lengths"]:
        found.append(None if length is None else body[start : start + length])
        start += length or 0
    return found


def _asked(file: OpenRef, question: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """The answer about a table: by a process of its own, or, from an allowed address, in this one.

    Raises:
        DataSetError: it is gone, damaged, or takes too long or too much memory.
    """
    with file.open() as opened:
        if isinstance(file, RemoteFile):
            return _here(file.name, opened, question)
        path = opened.name
    try:
        with FORKS.ask(json.dumps({"path": path, **question}).encode(), SECONDS) as answer:
            told = json.loads(answer.readline(MOST_LINE) or b'{"error": "it was too much"}')
            body = answer.read(MOST_BYTES + table_rows.MOST_BYTES + 1)
    except (NotBegunError, ValueError) as error:
        raise damaged(file.name, "the process that reads tables ended") from error
    if "error" in told:
        raise damaged(file.name, f"it is no table that can be read ({told['error']})")
    return told, body


def _here(name: str, opened: BinaryIO, question: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    try:
        if not question:
            return table_rows.describe(opened), b""
        found = table_rows.cells(opened, **question)
    except Exception as error:  # pyarrow and the address's client raise anything
        raise damaged(name, f"it is no table that can be read ({type(error).__name__})") from error
    lengths = [None if content is None else len(content) for content in found]
    return {"lengths": lengths}, b"".join(content or b"" for content in found)
