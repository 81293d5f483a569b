"""A case with the user's own output to the program that wrote it, or to the nearest one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from core.diagnosis.measure.measurements import Measurements
from core.diagnosis.reproduction.program import BEFORE, Program
from core.diagnosis.reproduction.rebuilt import Rebuilt, percent
from core.diagnosis.reproduction.runs import Runs
from core.diagnosis.reproduction.search import Found, Search
from core.diagnosis.reproduction.space import Space, is_in_space, space_of
from core.diagnosis.reproduction.weights import other_weights
from core.diagnosis.reproduction.written import Written, gain, read_written
from core.diagnosis.thresholds import OTHER_WEIGHTS, RARER_SHARE, REBUILDING

ONE_VALUE = (
    "Your file holds one value only. Many programs write that, so it does not tell which one did; "
    "those that are possible are listed as such."
)
FIGURE = (
    "Your file is a drawing with a white margin, as plt.savefig writes it: its pixels are not "
    "those of a mask, so nothing is concluded from it. Save the array itself, with plt.imsave or "
    "Image.fromarray."
)


def rebuild(measured: Measurements) -> Rebuilt | None:
    """Find the program; None where there is no output, or no program is as the settings say.

    Nothing is concluded from a file of one value or from a drawing: the words say so, and the
    share is 0.

    Raises:
        BudgetSpent: the search has run the network too often.
    """
    written = read_written(measured.case.saved) if measured.case.saved else None
    if written is None or not is_in_space(measured.settings):
        return None
    space = space_of(measured, written)
    if written.flat or written.is_figure:
        right, words = space.right, ONE_VALUE if written.flat else FIGURE
        return Rebuilt(False, 0.0, right, right, words, 0.0, measured.seen.labels.ids)
    rebuilt = _searched(measured, space, written, REBUILDING)
    if rebuilt is None or not rebuilt.exact:
        return _of_other_weights(measured, written) or rebuilt
    return rebuilt


def _searched(
    measured: Measurements, space: Space, written: Written, budget: float
) -> Rebuilt | None:
    runs = Runs(measured, space, written)
    search = Search(runs, budget)
    found = search.run()
    if found is None:
        return None
    program = space.with_lines(_simplest(found.writing.program, runs))
    rebuilt = _rebuilt(found, program, space, written, search.spent)
    return replace(rebuilt, not_finite=runs.not_finite(found.writing.program))


def _of_other_weights(measured: Measurements, written: Written) -> Rebuilt | None:
    """The program with other weights of the same file, only where it writes the file exactly."""
    for loaded, other in other_weights(measured):
        rebuilt = _searched(other, space_of(other, written), written, OTHER_WEIGHTS)
        if rebuilt is not None and rebuilt.exact:
            return replace(rebuilt, program=rebuilt.program.having([loaded]))
    return None


def _simplest(program: Program, runs: Runs) -> Program:
    """Without what changes nothing on this picture; a tag that is ignored is called that."""
    fed, right = runs.name(program), runs.space.right
    for stored in runs.space.choices["picture"][1:]:
        ignored = program.having([stored, right["layout"]])
        if runs.name(ignored) == fed:
            return ignored
    for choice in program.deviations(right):
        if choice.stage in BEFORE:
            without = program.having([right[choice.stage]])
            if runs.name(without) == fed:
                program = without
    return program


def _rebuilt(
    found: Found, program: Program, space: Space, written: Written, forwards: float
) -> Rebuilt:
    share = found.writing.share
    guessed = float(np.bincount(written.codes.ravel()).max() / written.codes.size)
    exact = found.writing.exact and 1 - guessed >= RARER_SHARE
    return Rebuilt(
        exact,
        share,
        program,
        _right(program, space, written),
        _words(exact, share),
        max(found.candidate.gain, gain(share, guessed)),
        found.candidate.mask,
        forwards,
    )


def _right(program: Program, space: Space, written: Written) -> Program:
    """The right program, with the user's own way of writing where nothing is wrong with it."""
    right, color = space.right, program["palette"]
    if color.key != "none" and not color.cause:
        return right.having([program["cast"], color])
    if color.key == "none" and (not program["cast"].cause or written.mode == "P"):
        return right.having([program["cast"], color])
    return right


def _words(exact: bool, share: float) -> str:
    if exact:
        return "Your script did exactly this: these lines give your file, pixel for pixel."
    return (
        "No program that was tried gives your file exactly; possibly it was one like this, "
        f"which gives {percent(share)} of its pixels."
    )
