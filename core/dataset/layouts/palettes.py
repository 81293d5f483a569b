"""Known palettes as the tables of a data set: colors by id, and those of no class."""

from __future__ import annotations

from core.dataset.entry import Color
from core.mask_file.palettes import VOID, Known


def colors_of(known: Known) -> tuple[tuple[Color, ...], tuple[Color, ...]]:
    """Colors by id, and colors of no class."""
    rows = [
        (int(red), int(green), int(blue), int(class_id))
        for (red, green, blue), class_id in zip(known.colors, known.ids, strict=True)
    ]
    classes = sorted((row for row in rows if row[3] != VOID), key=lambda row: row[3])
    return tuple(row[:3] for row in classes), tuple(row[:3] for row in rows if row[3] == VOID)
