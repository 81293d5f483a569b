"""The process that reads a table which a stranger may have made (see core/forked.py).

It is asked in a line of JSON, and answers with JSON and a line's end, then with the bytes of cells.
"""

from __future__ import annotations

import json
from typing import Any, BinaryIO

import pyarrow.parquet  # noqa: F401 - slow to import, so that no fork has to

from core.dataset.files.table_rows import cells, describe
from core.image.child import limit_process


def answer(request: BinaryIO, out: BinaryIO) -> None:
    """Describe a table, or give some of its cells.

    Args:
        request: JSON: path, and of cells group, column and first.
        out: JSON of the description, or the lengths of the cells (null for an empty one) and the
            cells; {"error": ...} where the file is damaged.
    """
    asked = json.loads(request.read())
    limit_process()
    try:
        with open(asked["path"], "rb") as file:
            told, contents = _answered(file, asked)
    except Exception as error:  # pyarrow raises anything of a damaged file
        told, contents = {"error": type(error).__name__}, []
    out.write(json.dumps(told).encode() + b"\n")
    for content in contents:
        out.write(content or b"")
    out.flush()


def _answered(file: BinaryIO, asked: dict[str, Any]) -> tuple[dict[str, Any], list[bytes | None]]:
    if "group" not in asked:
        return describe(file), []
    found = cells(file, asked["group"], asked["column"], asked["first"])
    lengths = [None if content is None else len(content) for content in found]
    return {"lengths": lengths}, found
