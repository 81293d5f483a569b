"""Pascal VOC: `JPEGImages/` and `SegmentationClass/`, the splits in `ImageSets/Segmentation/`."""

from __future__ import annotations

import re
from dataclasses import replace

from core.dataset.entry import Truths
from core.dataset.layouts.layout import Files, Laid
from core.dataset.layouts.palettes import colors_of
from core.dataset.pairing import Pairing, pair
from core.dataset.rule import Rule
from core.mask_file.palettes import data_sets

NAME = re.compile(r"(^|/)(\d{4}_)?\d{6}\.")  # of VOC's pictures: 2007_000032, of VOC2007 000005
MASKS = ("SegmentationClass", "SegmentationClassAug", "SegmentationClassRaw")
SPLITS = ("train", "val", "test")  # trainval lists those of both once more
NAMES = (
    *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair"),
    *("cow", "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa"),
    *("train", "tvmonitor"),
)


def voc(files: Files) -> Laid | None:
    """Indices are ids, 255 is the border; pictures that no list of the task names are left out."""
    masks = next((name for name in MASKS if name.lower() in files.folders), None)
    if masks is None or "jpegimages" not in files.folders:
        return None
    rule = Rule("{root}JPEGImages/{key}.*", f"{{root}}{masks}/{{key}}.*")
    found = _by_lists(pair(files.names, rule, "Pascal VOC"), _lists(files))
    if not any(NAME.search(each.picture) for each in found.pairs):
        return Laid(found)  # somebody's own classes in VOC's folders
    colors, void = colors_of(data_sets()[0])
    return Laid(found, Truths(NAMES, colors, void_colors=void), known=True)


def _lists(files: Files) -> dict[str, str]:
    """Name -> split, of the lists that are there; a name in two of them is of the first."""
    found: dict[str, str] = {}
    for split in (*SPLITS, "trainval"):
        for name in files.ending(f"imagesets/segmentation/{split}.txt"):
            for line in files.text(name).split():
                found.setdefault(line, split)
    return found


def _by_lists(pairing: Pairing, lists: dict[str, str]) -> Pairing:
    if not lists:
        return pairing
    pairs = tuple(
        replace(each, name=f"{lists[key]}/{each.name}")
        for each in pairing.pairs
        if (key := each.name.rpartition("/")[2]) in lists
    )
    order = tuple(sorted(pairs, key=lambda each: (each.name.split("/")[0], each.picture)))
    return replace(pairing, pairs=order)
