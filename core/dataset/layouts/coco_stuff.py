"""COCO-Stuff: `images/` and `stuffthingmaps/`, or the pixel maps of stuff alone; 255 is nothing."""

from __future__ import annotations

from core.dataset.entry import Truths
from core.dataset.layouts.layout import Files, Laid
from core.dataset.pairing import Pairing, pair
from core.dataset.rule import Rule

NOTHING = 255
IDS = 182  # of things and stuff, each one less than its category
# Categories of COCO that no picture has, less one: 12, 26, 29, 30, 45, 66, 68, 69, 71, 83, 91.
MISSING = (11, 25, 28, 29, 44, 65, 67, 68, 70, 82, 90)
STUFF = range(92, 184)  # of the pixel maps: categories of stuff, the last is everything else
KEPT = [value for value in range(IDS) if value not in MISSING]
TRAIN_IDS = {**{value: k for k, value in enumerate(KEPT)}, NOTHING: NOTHING}  # 171 classes

MAPS = (
    ("{root}images/{key}.*", "{root}stuffthingmaps/{key}_labelTrainIds.*"),
    ("{root}images/{key}.*", "{root}stuffthingmaps/{key}.*"),
    ("{any}{split}/{key}.*", "{any}stuffthingmaps/{split}/{key}.*"),
)
PIXEL_MAPS = (
    ("{any}{split}/{key}.*", "{any}stuff_{split}_pixelmaps/{key}.*"),
    ("{any}{split}/{key}.*", "{any}pixelmaps/{split}/{key}.*"),
    ("{root}images/{key}.*", "{root}pixelmaps/{key}.*"),
)


def coco_stuff(files: Files) -> Laid | None:
    """Values of `stuffthingmaps` are ids; in the pixel maps 0 is nothing too."""
    if "stuffthingmaps" in files.folders and (found := _first(files, MAPS)):
        return Laid(found, Truths(ignore_index=NOTHING), known=True)
    if any("pixelmaps" in folder for folder in files.folders):
        found = _first(files, PIXEL_MAPS)
        ids = {0: NOTHING, NOTHING: NOTHING, **{value: value for value in STUFF}}
        return Laid(found, Truths(ids=ids), known=True) if found else None
    return None


def _first(files: Files, patterns: tuple[tuple[str, str], ...]) -> Pairing | None:
    every = (pair(files.names, Rule(*each), "COCO-Stuff") for each in patterns)
    return next((found for found in every if found.num_masks), None)
