"""Masks with values at their seams that are no class: JPEG, and interpolation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from core.mask_file.checks.check import reading_of
from core.mask_file.checks.colors import known_palette, other_colors
from core.mask_file.finding import Certainty, Finding, Reading, counted, percent
from core.mask_file.levels import levels_of
from core.mask_file.numbering import numbering_of
from core.mask_file.palettes import data_sets
from core.mask_file.plateaus import Plateaus, plateaus
from core.mask_file.stored import Stored

REGIONS = 0.4  # share of the pixels with flat surroundings, at least
JPEG_REGIONS = 0.5  # the same of a JPEG; photos of high contrast have 0.4
BLOCK_REGIONS = 0.2  # the same where blocks of JPEG are seen
CHANGED = 0.45  # share of the pixels that an interpolation changes, at most
COVERED = 0.93  # share of these that have one of the values, at least
EXACT = 0.7  # share of these that have it exactly; in a photo up to 0.6 do
NEAR = 0.95  # share of the pixels that lie near such a place, at least
RAMPS = 0.58  # share of the changed pixels that lie between two others: JPEG has up to 0.5
DARK_RAMPS = 0.8  # the same of small values; a dark photo has up to 0.75
GRADE, FEW_GRADES = 4, 5  # of 255: the step of a posterized picture, and values at least
SEAMS = 0.5  # share of the seams that something was done to; a legend touches few of them
BLOCKS = 1.5  # how often changes begin at blocks of JPEG, beside elsewhere; a resize has 1.2
SURE_EXACT = 0.9  # share from which on a JPEG is certainly one of a mask
SURE = 0.75  # share of ramps from which on an interpolation is certain
# JPEG stores color at half the size: flat places keep a tint, and only all signs together tell.
TINTED = {"covered": 0.985, "near_share": 0.99, "exact_share": 0.4}
TINT = 5  # of 255: how far JPEG moves the color of a whole region
DARK = 64  # of 255: a picture of no larger values is dark, and the values of its noise are few


def ghosts(stored: Stored) -> Iterator[Finding]:
    """Regions of few values, and at their seams values that are none of them."""
    if not stored.is_bytes or stored.raster.palette is not None:
        return
    if stored.rgb is None and stored.gray is None:
        return
    pixels = stored.rgb if stored.rgb is not None else stored.bands[..., :1]
    if _is_graded(pixels):
        return
    found = plateaus(np.ascontiguousarray(pixels))
    if found is None or found.off_share == 0:
        return
    if stored.raster.format == "JPEG":
        if int(pixels.max()) >= DARK and _is_jpeg_mask(found, color=stored.rgb is not None):
            sure = found.exact_share > SURE_EXACT
            yield _finding("jpeg_ghosts", "JPEG", found, stored, sure=sure)
    elif _is_mask(found, BLOCK_REGIONS) and found.block_ratio > BLOCKS:
        yield _finding("jpeg_ghosts", "JPEG", found, stored, sure=False)
    elif _is_mask(found, REGIONS) and found.off_share < CHANGED and found.seams_off > SEAMS:
        yield from _without_blocks(found, stored, dark=int(pixels.max()) < DARK)


def _is_graded(pixels: np.ndarray) -> bool:
    """Whether all values are multiples of a step: rounded so, which JPEG and a resize undo."""
    values = np.flatnonzero(np.bincount(pixels.ravel(), minlength=1))
    return len(values) > FEW_GRADES and int(np.gcd.reduce(values)) >= GRADE


def _without_blocks(found: Plateaus, stored: Stored, *, dark: bool) -> Iterator[Finding]:
    """An interpolation puts a ramp at every edge; JPEG waves around it, of black and white too."""
    if found.ramp_share > (DARK_RAMPS if dark else RAMPS):
        sure = found.ramp_share > SURE
        yield _finding("resized", "an interpolation", found, stored, sure=sure)
    elif not dark:
        yield _finding("jpeg_ghosts", "JPEG", found, stored, sure=False)


def _is_mask(found: Plateaus, regions: float) -> bool:
    flat = found.flat_share >= regions and found.covered >= COVERED
    return flat and found.exact_share >= EXACT and found.near_share >= NEAR


def _is_jpeg_mask(found: Plateaus, *, color: bool) -> bool:
    if not _is_mask(found, JPEG_REGIONS) or (color and found.off_share >= CHANGED):
        return color and _is_tinted(found)
    return True


def _is_tinted(found: Plateaus) -> bool:
    return all(getattr(found, name) >= least for name, least in TINTED.items())


def _finding(kind_id: str, what: str, found: Plateaus, stored: Stored, *, sure: bool) -> Finding:
    certainty: Certainty = "certain" if sure else "likely"
    is_file = stored.raster.format == "JPEG"
    return Finding(
        kind_id,
        certainty,
        f"Your mask has {len(found.own)} classes, {_names(found.own)}, and values between and "
        f"around them that {what} made.",
        (
            f"{percent(found.off_share)} of the pixels have none of these values.",
            f"{percent(found.ramp_share)} of them lie between two opposite neighbors; they begin "
            f"and end {found.block_ratio:.1f} times as often at blocks of 8 pixels as elsewhere.",
            *(["The file is a JPEG."] if is_file else []),
        ),
        _cleaned(found, stored),
    )


def _names(own: np.ndarray) -> str:
    if own.shape[1] == 1:
        return counted(sorted(own[:, 0].tolist()))
    return ", ".join("#" + c.tobytes().hex() for c in own[:6]) + (", ..." if len(own) > 6 else "")


def _as_meant(own: np.ndarray) -> np.ndarray:
    """The colors of a known palette where each of these is nearly one of them: JPEG tints all."""
    for known in data_sets() if own.shape[1] == 3 else ():
        away = np.abs(known.colors[None].astype(int) - own[:, None].astype(int)).max(axis=2)
        meant: np.ndarray = known.colors[away.argmin(axis=1)]
        if away.min(axis=1).max() <= TINT and len(np.unique(meant, axis=0)) == len(own):
            return meant
    return own


def _cleaned(found: Plateaus, stored: Stored) -> Reading | None:
    """Each pixel takes the nearest value of a region; then it is read as any clean mask is."""
    clean = _as_meant(found.own)[found.nearest]
    if clean.shape[2] == 1:
        levels = levels_of(clean[..., 0])
        numbering = numbering_of([int(value) for value in levels.values])
        return reading_of(levels, numbering.ids, f"the nearest value, then {numbering.words}")
    raster = replace(stored.raster, values=clean, palette=None, alpha=False)
    for check in (known_palette, other_colors):
        for finding in check(Stored(raster)):
            if finding.reading is not None:
                words = f"the nearest color, then {finding.reading.words}"
                return Reading(finding.reading.ids, words, {})
    return None
