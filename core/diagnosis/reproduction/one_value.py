"""A file of one value: several programs give one, so none of them is certain."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from core.diagnosis.causes import CAUSES
from core.diagnosis.finding import Evidence, Finding
from core.diagnosis.measure.measurements import Measurements
from core.diagnosis.reproduction import decide
from core.diagnosis.reproduction.program import Choice, Program
from core.diagnosis.reproduction.runs import Runs
from core.diagnosis.reproduction.space import space_of
from core.diagnosis.reproduction.written import Written
from core.errors import InspectionError

TRIED = ("picture", "color", "numbers", "precision", "mode", "head")  # with a forward each


def of_one_value(measured: Measurements, written: Written) -> Iterator[Finding]:
    """Every single mistake that gives this value everywhere, where our label map has more."""
    if (measured.seen.labels.ids == measured.seen.labels.ids[:1, :1]).all():
        return  # ours is of one class too: the network is to be asked, not the file
    value, named = int(written.packed.flat[0]), set()
    for choice in _giving(measured, written, value):
        if choice.cause not in named:
            named.add(choice.cause)
            yield _possible(choice, value)


def _giving(measured: Measurements, written: Written, value: int) -> Iterator[Choice]:
    space = space_of(measured, written)
    runs, right = Runs(measured, space, written), space.right
    decisions = [choice for choice in space.choices["decision"] if choice.cause]
    yield from (c for c in decisions if _gives(runs, right.having([c]), value))
    for stage in TRIED:
        for choice in space.choices[stage]:
            if choice.key != right[stage].key and _gives(runs, right.having([choice]), value):
                yield choice


def _gives(runs: Runs, program: Program, value: int) -> bool:
    """Whether the program gives this value everywhere; an id of 1 may be written as 255."""
    try:
        fed = runs.fed(program)
        output = runs.output(program, fed.x)
    except InspectionError:  # it would have stopped on this case
        return False
    size = runs.space.picture
    values = decide.at_size(output, program["enlarge"], fed.size, fed.content, size)
    mask = decide.decided(values, program["decision"])
    if mask.dtype != np.int32:
        factor = 255 if program["decision"].key == "twice" else 1
        mask = np.nan_to_num(mask * factor).astype(np.int32)
    first = int(mask.flat[0])
    same = value == first or (first == 1 and value == 255)
    return same and bool((mask == first).all())


def _possible(choice: Choice, value: int) -> Finding:
    said = f"{choice.words[0].upper()}{choice.words[1:]}".rstrip(",")
    return Finding(
        choice.cause,
        "likely" if CAUSES[choice.cause].writes_one_value else "possible",
        (
            Evidence(f"Your file is {value} everywhere; our label map is not.", value),
            Evidence(f"{said} gives exactly this value, and so may others."),
        ),
        choice.fix,
        "",
        separates="The numbers before they become a picture: save them with np.save, and look "
        "at their unique values.",
    )
