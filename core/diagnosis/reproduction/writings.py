"""From a decision to the user's file: which cast, resize, palette and encoding wrote it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from core.diagnosis.reproduction import write
from core.diagnosis.reproduction.program import Choice, Program
from core.diagnosis.reproduction.runs import Candidate, nearest
from core.diagnosis.reproduction.space import Space
from core.diagnosis.reproduction.written import Written, coding
from core.diagnosis.thresholds import BYTE_VALUES, NEAREST_TABLES


@dataclass(frozen=True, eq=False)
class Writing:
    """A whole program, and how much of the file it writes."""

    program: Program
    mask: np.ndarray  # the decision, at its own size
    share: float  # of the pixels that are equal, 0..1

    @property
    def blurs(self) -> bool:
        """Whether pixels have other values than those of their ids: resized masks and JPEGs do."""
        return self.program["back"].value is not None or self.program["file"].key == "jpeg"

    @property
    def exact(self) -> bool:
        """Whether every pixel is."""
        return self.share == 1.0


def best_writing(candidate: Candidate, space: Space, written: Written) -> Writing:
    """The way of writing that makes most pixels of the file out of this decision."""
    best = Writing(candidate.program, candidate.mask, 0.0)
    for program, made in _drawn(candidate, space, written):
        share = written.equal(write.in_file(made, written.jpeg))
        if share > best.share:
            best = Writing(program, candidate.mask, share)
        if best.exact:
            return best
    return best


def _drawn(
    candidate: Candidate, space: Space, written: Written
) -> Iterator[tuple[Program, np.ndarray]]:
    """Every way of writing, and its mask before the file; of a JPEG the nearest ones."""
    programs = _programs(candidate, space, written)
    size = space.opened_size(candidate.program)
    every = ((one, write.drawn(candidate.mask, one, size)) for one in programs)
    if written.jpeg is None:
        yield from every
    else:
        yield from sorted(every, key=lambda pair: written.away(pair[1]))[:NEAREST_TABLES]


def _programs(candidate: Candidate, space: Space, written: Written) -> Iterator[Program]:
    backs, last = space.choices["back"], space.choices["file"][1]
    for cast, palette in _tables(candidate, space, written):
        for back in backs[1:] if candidate.smaller else backs[:1]:
            if back.key.startswith(write.OF_COLORS) and palette.value is None:
                continue  # gray levels are no colors: two names for the same
            yield candidate.program.having([cast, back, palette, last])


def _tables(
    candidate: Candidate, space: Space, written: Written
) -> Iterator[tuple[Choice, Choice]]:
    """Casts and palettes whose values are those of the file, the known ones first."""
    none = space.choices["palette"][0]
    if candidate.mask.dtype != np.int32:
        casts = [space.find("cast", key) for key in ("float 255", "ids", "by maximum")]
        yield from ((cast, none) for cast in casts)
        return
    values = coding(written, nearest(candidate.mask, written.size)).values
    color = written.values.ndim == 3
    ids = np.array([sorted(values)], np.int32)
    wanted = _unpacked([values[k] for k in ids[0]], color)
    far = [
        (distance, number, pair)
        for number, pair in enumerate(_known(space, ids, values))
        if not (written.jpeg is not None and pair[0].key == "16 bits")  # a JPEG has 8
        and (distance := _distance(*pair, ids, wanted)) is not None
    ]
    if written.jpeg is None:
        fitting = [pair for distance, _, pair in far if not distance]
        # Where the mask is not resized, tables of equal values write the same.
        yield from fitting if candidate.smaller else fitting[:1]
        if written.values.max() < BYTE_VALUES:
            yield space.find("cast", "ids"), write.own_palette(values, color)
    else:
        yield from (pair for _, _, pair in sorted(far)[:NEAREST_TABLES])


def _distance(cast: Choice, palette: Choice, ids: np.ndarray, wanted: np.ndarray) -> float | None:
    """By how many levels the values of a cast and a palette differ; None: gray beside color."""
    made = write.cast(ids, cast)
    if palette.value is not None and made.dtype == np.uint8:
        made = write.colored(made, palette)
    if made.ndim == 3 and wanted.ndim == 1 and _gray(made):
        made = made[..., 0]
    if made[0].shape != wanted.shape:
        return None
    return float(np.abs(made[0].astype(int) - wanted).mean())


def _known(
    space: Space, ids: np.ndarray, values: dict[int, int]
) -> Iterator[tuple[Choice, Choice]]:
    none, *palettes = space.choices["palette"]
    for cast in space.choices["cast"]:
        if cast.key != "float 255":
            yield cast, none
    highest = int(ids.max())
    factor, rest = divmod(values[highest], max(highest, 1))
    if not rest and 1 < factor < BYTE_VALUES:
        yield write.times(factor), none
    for palette in palettes:
        yield space.find("cast", "ids"), palette


def _unpacked(values: list[int], color: bool) -> np.ndarray:
    listed = np.array(values, np.int64)
    if not color:
        return listed
    return np.stack([listed >> 16, listed >> 8 & 255, listed & 255], axis=1)


def _gray(colors: np.ndarray) -> bool:
    return bool((colors == colors[..., :1]).all())
