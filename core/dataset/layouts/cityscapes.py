"""Cityscapes: `leftImg8bit/` and `gtFine/` (or `gtCoarse/`), below them split and city."""

from __future__ import annotations

from core.dataset.entry import Truths
from core.dataset.layouts.layout import Files, Laid
from core.dataset.layouts.palettes import colors_of
from core.dataset.pairing import Pairing, pair
from core.dataset.rule import Rule
from core.mask_file.numbered import VOID
from core.mask_file.numbered_plainly import EVALUATED
from core.mask_file.palettes import data_sets

PICTURES = "{any}leftImg8bit/{key}_leftImg8bit.*"
LABEL_IDS = 34  # cityscapesScripts helpers/labels.py: 0 to 33
NAMES = (
    "road",
    "sidewalk",
    "building",
    "wall",
    "fence",
    "pole",
    "traffic light",
    "traffic sign",
    "vegetation",
    "terrain",
    "sky",
    "person",
    "rider",
    "car",
    "truck",
    "bus",
    "train",
    "motorcycle",
    "bicycle",
)
TRAIN_IDS = {
    **{value: EVALUATED.index(value) if value in EVALUATED else VOID for value in range(LABEL_IDS)},
    VOID: VOID,
}


def cityscapes(files: Files) -> Laid | None:
    """Train ids where they are there for all, else label ids, which become train ids."""
    kinds = [kind for kind in ("gtFine", "gtCoarse") if kind.lower() in files.folders]
    if not kinds or "leftimg8bit" not in files.folders:
        return None
    found = [(kind, _of_kind(files, kinds, kind)) for kind in TRUTHS]
    kind, best = max(found, key=lambda each: each[1].num_masks)  # the first of equal ones
    return Laid(best, TRUTHS[kind], known=True) if best.num_masks else None


def _of_kind(files: Files, folders: list[str], kind: str) -> Pairing:
    every = (
        pair(files.names, Rule(PICTURES, f"{{any}}{each}/{{key}}_{each}_{kind}.*"), "Cityscapes")
        for each in folders
    )
    return max(every, key=lambda pairing: pairing.num_masks)


def _colored() -> Truths:
    colors, void = colors_of(data_sets()[1])
    return Truths(NAMES, colors, void_colors=void, in_color=True)


# What is written beside a picture, in the order in which it is taken.
TRUTHS = {
    "labelTrainIds": Truths(NAMES),
    "labelIds": Truths(NAMES, ids=TRAIN_IDS),
    "color": _colored(),
}
