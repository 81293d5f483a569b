"""The rows of a sweep as CSV, for spreadsheets."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from core.sweep.rows import NAMES, Row

KEYS = {  # of sparse columns: what their values belong to
    "shares": ("classes",),
    "iou": ("iou_classes",),
    "counts": ("true_ids", "found_ids"),
}
FORMULAS = tuple("=+-@\t\r")  # a text that begins so would be computed by a spreadsheet


def write_sheet(rows: Iterable[Row], target: Path) -> None:
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
