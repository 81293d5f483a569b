"""All pictures and masks of a set, one after the other: what is odd, per file and on the set."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from core.dataset.entry import Entry
from core.dataset.finding import DataFinding, merged
from core.dataset.look.judge import findings_of
from core.dataset.look.mask import see
from core.dataset.look.tally import Tally
from core.dataset.opening import Found
from core.dataset.truth import mask_raster
from core.errors import InspectionError
from core.image import read_guarded
from core.image.raster import Raster
from core.image.read import Reader

SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations that exchange height and width


@dataclass(frozen=True)
class Look:
    """What came of it."""

    findings: tuple[DataFinding, ...]  # those of names and readings first
    looked: int  # entries; fewer than the set has where it was stopped
    pixels: Mapping[int, int]  # by class, of all masks; the ignored value is not among them
    unlabeled: float  # share of the pixels with the ignored value, 0..1


def _nobody(done: int, of: int) -> None:
    """Nobody is told."""


def look_at_set(
    found: Found,
    *,
    num_classes: int | None = None,
    pictures: bool = True,
    progress: Callable[[int, int], None] = _nobody,
    stop: Callable[[], bool] = lambda: False,
    read: Reader = read_guarded,
) -> Look:
    """Read every file of a set; one entry is in memory at a time.

    Args:
        found: the set.
        num_classes: that the network gives; None where that is not known.
        pictures: decode pictures too, for what cannot be read and for sizes; without that only
            the values of the masks are looked at, in less than half the time.
        progress: told how many entries are done, and of how many.
        stop: asked before each entry whether anybody still waits.
        read: where files are decoded.
    """
    entries, tally = found.data.entries, Tally(found.data.truths.ignore_index)
    for entry in entries:
        if stop():
            break
        _look_at(entry, found, tally, read, pictures=pictures)
        tally.looked += 1
        progress(tally.looked, len(entries))
    findings = merged((*found.findings, *findings_of(tally, found.data, num_classes)))
    if tally.looked < len(entries):
        line = f"{tally.looked} of {len(entries)} were looked at."
        findings += (DataFinding("stopped", (line,)),)
    pixels = {value: int(tally.counts[value]) for value in tally.classes}
    return Look(findings, tally.looked, pixels, tally.unlabeled)


def _look_at(entry: Entry, found: Found, tally: Tally, read: Reader, *, pictures: bool) -> None:
    size = _picture_size(entry, tally, read) if pictures else None
    if entry.truth is None:
        return
    try:
        raster = mask_raster(entry.truth.read(), read)
        seen = see(raster, found.data.truths)
    except InspectionError as error:
        tally.noted.add("unreadable_mask", entry.truth.name, _said(entry.truth.name, error))
        return
    if size is not None and raster.size != size:
        words = _sizes(raster.size, size)
        tally.noted.add("other_size", entry.truth.name, f"{entry.truth.name}: {words}")
    tally.add(entry.truth.name, seen)


def _picture_size(entry: Entry, tally: Tally, read: Reader) -> tuple[int, int] | None:
    """Width and height as it is seen; None where it cannot be read, which is noted."""
    try:
        return _upright(read(entry.picture.read()))
    except InspectionError as error:
        name = entry.picture.name
        tally.noted.add("unreadable_picture", name, _said(name, error))
        return None


def _upright(raster: Raster) -> tuple[int, int]:
    width, height = raster.size
    return (height, width) if raster.orientation in SIDEWAYS else (width, height)


def _said(name: str, error: InspectionError) -> str:
    return error.message if name in error.message else f"{name}: {error.message}"


def _sizes(mask: tuple[int, int], picture: tuple[int, int]) -> str:
    words = f"{mask[0]} x {mask[1]} pixels, the picture {picture[0]} x {picture[1]}"
    if mask == picture[::-1]:
        words += ": width and height are exchanged, as where EXIF turned the picture alone"
    return f"{words}."
