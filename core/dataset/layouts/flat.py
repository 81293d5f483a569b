"""Pictures and masks in folders, or side by side, under the names that people give them."""

from __future__ import annotations

from collections.abc import Iterator

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
        for suffix in SUFFIXES[1:]
        if any(f"{suffix.lower()}." in name.lower() for name in files.names)
        for ours in PICTURE_SUFFIXES
    )
    return _best(files, rules, "masks beside pictures")


def _by_folder(files: Files) -> Iterator[Rule]:
    for images in (name for name in IMAGES if name in files.folders):
        for masks in (name for name in MASKS if name in files.folders):
            for suffix in SUFFIXES:
                yield Rule(f"{{root}}{images}/{{key}}.*", f"{{root}}{masks}/{{key}}{suffix}.*")
    for masks in MASKS:
        if any(folder.endswith(f"_{masks}") for folder in files.folders):
            for suffix in SUFFIXES:
                yield Rule("{root}{split}/{key}.*", f"{{root}}{{split}}_{masks}/{{key}}{suffix}.*")


def _best(files: Files, rules: Iterator[Rule], layout: str) -> Laid | None:
    best: Pairing | None = None
    for rule in rules:
        found = pair(files.names, rule, layout)
        if best is None or found.num_masks > best.num_masks:
            best = found
        if found.num_masks and found.num_masks >= ENOUGH * (found.num_masks + len(found.left)):
            break
    return Laid(best) if best is not None and best.num_masks else None
