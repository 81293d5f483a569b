"""Masks in color: known palettes, exchanged channels, color maps, figures."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from core.colors import DARK
from core.mask_file.checks.check import reading_of
from core.mask_file.finding import Certainty, Finding, counted, percent
from core.mask_file.levels import Levels, unpacked
from core.mask_file.palettes import (
    VOID,
    Known,
    color_maps,
    data_sets,
    places,
    reversed_of,
    voc_256,
)
from core.mask_file.stored import Stored

MOST = 256  # colors of a mask
CATEGORICAL = 20  # colors at most of a color map that is a palette
REGIONS = 40  # places of a color map at most that are classes
TOP = 255  # the last place of a color map, and the largest part of a color
WEB_SAFE = 51  # of 255: the step of web-safe colors, and of hues at even distances
FEW = 0.3  # share of the pixels inside regions


def _few_colors(stored: Stored) -> Levels | None:
    colors = stored.colors
    return colors if colors is not None and 2 <= len(colors.values) <= MOST else None


def known_palette(stored: Stored) -> Iterator[Finding]:
    """All colors are those of a data set; in BGR where only this explains them."""
    colors = _few_colors(stored)
    if colors is None:
        return
    for known in data_sets():
        if _tells(known, colors):
            yield _colored("colored", known, colors, f"in the colors of {known.name}")
            return
    for known in map(reversed_of, data_sets()):
        if _tells(known, colors) and not _of_parts(colors, WEB_SAFE):  # anybody's palette has these
            words = f"in the colors of {known.name} with red and blue exchanged"
            yield _colored("bgr_palette", known, colors, words)
            return
    if _tells(voc_256(), colors):
        yield _colored("colored", voc_256(), colors, "in colors by VOC's rule")


def _tells(known: Known, colors: Levels) -> bool:
    """Whether a palette has all colors, and enough of them that it is no accident."""
    ids = known.ids_by_color()
    found = [ids.get(int(color)) for color in colors.values]
    classes = {each for each in found if each is not None and each != VOID}
    visible = [color for color in colors.values if color]
    if None in found or not classes:
        return False
    return not _of_parts(colors, TOP) or len(visible) > 2


def _of_parts(colors: Levels, step: int) -> bool:
    """Whether red, green and blue are multiples of a step in all of them."""
    return bool((unpacked(colors.values) % step == 0).all())


def _colored(kind_id: str, known: Known, colors: Levels, words: str) -> Finding:
    ids = known.ids_by_color()
    reading = reading_of(colors, ids, f"the place of the color in {known.name}")
    visible = int((colors.values != 0).sum())
    start = "Your mask is fine: it is" if kind_id == "colored" else "Your mask is"
    return Finding(
        kind_id,
        "certain" if visible > 1 else "likely",
        f"{start} {words} and holds ids {counted(reading.classes)}.",
        (f"All {len(colors.values)} colors are in that palette of {len(known.colors)}.",),
        reading,
    )


# --- color maps -----------------------------------------------------------------------------------


def color_map(stored: Stored) -> Iterator[Finding]:
    """Ids, or scores, drawn with a color map of matplotlib or cv2."""
    colors = stored.colors
    if colors is None or not 2 <= len(colors.values) <= 2 * MOST:
        return
    if _of_parts(colors, WEB_SAFE):  # even hues are anybody's palette, and hsv's as well
        return
    for turned, words in ((lambda known: known, ""), (reversed_of, ", red and blue exchanged")):
        for known in map(turned, color_maps()):
            found = places(known, colors.values)
            if found is not None and (finding := _mapped(known, colors, found, words)):
                yield finding
                return


def _mapped(known: Known, colors: Levels, found: np.ndarray, words: str) -> Finding | None:
    name, sorted_places = f"{known.name}{words}", np.unique(found)
    if len(known.colors) <= CATEGORICAL:
        return _categorical(name, colors, found)
    if len(sorted_places) > REGIONS and colors.region_share < FEW + 0.4:
        return _heat_map(name, colors, found)
    table, certainty = _ids_of_colors(known, colors.values)
    if table is None:
        return _heat_map(name, colors, found) if len(sorted_places) > 12 else None
    ids = set(table.values())
    stretched = int(sorted_places[-1]) == TOP
    how = (
        "stretched from picture to picture, so that they are no palette of classes"
        if stretched
        else f"not stretched, so that they are the first {len(ids)} of 256 and look alike"
    )
    return Finding(
        "color_map",
        certainty,
        f"Your mask holds {len(ids)} ids drawn with the color map {name}: the colors are {how}.",
        (
            f"All {len(colors.values)} colors stand in that table, at the places "
            f"{counted(sorted_places.tolist())} of 255.",
        ),
        reading_of(colors, table, f"the order along the color map {name}"),
    )


def _ids_of_colors(known: Known, values: np.ndarray) -> tuple[dict[int, int] | None, Certainty]:
    """Equally spaced over the whole table, as min-max gives; or the first places, without it."""
    table, found = known.packed.tolist(), {int(value) for value in values}
    if {table[0], table[TOP]} <= found:
        for n in range(len(found) - 1, REGIONS + 1):
            spread = [min(TOP, k * (TOP + 1) // n) for k in range(n + 1)]
            for taken in (spread, [round(k * TOP / n) for k in range(n + 1)]):
                ids = {table[place]: k for k, place in enumerate(taken)}
                if found <= ids.keys():
                    sure: Certainty = "certain" if n < len(found) + 2 else "likely"
                    return {value: ids[value] for value in found}, sure
    first = {color: k for k, color in reversed(list(enumerate(table[:REGIONS])))}
    if len(found) > 1 and found <= first.keys():
        return {value: first[value] for value in found}, "certain"
    return None, "possible"


def _categorical(name: str, colors: Levels, found: np.ndarray) -> Finding | None:
    if len(colors.values) < 3:
        return None
    table = {int(c): int(p) for c, p in zip(colors.values, found, strict=True)}
    reading = reading_of(colors, table, f"the place of the color in {name}")
    return Finding(
        "colored",
        "likely",
        f"Your mask is fine: it is in the colors of {name}, the places {counted(reading.classes)}.",
        (f"All {len(colors.values)} colors are in that table.",),
        reading,
    )


def _heat_map(name: str, colors: Levels, found: np.ndarray) -> Finding:
    order = {int(c): int(p) for c, p in zip(colors.values, found, strict=True)}
    half = (max(order.values()) + min(order.values())) / 2
    ids = {color: int(place > half) for color, place in order.items()}
    return Finding(
        "heat_map",
        "likely",
        f"The file is a heat map in the colors of {name}: scores, not yet classes.",
        (
            f"All {len(order)} colors stand in that table; {percent(colors.region_share)} of the "
            "pixels lie inside regions.",
        ),
        reading_of(colors, ids, "1 where the color is in the upper half of the color map"),
    )


# --- what is left ---------------------------------------------------------------------------------


def clean_colors(stored: Stored) -> Iterator[Finding]:
    """The same where regions meet without anything between."""
    if stored.colors is not None and stored.colors.is_clean:
        yield from other_colors(stored)


def other_colors(stored: Stored) -> Iterator[Finding]:
    """Few colors of no known palette; named where all of them are black to the eye."""
    colors = _few_colors(stored)
    if colors is None or not (colors.is_clean or len(colors.values) < 32):
        return
    luma = unpacked(colors.values).astype(int) @ (299, 587, 114) // 1000
    ids = {int(color): k for k, color in enumerate(colors.values)}
    reading = reading_of(colors, ids, "the place of the color among those that occur")
    dark = int(luma.max()) < DARK
    yield Finding(
        "dark_colors" if dark else "other_colors",
        "certain",
        f"Your mask is in {len(ids)} colors, all of them nearly black."
        if dark
        else f"Your mask is in {len(ids)} colors of a palette that is not known here.",
        (f"The brightest color is {int(luma.max())} of 255.",),
        reading,
    )


def palette_of_the_file(stored: Stored) -> Iterator[Finding]:
    """Mode P with colors: the indices are the ids, whatever the colors are."""
    palette, levels = stored.raster.palette, stored.levels
    if palette is None or levels is None or len(levels.values) < 2:
        return
    if stored.raster.format == "GIF" or not stored.has_colored_palette:
        return
    values = [int(value) for value in levels.values]
    used = palette[levels.values, :3].astype(int)
    if (used @ (299, 587, 114) // 1000).max() < DARK or not levels.is_clean:
        return
    known = next(known_palette(stored), None)
    name = "" if known is None or known.reading is None else f", in colors that {_named(known)}"
    void = {value: -1 for value in values if value == 255}
    yield Finding(
        "colored",
        "certain",
        f"Your mask is fine: its indices are the ids {counted(values)}, with a color for each"
        f"{name}.",
        (f"A palette of {len(palette)} colors; {len(values)} indices occur.",),
        reading_of(levels, {**{v: v for v in values}, **void}, "the index"),
    )


def _named(known: Finding) -> str:
    return "a data set uses" if known.kind_id == "colored" else "stand in BGR"
