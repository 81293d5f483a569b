"""The user's own output beside what each program would have written; the best match is named.

First it is asked whether the file is a function of our label map (one value for each class): then
the network is right, and the function names the mistake. Else each program is run on this case,
and what it writes is compared with the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from core.diagnosis.finding import Evidence, Finding
from core.diagnosis.measure.measurements import Measurements
from core.diagnosis.progress import Progress
from core.diagnosis.reproduction.another import agreement, another_mask
from core.diagnosis.reproduction.decode import Coding, Written, coding, read_written
from core.diagnosis.reproduction.labels import is_lossy_copy, of_labels
from core.diagnosis.reproduction.programs import Program, with_forward, without_forward
from core.diagnosis.thresholds import (
    CLEARER_GAIN,
    FITS_SHOWN,
    OUR_OBJECTS_GAIN,
    RANDOM_GAIN,
    SAME_ASPECT,
    SAME_GAIN,
    SIMILAR_GAIN,
)
from core.errors import InspectionError


@dataclass(frozen=True, eq=False)
class Match:
    """How well one program explains the file."""

    program: Program
    gain: float  # 0 is no better than guessing, 1 explains every pixel


def saved_output(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """Compare with our label map, then with programs that need no other forward, then the rest."""
    written = read_written(measured.case.saved) if measured.case.saved else None
    if written is None:
        return
    if written.flat:
        if not (measured.seen.labels.ids == measured.seen.labels.ids[:1, :1]).all():
            yield _of_one_value(measured, written)
        return  # ours is of one class too: the network is to be asked, not the file
    if (small := _reduced(measured, written)) > SIMILAR_GAIN:
        yield _not_enlarged(written, small)
        return
    ours = _ours(measured, written)
    matches = list(_matches(without_forward(measured), measured, written))
    best = _best(matches)
    if ours.gain >= SAME_GAIN and (best is None or best.gain < ours.gain + CLEARER_GAIN):
        yield from of_labels(measured, written)
        return
    if best is None or best.gain < SAME_GAIN:
        best = _first_good(measured, written) or best
    if best is not None and best.gain >= SAME_GAIN:
        yield _named(best, measured)
    elif ours.gain >= SAME_GAIN or is_lossy_copy(written, measured.seen.labels.ids):
        yield from of_labels(measured, written)
    else:
        yield _unexplained(measured, written, max(ours.gain, best.gain if best else 0.0))


def _reduced(measured: Measurements, written: Written) -> float:
    """How much of a file of a fraction of the size our label map explains at that size, 0..1."""
    ids, (height, width) = measured.seen.labels.ids, written.packed.shape
    factor = len(ids) / height
    if factor < 2 or abs(ids.shape[1] / width - factor) > SAME_ASPECT * factor:
        return 0.0
    rows = ((np.arange(height) + 0.5) * len(ids) / height).astype(int)
    columns = ((np.arange(width) + 0.5) * ids.shape[1] / width).astype(int)
    return coding(written.packed, ids[rows][:, columns]).gain


def _not_enlarged(written: Written, gain: float) -> Finding:
    height, width = written.packed.shape
    return Finding(
        "R8",
        "certain",
        (
            Evidence(f"Your file has {width} x {height} pixels, fewer than the picture.", height),
            Evidence(f"Our label map at that size explains {gain:.0%} of it.", gain),
        ),
        "Enlarge the logits to the size of the picture before the decision.",
        "logits = F.interpolate(logits, size=image.shape[:2], mode='bilinear')",
    )


def _unexplained(measured: Measurements, written: Written, nearest: float) -> Finding:
    """W1 where the names hint at it, else D8: these weights and settings give another mask."""
    prefix = measured.case.checkpoint.prefix if measured.case.checkpoint else ""
    if not prefix or nearest >= OUR_OBJECTS_GAIN:
        return another_mask(measured, written, nearest)
    return Finding(
        "W1",
        "likely" if nearest < RANDOM_GAIN and not written.flat else "possible",
        (
            Evidence(
                "No program that was tried writes your file with these weights; the nearest "
                f"explains {max(0.0, nearest):.0%} of it.",
                nearest,
            ),
            agreement(measured, written),
            Evidence(
                f"All names in the checkpoint begin with {prefix}, which "
                "load_state_dict(strict=False) skips without an error."
            ),
        ),
        "Take the prefix off and load with strict=True; of Lightning take the model that "
        "load_from_checkpoint returns.",
        f"state = {{k.removeprefix({prefix!r}): v for k, v in state.items()}}",
        separates="The return value of load_state_dict: it names the missing keys.",
    )


def _ours(measured: Measurements, written: Written) -> Coding:
    ids = measured.seen.labels.ids
    if written.packed.shape != ids.shape:
        return Coding(0.0, 0.0, {})
    return coding(written.packed, ids)


def _matches(
    candidates: Iterator[Program], measured: Measurements, written: Written
) -> Iterator[Match]:
    for program in candidates:
        try:
            made = program.make(measured)
        except InspectionError:  # it would have stopped on this case
            continue
        yield Match(program, _gain(program, made, written))


def _gain(program: Program, made: np.ndarray, written: Written) -> float:
    if made.shape != written.packed.shape:
        return 0.0
    if program.exact:
        return _exact(made, written.packed)
    if (made == made[:1, :1]).all():
        return 0.0
    return coding(written.packed, made).gain


def _exact(made: np.ndarray, packed: np.ndarray) -> float:
    """As the gain of a coding, for values that must be equal but for rounding."""
    same = float((np.abs(made - packed) <= (1 if made.max() > 1 else 0)).mean())
    guess = np.unique(packed, return_counts=True)[1].max() / packed.size
    return float(1 - (1 - same) / max(1 - guess, 1e-9))


def _best(matches: list[Match]) -> Match | None:
    return max(matches, key=lambda match: match.gain, default=None)


def _first_good(measured: Measurements, written: Written) -> Match | None:
    """The first program that explains the file: each costs a forward."""
    every = _matches(with_forward(measured), measured, written)
    return next((match for match in every if match.gain >= SAME_GAIN), None)


def _named(match: Match, measured: Measurements) -> Finding:
    program = match.program
    return Finding(
        program.cause,
        "certain",
        (
            Evidence(
                f"Your file is what {program.words} writes: {match.gain:.1%} of it is explained.",
                match.gain,
            ),
        ),
        program.fix,
        program.code,
        changes=program.changes,
    )


# --- a file of one value --------------------------------------------------------------------------


def _of_one_value(measured: Measurements, written: Written) -> Finding:
    """Many bugs write one value, so none is more than possible; of the decision they are named.

    What would take another input or mode is only listed: too many of these write one value.
    """
    value = int(written.packed.flat[0])
    of_decision, others = (
        [program for program in made(measured) if _gives(program, measured, value)]
        for made in (without_forward, with_forward)
    )
    words = dict.fromkeys(program.words for program in (*of_decision, *others)[:FITS_SHOWN])
    fits = Evidence(f"Each of these would write exactly that: {'; '.join(words)}.", len(words))
    if not of_decision:
        found = _unexplained(measured, written, 0.0)
        return replace(found, evidence=(*found.evidence, fits)) if others else found
    first = of_decision[0]
    return Finding(
        first.cause,
        "possible",
        (Evidence(f"Your file is {value} everywhere; our label map is not.", value), fits),
        first.fix,
        first.code,
        separates="The numbers before they become a picture: save them with np.save, and look "
        "at their unique values.",
    )


def _gives(program: Program, measured: Measurements, value: int) -> bool:
    """Whether the program gives this value everywhere; an id of 1 may be written as 255."""
    try:
        made = program.make(measured)
    except InspectionError:
        return False
    first = int(made.flat[0])
    same = value == first or (not program.exact and first == 1 and value == 255)
    return same and bool((made == first).all())
