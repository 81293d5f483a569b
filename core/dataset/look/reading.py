"""What the values of a set's masks mean, from some of them: 0/255, colors, ids spread over grays.

Only where the layout does not say so itself. What is decided here is told, and can be changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from core.dataset.entry import Color, Entry, Truths
from core.dataset.finding import DataFinding
from core.dataset.layouts.cityscapes import NAMES, TRAIN_IDS
from core.dataset.layouts.palettes import colors_of
from core.dataset.truth import mask_raster
from core.errors import InspectionError
from core.image.read import Reader
from core.mask_file.finding import counted, percent
from core.mask_file.levels import unpacked
from core.mask_file.numbered import VOID, Numbering
from core.mask_file.numbering import numbering_of
from core.mask_file.palettes import Known, data_sets, reversed_of, voc_256
from core.mask_file.stored import Stored

SAMPLE = 12  # masks, from the whole length of the set
MOST = 256  # values, or colors, that can be a numbering
ENDS = 16  # of 255: nearly black, and nearly white
AT_ENDS = 0.8  # share of the pixels there, of masks of two classes with values between them
MIDDLE = range(64, 192)  # of 255: grays where an edge between black and white has some values
TURNED = " with red and blue exchanged, as cv2 writes it"
BLACK: Color = (0, 0, 0)


@dataclass
class _Sampled:
    """What some masks hold together."""

    masks: int = 0
    colored: int = 0  # of them with colors
    single: int = 0  # of them with one channel; grays in three may be colors of a palette
    grays: set[int] = field(default_factory=set)
    colors: set[int] = field(default_factory=set)  # packed, red in the upper byte
    regions: set[int] = field(default_factory=set)  # grays that form regions of their own
    pixels: int = 0
    at_ends: int = 0


def read_as(entries: Sequence[Entry], read: Reader) -> tuple[Truths, tuple[DataFinding, ...]]:
    """How the masks of a set are to be read, and what to say of it.

    Args:
        entries: of the set.
        read: where masks are decoded.
    """
    seen = _sampled(_some([each for each in entries if each.truth is not None]), read)
    if seen.colored > seen.single:
        return _by_colors(seen)
    if len(seen.grays) < 2:
        return Truths(), ()
    if _is_black_and_white(seen):
        return _two(seen, 0, 255, between=True)
    if len(seen.grays) > MOST or max(seen.grays) > 255:
        return Truths(), ()
    return _by_numbers(seen, numbering_of(sorted(seen.grays)))


def _some(entries: Sequence[Entry]) -> Iterator[Entry]:
    places = np.linspace(0, len(entries) - 1, min(SAMPLE, len(entries))).round().astype(int)
    return (entries[place] for place in places)


def _sampled(entries: Iterable[Entry], read: Reader) -> _Sampled:
    """Masks that cannot be read are left out here; the look at the whole set tells of them."""
    seen = _Sampled()
    for entry in entries:
        if entry.truth is None:
            continue
        try:
            _add(seen, Stored(mask_raster(entry.truth.read(), read)))
        except InspectionError:
            continue
    return seen


def _add(seen: _Sampled, stored: Stored) -> None:
    if stored.rgb is not None and stored.raster.palette is None and stored.colors is not None:
        if len(stored.colors.values) > MOST:
            return  # a photo, or JPEG: it tells nothing of a palette
        seen.colored += 1
        seen.colors |= set(stored.colors.values.tolist())
    elif stored.levels is not None:
        seen.single += stored.bands.shape[2] == 1
        values, counts = stored.levels.values, stored.levels.counts
        seen.grays |= set(values[: MOST + 1].tolist())
        seen.regions |= set(stored.levels.main_values[: MOST + 1])
        seen.pixels += int(counts.sum())
        seen.at_ends += int(counts[(values <= ENDS) | (values >= 255 - ENDS)].sum())
    seen.masks += 1


def _is_black_and_white(seen: _Sampled) -> bool:
    """Whether all regions are nearly 0 or nearly 255, and other grays only lie between them."""
    low = [value for value in seen.regions if value <= ENDS]
    high = [value for value in seen.regions if value >= 255 - ENDS]
    only = bool(low and high) and len(low) + len(high) == len(seen.regions)
    between = any(value in MIDDLE for value in seen.grays)
    return only and between and seen.at_ends > AT_ENDS * seen.pixels


# --- grays ----------------------------------------------------------------------------------------


def _by_numbers(seen: _Sampled, numbering: Numbering) -> tuple[Truths, tuple[DataFinding, ...]]:
    values = sorted(seen.grays)
    if numbering.kind_id == "two_values":
        return _two(seen, *values, between=False)
    whole = sorted(numbering.ids.values()) == list(range(len(values)))  # no id is missing
    sure = whole and (numbering.certainty == "certain" or values[-1] == VOID)
    if numbering.kind_id == "stretched" and sure:
        truths = Truths(ids=numbering.ids)
        return truths, (_told("spread_values", seen, f"{counted(values)}: {numbering.words}"),)
    if numbering.kind_id == "cityscapes_label_ids":
        ids = {**TRAIN_IDS}
        return Truths(), (
            _told("label_ids", seen, numbering.evidence[0], truths=Truths(NAMES, ids=ids)),
        )
    return Truths(), ()


def _two(
    seen: _Sampled, low: int, high: int, *, between: bool
) -> tuple[Truths, tuple[DataFinding, ...]]:
    truths = Truths(ids={low: 0, high: 1}, nearest=between)
    words = f"{low} is read as 0, {high} as 1"
    if between:
        words += (
            f"; {percent(1 - seen.at_ends / seen.pixels)} of the pixels lie between, and are read "
            "as the nearer one"
        )
    return truths, (_told("two_values", seen, words),)


# --- colors ---------------------------------------------------------------------------------------


def _by_colors(seen: _Sampled) -> tuple[Truths, tuple[DataFinding, ...]]:
    palettes = (*data_sets(), voc_256())
    turned = [replace(each, name=f"{each.name}{TURNED}") for each in map(reversed_of, palettes)]
    known = next((each for each in (*palettes, *turned) if _has_all(each, seen.colors)), None)
    if known is not None:
        colors, void = colors_of(known)
        truths = Truths(colors=colors, void_colors=void)
        words = f"{len(seen.colors)} colors, all of the palette {known.name}"
        return truths, (_told("colored", seen, words),)
    if len(seen.colors) == 2 and 0 in seen.colors:
        other = _color(max(seen.colors))
        words = f"#{max(seen.colors):06x} is read as 1, black as 0"
        return Truths(colors=(BLACK, other)), (_told("colored", seen, words),)
    names = ", ".join(f"#{color:06x}" for color in sorted(seen.colors)[:8])
    more = ", ..." if len(seen.colors) > 8 else ""
    return Truths(), (_told("unknown_values", seen, f"colors of no palette here: {names}{more}"),)


def _has_all(known: Known, colors: set[int]) -> bool:
    """Whether a palette has all of them, some other than black and white."""
    told = {color for color in colors if color not in (0, 0xFFFFFF)}
    return bool(told) and len(told) > 1 and colors <= known.ids_by_color().keys()


def _color(packed: int) -> Color:
    red, green, blue = unpacked(np.array([packed]))[0].tolist()
    return red, green, blue


def _told(kind_id: str, seen: _Sampled, words: str, truths: Truths | None = None) -> DataFinding:
    few = f"{seen.masks} masks were looked at: " if seen.masks > 1 else "One mask was looked at: "
    sentence = words if words.endswith(".") else f"{words}."
    return DataFinding(kind_id, (few + sentence,), truths=truths)
