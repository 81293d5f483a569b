"""A list of classes and colors that lies in a set: `class_dict.csv`, `label_colors.txt`."""

from __future__ import annotations

import csv
import re

from core.dataset.entry import Color, Truths
from core.dataset.layouts.layout import Files

CSV = ("class_dict.csv", "class_dict_seg.csv", "classes.csv", "labels_class_dict.csv")
LINES = ("label_colors.txt", "labelmap.txt")
LINE = re.compile(r"^\s*(\d{1,3})[\s,]+(\d{1,3})[\s,]+(\d{1,3})[\s,]+(\S.*)$")  # 64 128 64 Animal
CVAT = re.compile(r"^([^:#]+):(\d{1,3}),(\d{1,3}),(\d{1,3}):")  # road:128,64,128:: of CVAT
MOST = 256  # classes
VOID = ("void", "unlabelled", "unlabeled", "ignore", "unknown")  # names of no class


def color_list(files: Files) -> Truths | None:
    """Colors by id as such a list gives them, in its order; None without one that can be read."""
    rows = _rows(files)[:MOST]
    if len(rows) < 2 or any(max(color) > 255 for _, color in rows):
        return None
    void = tuple(color for name, color in rows if name.lower() in VOID)
    return Truths(
        tuple(name for name, _ in rows), tuple(color for _, color in rows),
        void_colors=void, in_color=True,
    )  # fmt: skip


def _rows(files: Files) -> list[tuple[str, Color]]:
    for name in files.ending(*CSV):
        table = csv.DictReader(files.text(name).splitlines())
        rows = [{(k or "").strip().lower(): v for k, v in row.items()} for row in table]
        if rows and all({"name", "r", "g", "b"} <= row.keys() for row in rows):
            return [_of_csv(row) for row in rows if _is_color(row)]
    for name in files.ending(*LINES):
        found = [row for line in files.text(name).splitlines() if (row := _of_line(line))]
        if found:
            return found
    return []


def _is_color(row: dict[str, str]) -> bool:
    return all(str(row[part]).strip().isdecimal() for part in "rgb")


def _of_csv(row: dict[str, str]) -> tuple[str, Color]:
    return str(row["name"]).strip()[:100], (int(row["r"]), int(row["g"]), int(row["b"]))


def _of_line(line: str) -> tuple[str, Color] | None:
    if found := LINE.match(line):
        red, green, blue, name = found.groups()
    elif found := CVAT.match(line):
        name, red, green, blue = found.groups()
    else:
        return None
    return name.strip()[:100], (int(red), int(green), int(blue))
