"""One mask, looked at: how many pixels each class has, and whether it is a label map at all."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from core.dataset.entry import Truths
from core.dataset.truth import truth_in
from core.errors import MaskError
from core.image.raster import Raster
from core.mask_file.finding import Finding
from core.mask_file.inspect import inspect_mask
from core.mask_file.levels import Levels
from core.mask_file.stored import Stored
from core.scores import MAX_ID

WINDOW = 512  # pixels a side in the middle of a mask, where its edges are looked at
FEW = 256  # values of a mask that are kept by name
GHOSTS = ("jpeg_ghosts", "resized", "soft_mask")  # of core/mask_file/kinds
IDS = (  # kinds whose values are read rightly as they are, or by a table of the set
    *("ids_as_gray", "gray_palette", "one_based", "ignore_255", "two_values", "stretched"),
    *("cityscapes_label_ids", "colored", "other_colors", "dark_colors", "color_map", "all_zero"),
    *("one_value", "label_array", "deep_ids", "float_ids", "unknown_values", "bgr_palette"),
    *("palette_luminance", "inverted", "wrapped", "palette_as_fractions"),
)
UNCLEAR = ("undecided", "smooth", "scores_rounded")  # kinds of which ramps at edges decide
RAMPS = 0.15  # share of the edge pixels between two others; interpolated ids have 0.17 to 0.4
REGIONS = 0.7  # share of the pixels inside regions, of a mask that was interpolated


@dataclass(frozen=True, eq=False)
class SeenMask:
    """What one mask holds under the reading of its set."""

    counts: np.ndarray  # Int64[MAX_ID + 2], pixels by id; the last one: below 0, or above
    values: frozenset[int]  # of the file, in gray; empty for colors and for more than FEW
    unread: str = ""  # why its values are no ids, a sentence
    ghosts: str = ""  # what lies between the classes, a sentence
    other: str = ""  # what it is where it is no label map, a few words


def see(raster: Raster, truths: Truths) -> SeenMask:
    """Look at a mask.

    Args:
        raster: its numbers.
        truths: the reading of its set.
    """
    counts, unread = _counts(raster, truths)
    stored = Stored(raster)
    clean = _clean(stored)
    first = None if clean else _inspected(raster)
    ghosts = _between(first) if first is not None and _has_ghosts(first, raster) else ""
    other = "" if first is None or ghosts or first.kind_id in IDS else first.kind.title
    if truths.ids or truths.colors:
        other = "" if not unread else other
    return SeenMask(counts, _values(stored.levels), unread, ghosts, other)


def _counts(raster: Raster, truths: Truths) -> tuple[np.ndarray, str]:
    width, height = raster.size
    try:
        ids = truth_in(raster, truths, (height, width)).ids
    except MaskError as error:
        return np.zeros(MAX_ID + 2, np.int64), error.message
    kept = np.where((ids < 0) | (ids > MAX_ID), MAX_ID + 1, ids)
    return np.bincount(kept.ravel(), minlength=MAX_ID + 2), ""


def _values(levels: Levels | None) -> frozenset[int]:
    few = levels is not None and len(levels.values) <= FEW
    return frozenset(levels.values.tolist()) if few and levels is not None else frozenset()


def _clean(stored: Stored) -> bool:
    """Whether regions meet with nothing between them, which is all that a label map needs."""
    opaque = stored.alpha is None or bool((stored.alpha == stored.alpha.flat[0]).all())
    levels = stored.levels if stored.rgb is None else stored.colors
    return opaque and levels is not None and stored.raster.format != "JPEG" and levels.is_clean


def _inspected(raster: Raster) -> Finding:
    """What the door for single masks says of the middle of it."""
    height, width = raster.values.shape[:2]
    top, left = max(0, height - WINDOW) // 2, max(0, width - WINDOW) // 2
    window = np.ascontiguousarray(raster.values[top : top + WINDOW, left : left + WINDOW])
    return inspect_mask(b"", read=lambda _: replace(raster, values=window)).first


def _between(first: Finding) -> str:
    """What the door says, where it has decided."""
    undecided = first.kind_id in UNCLEAR
    return "between its regions lie values between theirs." if undecided else first.sentence


def _has_ghosts(first: Finding, raster: Raster) -> bool:
    levels = Stored(raster).levels
    if first.kind_id in GHOSTS or levels is None:
        return first.kind_id in GHOSTS
    if raster.format == "JPEG":
        off = len(levels.values) > 1 + int(levels.main.sum())
        return first.kind_id in UNCLEAR or (first.kind_id in IDS and off)
    between = levels.ramp_share > RAMPS and levels.region_share > REGIONS
    return first.kind_id in UNCLEAR and between
