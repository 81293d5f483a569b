"""Clean label maps of 8 bits, in gray: which ids the values are."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from core.mask_file.checks.check import reading_of
from core.mask_file.finding import Finding, counted, percent
from core.mask_file.levels import Levels
from core.mask_file.numbered import SMALL, Numbering, spelled
from core.mask_file.numbering import numbering_of
from core.mask_file.stored import Stored

LONELY = 3  # of four neighbors that differ from a pixel that stands alone
DOTS = 0.04  # share of pixels that stand alone, of a dithered picture
SCATTERED = 0.5  # share of the ones that stand alone, where a cast has left them
SMOOTH = 0.4  # share of the pixels inside regions at least; a dark photo has fewer
CLIMBING = 0.75  # share of the edges that are a step of 1, of rounded scores
CONTOURS = 5  # values at least that rounded scores have


def clean(stored: Stored) -> Iterator[Finding]:
    """Few values in regions with nothing between: their numbering."""
    levels = stored.levels
    if levels is None or not stored.is_bytes or not levels.is_clean or len(levels.values) < 2:
        return
    if stored.has_colored_palette:  # its indices are in no order that means anything
        return
    yield found_by(numbering_of([int(value) for value in levels.values]), levels, stored)


def found_by(numbering: Numbering, levels: Levels, stored: Stored) -> Finding:
    """The finding about a numbering, with the shares of the values."""
    shares = levels.shares()
    top = sorted(shares, key=lambda value: -shares[value])[:4]
    listed = ", ".join(f"{value} on {percent(shares[value])}" for value in top)
    seen = f"{percent(stored.black_share)} of the pixels look black to a person."
    gray_palette = numbering.kind_id == "ids_as_gray" and stored.raster.palette is not None
    return Finding(
        "gray_palette" if gray_palette else numbering.kind_id,
        numbering.certainty,
        numbering.sentence,
        (*numbering.evidence, f"Of the pixels: {listed}.", seen),
        reading_of(levels, numbering.ids, numbering.words),
    )


def dithered(stored: Stored) -> Iterator[Finding]:
    """Black and white dots."""
    levels = stored.levels
    if levels is None or len(levels.values) != 2:
        return
    alone = lonely(levels)
    on = levels.codes == 1
    scattered = float(alone[on].mean())
    bits = stored.gray is not None and stored.gray.dtype == np.bool_
    if alone.mean() < DOTS and not (bits and scattered > SCATTERED):
        return
    yield Finding(
        "dithered",
        "likely",
        "The file is dithered: dots of black and white stand for grays that were there before.",
        (f"{alone.mean():.1%} of the pixels differ from three or four of their neighbors.",),
    )


def lonely(levels: Levels) -> np.ndarray:
    """Bool[h w]: at least three of the four neighbors have another value."""
    around = np.pad(levels.codes, 1, mode="edge")
    middle = around[1:-1, 1:-1]
    beside = (around[:-2, 1:-1], around[2:, 1:-1], around[1:-1, :-2], around[1:-1, 2:])
    differ = sum((neighbor != middle).astype(np.int8) for neighbor in beside)
    alone: np.ndarray = np.asarray(differ) >= LONELY
    return alone


def bits(stored: Stored) -> Iterator[Finding]:
    """Mode 1: two values that viewers draw black and white."""
    levels = stored.levels
    if levels is None or stored.gray is None or stored.gray.dtype != np.bool_:
        return
    if stored.is_array:
        sentence, kind = "The file is a mask of two classes, False and True.", "label_array"
    else:
        sentence, kind = "Your mask has one bit a pixel: background and foreground.", "two_values"
    if len(levels.values) == 2:
        yield Finding(
            kind,
            "certain",
            sentence,
            (f"{percent(float(stored.gray.mean()))} of the pixels are on.",),
            reading_of(levels, {0: 0, 1: 1}, "the bit"),
        )


def ones_that_were_left(stored: Stored) -> Iterator[Finding]:
    """0 and 1, and the ones scattered: what a cast leaves of probabilities."""
    levels = stored.levels
    if levels is None or not stored.is_bytes or levels.values.tolist() != [0, 1]:
        return
    ones = levels.codes == 1
    alone = float(lonely(levels)[ones].mean())
    inside = float(levels.inside[ones].mean())
    if alone < SCATTERED and inside > 0:
        return
    yield Finding(
        "probabilities_cast",
        "likely",
        "Only 0 and 1 are left, and the ones are scattered: probabilities were cast to whole "
        "numbers.",
        (
            f"{percent(float(ones.mean()))} of the pixels are 1; {percent(alone)} of these stand "
            f"alone, {percent(inside)} lie inside regions.",
        ),
    )


def rounded_scores(stored: Stored) -> Iterator[Finding]:
    """Small whole numbers that climb one by one, like contour lines."""
    levels = stored.levels
    if levels is None or not stored.is_bytes or len(levels.values) < CONTOURS:
        return
    values = [int(value) for value in levels.values]
    dense = values[-1] - values[0] < 1.5 * len(values) and values[-1] <= SMALL
    if not dense or levels.step_share < CLIMBING or levels.region_share < SMOOTH:
        return
    yield Finding(
        "scores_rounded",
        "possible",
        f"The values {counted(values)} climb one by one: {spelled(len(values))} levels of a score "
        "that was rounded, unless your classes lie in layers.",
        (f"{percent(levels.step_share)} of the edges between neighbors are a step of just 1.",),
    )
    yield from clean(stored)
