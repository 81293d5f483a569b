"""Programs drawn at random, run on these networks and asked for (benchmarks/rebuild.py)."""

from __future__ import annotations

import numpy as np

from benchmarks import programs
from benchmarks.cases import Part
from benchmarks.foreign.cases import pictures
from benchmarks.foreign.files import files
from benchmarks.foreign.networks import MEMBERS, members
from benchmarks.foreign.saving import ways_of
from benchmarks.rebuild import SEED, Outcome, _asked, _named
from core.errors import InspectionError
from examples.materials import case_of

STOPS = (InspectionError, RuntimeError, IndexError, OSError)  # nobody has such a program's output


def drawings(part: Part, limit: int) -> list[tuple[str, int]]:
    """Networks in turn, each with another picture."""
    able = members(part)
    return [(able[k % len(able)].name, pictures(part)[k % 40]) for k in range(limit)]


def rebuilt(drawing: tuple[str, int]) -> Outcome:
    """Draw a program that this network can run, and ask for it by what it wrote."""
    name, seed = drawing
    member = MEMBERS[name]
    rng = np.random.default_rng([SEED, seed, *name.encode()])
    case = case_of(files(member, seed, ways_of(member)[0], truth=False))
    while True:
        program, space = programs.drawn(case, rng)
        try:
            file = programs.file_of(program, case)
        except STOPS:
            continue
        return _asked(case, file, name, seed, _named(program, space.right))
