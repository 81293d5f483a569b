"""Pictures and masks in folders, or side by side, under the names that people give them."""

from __future__ import annotations

from collections.abc import Iterator

from core.dataset.layouts.affixes import rule_of_affixes
from core.dataset.layouts.color_list import color_list
from core.dataset.layouts.layout import Files, Laid
from core.dataset.pairing import Pairing, pair
from core.dataset.rule import Rule

IMAGES = (
    *("images", "image", "imgs", "img", "pictures", "picture", "photos", "photo", "frames"),
    *("inputs", "input", "original_images", "rgb", "jpegimages", "leftimg8bit", "x"),
)
MASKS = (
    *("masks", "mask", "labels", "label", "annotations", "annotation", "annots", "gt"),
    *("ground_truth", "groundtruth", "ground_truths", "truth", "segmentation", "segmentations"),
    *("seg", "targets", "target", "label_images_semantic", "segmentationclass", "gtfine", "y"),
)
# What a mask's name has more than its picture's, the commonest first.
SUFFIXES = (
    *("", "_mask", "_masks", "_label", "_labels", "_gt", "_seg", "_segmentation", "_L"),
    *("_groundtruth", "_ground_truth", "_truth", "_annotation", "_target", "_lbl", "-mask"),
    *("-label", "-gt", ".mask", ".label", "_GT", "_P"),
)
PICTURE_SUFFIXES = ("", "_image", "_img", "_sat", "_rgb")
ENOUGH = 0.5  # share of the masks that have a picture, from which on no other rule is tried


def folders(files: Files) -> Laid | None:
    """`images/` and `masks/`, before or after the name of a split; `train/` and `train_masks/`."""
    return _best(files, _by_folder(files), "pictures and masks")


def side_by_side(files: Files) -> Laid | None:
    """`a.jpg` and `a_mask.png` in one folder."""
    rules = (
        Rule(f"{{root}}{{key}}{ours}.*", f"{{root}}{{key}}{suffix}.*")
        for suffix in _there(files, SUFFIXES[1:])
        for ours in _there(files, PICTURE_SUFFIXES)
    )
    return _best(files, rules, "masks beside pictures")


def unpaired(files: Files) -> Laid | None:
    """Folders of both names, and no name of one in the other: masks are at least no pictures."""
    for images in (name for name in IMAGES if name in files.folders):
        for masks in (name for name in MASKS if name in files.folders):
            rule = Rule(f"{{root}}{images}/{{key}}.*", f"{{root}}{masks}/{{key}}.*")
            found = pair(files.names, rule, "pictures and masks")
            if found.pairs and found.left:
                return Laid(found)
    return None


def _there(files: Files, suffixes: tuple[str, ...]) -> list[str]:
    """Those that some name has; "" is always there."""
    names = [name.lower() for name in files.names]
    return [each for each in suffixes if any(f"{each.lower()}." in name for name in names)]


def _by_folder(files: Files) -> Iterator[Rule]:
    suffixes = _there(files, SUFFIXES)
    for images in (name for name in IMAGES if name in files.folders):
        for masks in (name for name in MASKS if name in files.folders):
            for suffix in suffixes:
                yield Rule(f"{{root}}{images}/{{key}}.*", f"{{root}}{masks}/{{key}}{suffix}.*")
            if rule := rule_of_affixes(files, images, masks):
                yield rule
    for masks in MASKS:
        if any(folder.endswith(f"_{masks}") for folder in files.folders):
            for suffix in suffixes:
                yield Rule("{root}{split}/{key}.*", f"{{root}}{{split}}_{masks}/{{key}}{suffix}.*")


def _best(files: Files, rules: Iterator[Rule], layout: str) -> Laid | None:
    best: Pairing | None = None
    for rule in rules:
        found = pair(files.names, rule, layout)
        if best is None or found.num_masks > best.num_masks:
            best = found
        if found.num_masks and found.num_masks >= ENOUGH * (found.num_masks + len(found.left)):
            break
    if best is None or not best.num_masks:
        return None
    colors = color_list(files)
    return Laid(best) if colors is None else Laid(best, colors, known=True)
