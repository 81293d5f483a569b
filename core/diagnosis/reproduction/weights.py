"""The weights that a script loads: those that are open, or others of the same file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from core.diagnosis.measure.measurements import Measurements
from core.diagnosis.reproduction.program import Choice
from core.diagnosis.thresholds import MOST_PARTS
from core.errors import InspectionError

OPENED = Choice("weights", "open", "the weights that are open")


def other_weights(measured: Measurements) -> Iterator[tuple[Choice, Measurements]]:
    """The other weights of the file that can be run, and the case with them in place.

    Raises:
        BudgetSpent: when what it gives runs the network too often; the budget is that of the case.
    """
    for part, open_part in list(measured.case.others.items())[:MOST_PARTS]:
        try:
            checkpoint, network = open_part()
        except InspectionError:  # they are of no network that is known
            continue
        case = replace(measured.case, checkpoint=checkpoint, network=network, others={})
        yield _loaded(part), Measurements(case, measured.forwards)


def _loaded(part: str) -> Choice:
    lines = (f"# model holds the weights under {part!r} of the checkpoint",)
    fix = f"Load the weights that were meant: your file is of those under {part}."
    return Choice("weights", part, f"loading the weights under {part}", lines, "W9", fix, part)
