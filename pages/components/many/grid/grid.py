"""The grid of small pictures: figures go to the browser, pictures come as they are seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from core.colors import palette_colors

if TYPE_CHECKING:
    from core.settings import Display
    from core.sweep import Row

_HERE = Path(__file__).parent
NUMBERS = ("mean_iou", "accuracy", "dice", "foreground", "confidence", "first_kl", "seconds")
DIGITS = 5  # of a figure; more would only be sent


def _source(*names: str) -> str:
    return "\n".join((_HERE / name).read_text(encoding="utf-8") for name in names)


_GRID = st.components.v2.component(
    "maskscope_grid",
    html=_source("grid.html"),
    css=_source("grid.css"),
    js=_source("rows.js", "tiles.js", "grid_main.js"),
)


def show_grid(
    rows: Sequence[Row],
    *,
    key: str,
    address: str,
    display: Display,
    names: Sequence[str],
    picked: Sequence[int],
    opened: int | None,
    on_open: Callable[[], None],
) -> None:
    """Draw it.

    Args:
        rows: of one of the settings, one for each picture.
        key: of set and sweep; what was sorted, filtered and scrolled is kept by it.
        address: where the small pictures are asked.
        display: palette and class colors.
        names: of the classes, by id.
        picked: places of pictures that are shown alone; none: all.
        opened: place of the picture that was opened last.
        on_open: called when one is clicked; its place is in the session as `many_grid`.
    """
    classes = max((row.num_classes for row in rows), default=0)
    present = sorted({k for row in rows for k in row.classes if k >= 0})
    _GRID(
        data={
            "key": key,
            "address": address,
            "rows": _columns(rows),
            "colors": palette_colors(display, classes).tobytes().hex(),
            "classes": [[k, names[k] if k < len(names) else f"class {k}"] for k in present],
            "picked": list(picked),
            "opened": opened,
        },
        key="many_grid",
        on_open_change=on_open,
    )


def _columns(rows: Sequence[Row]) -> dict[str, list[Any]]:
    """The rows by column, without what only a table needs."""
    columns: dict[str, list[Any]] = {
        name: [getattr(row, name) for row in rows] for name in ("index", "picture", "labels")
    }
    columns["reason"] = [row.reason if row.status == "failed" else "" for row in rows]
    for name in NUMBERS:
        columns[name] = [
            None if row.status == "failed" or (value := getattr(row, name)) is None
            else round(value, DIGITS)
            for row in rows
        ]  # fmt: skip
    return columns
