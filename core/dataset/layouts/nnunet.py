"""nnU-Net: `imagesTr/case_0000.png` and `labelsTr/case.png`, the names in `dataset.json`."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

from core.dataset.entry import Truths
from core.dataset.finding import DataFinding, Noted
from core.dataset.layouts.layout import Files, Laid
from core.dataset.pairing import pair
from core.dataset.rule import Rule

# The folders' splits are Tr and Ts; _0000 is the first channel, or all of a picture in color.
RULE = Rule("{root}images{split}/{key}_0000.*", "{root}labels{split}/{key}.*")
MORE = re.compile(r"(^|/)imagest[rs]/.+_(?!0000)\d{4}\.(png|bmp|tiff?|npy)$", re.IGNORECASE)
MOST = 65536  # classes


def nnunet(files: Files) -> Laid | None:
    """Values are ids, and the names come from `dataset.json`, with the ignored one."""
    if not {"imagestr", "labelstr"} <= files.folders:
        return None
    found = pair(files.names, RULE, "nnU-Net")
    found = replace(found, notes=_more_channels(files))
    return Laid(found, _truths(files), known=True) if found.pairs else None


def _more_channels(files: Files) -> tuple[DataFinding, ...]:
    noted = Noted()
    for name in filter(MORE.search, files.names):
        noted.add("more_channels", name)
    return noted.findings()


def _truths(files: Files) -> Truths:
    lists = [name for name in files.names if name.rpartition("/")[2] == "dataset.json"]
    labels = _labels(files.text(lists[0])) if lists else {}
    ignored = labels.pop("ignore", 255)
    by_id = {value: name for name, value in labels.items()}
    names = tuple(by_id.get(k, str(k)) for k in range(max(by_id, default=-1) + 1))
    return Truths(names, ignore_index=ignored)


def _labels(text: str) -> dict[str, int]:
    """Name -> id, of version 1 ("0": "background") and of version 2 ("background": 0)."""
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    labels = told.get("labels") if isinstance(told, dict) else None
    pairs = [_pair(*each) for each in labels.items()] if isinstance(labels, dict) else []
    return {name: value for name, value in pairs if 0 <= value < MOST}


def _pair(key: str, value: Any) -> tuple[str, int]:
    """-1 where it is neither, as a region of several ids."""
    if isinstance(value, int):
        return key, value
    return str(value)[:100], int(key) if key.isdecimal() and isinstance(value, str) else -1
