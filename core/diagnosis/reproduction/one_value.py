"""A file of one value: several programs give one, so none of them is certain."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from core.diagnosis.finding import Evidence, Finding
from core.diagnosis.measure.measurements import Measurements
from core.diagnosis.reproduction import decide
from core.diagnosis.reproduction.another import NOT_LOADED
from core.diagnosis.reproduction.program import Choice, Program
from core.diagnosis.reproduction.runs import Runs
from core.diagnosis.reproduction.space import Space, space_of
from core.diagnosis.reproduction.written import Written
from core.diagnosis.thresholds import FITS_SHOWN
from core.errors import InspectionError

TRIED = ("picture", "color", "numbers", "precision", "mode", "head")  # with a forward each


def of_one_value(measured: Measurements, written: Written) -> Finding | None:
    """Many mistakes write one value, so none is more than possible; the simplest is named."""
    value = int(written.packed.flat[0])
    fits = list(_giving(measured, written, value))
    if not fits:
        return None
    listed = "; ".join(dict.fromkeys(choice.words.rstrip(",") for choice in fits[:FITS_SHOWN]))
    return Finding(
        fits[0].cause,
        "possible",
        (
            Evidence(f"Your file is {value} everywhere; our label map is not.", value),
            Evidence(f"Each of these would write exactly that: {listed}.", len(fits)),
            Evidence(NOT_LOADED),
        ),
        fits[0].fix,
        "",
        separates="The numbers before they become a picture: save them with np.save, and look "
        "at their unique values.",
    )


def _giving(measured: Measurements, written: Written, value: int) -> Iterator[Choice]:
    space = space_of(measured, written)
    runs, right = Runs(measured, space, written), space.right
    decisions = [choice for choice in space.choices["decision"] if choice.cause]
    yield from (c for c in decisions if _gives(runs, right.having([c]), value))
    for stage in TRIED:
        for choice in space.choices[stage]:
            programs = _programs(choice, space)
            if choice.key != right[stage].key and any(_gives(runs, p, value) for p in programs):
                yield _with_nan(choice, runs) if stage == "precision" else choice


def _programs(choice: Choice, space: Space) -> Iterator[Program]:
    """The right program with it; of a precision also by softmax, which decides otherwise of NaN."""
    yield space.right.having([choice])
    if choice.stage == "precision":
        of_nan = (one for one in space.choices["decision"] if one.key == decide.OF_NAN)
        yield from (space.right.having([choice, one]) for one in of_nan)


def _with_nan(choice: Choice, runs: Runs) -> Choice:
    """A precision, with the share of the pixels that it leaves without a number."""
    share = runs.not_finite(runs.space.right.having([choice]))
    nan = f", in which {share:.1%} of the pixels have logits that are NaN or infinite"
    return replace(choice, words=choice.words + nan * (share > 0))


def _gives(runs: Runs, program: Program, value: int) -> bool:
    """Whether the program gives this value everywhere; an id of 1 may be written as 255."""
    try:
        scores = runs.scores(program)
    except InspectionError:  # it would have stopped on this case
        return False
    mask = decide.decided(scores, program["decision"])
    if mask.dtype != np.int32:
        factor = 255 if program["decision"].key == "twice" else 1
        mask = np.nan_to_num(mask * factor).astype(np.int32)
    first = int(mask.flat[0])
    same = value == first or (first == 1 and value == 255)
    return same and bool((mask == first).all())
