"""ADE20K as the scene parsing challenge has it: `images/` and `annotations/`, ids from 1."""

from __future__ import annotations

import re

from core.dataset.entry import Truths
from core.dataset.layouts.layout import Files, Laid
from core.dataset.pairing import pair
from core.dataset.rule import Rule

RULE = Rule("{root}images/{key}.*", "{root}annotations/{key}.*")
NAME = re.compile(r"(^|/)ADE_(train|val|test)_\d+\.")
CLASSES = 150
NOTHING = 255
LIST = "objectinfo150.txt"  # a line a class: number, three figures, names


def ade20k(files: Files) -> Laid | None:
    """0 is nothing, and every other value is a class that is one less."""
    if not {"images", "annotations"} <= files.folders or not any(map(NAME.search, files.names)):
        return None
    found = pair(files.names, RULE, "ADE20K")
    if not found.num_masks:
        return None
    ids = {0: NOTHING, **{value: value - 1 for value in range(1, CLASSES + 1)}}
    return Laid(found, Truths(_names(files), ids=ids), known=True)


def _names(files: Files) -> tuple[str, ...]:
    """The first name of each class, where the list is there."""
    lists = files.ending(LIST)
    lines = files.text(lists[0]).splitlines()[1:] if lists else []
    names = [line.split("\t")[-1].split(",")[0].strip() for line in lines if line.strip()]
    return tuple(names) if len(names) == CLASSES else ()
