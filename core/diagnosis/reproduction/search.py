"""Which program wrote the user's file: from the right one outwards, the cheapest changes first.

What comes after the logits costs no forward: it is read off the file backwards. Its size admits few
sizes, its values few casts and palettes, and where each id has one value the rest is no question.
So only changes before the logits are searched. They are ranked by a forward of a part of the
picture, and the best few are run whole; from the best of those the search goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from core.diagnosis.measure.forwards import BudgetSpent
from core.diagnosis.reproduction.feed import TURNS
from core.diagnosis.reproduction.program import Program
from core.diagnosis.reproduction.runs import Candidate, Runs, turned
from core.diagnosis.reproduction.writings import Writing, best_writing
from core.diagnosis.thresholds import (
    BEAM,
    EXPANDED,
    NEAR,
    PRICE,
    RANKING,
    REBUILDING,
    SAME_GAIN,
    TURNED,
    WORTH_TILES,
    WORTH_WRITING,
)
from core.errors import InspectionError

COMMON = {  # run whole whatever a part says: what people do most, and what a part may not show
    "color": ("rgb", "bgr"),
    "numbers": ("unit", "bytes", "imagenet"),
    "mode": ("train",),
    "head": ("aux",),
    "views": ("mirrored",),  # a part of a mirrored picture is another part
    "picture": ("stored", "beneath", "on black"),
}


@dataclass(frozen=True, eq=False)
class Found:
    """A program that was run on the whole picture."""

    candidates: tuple[Candidate, ...]  # its decisions, that which explains most first
    writing: Writing

    @property
    def candidate(self) -> Candidate:
        """The decision that explains most."""
        return self.candidates[0]

    @property
    def merit(self) -> tuple[bool, float]:
        """Exact ones first, then by what they explain."""
        return self.writing.exact, self.candidate.gain


@dataclass(eq=False)
class Search:
    """One search: what was run, and what was best."""

    runs: Runs
    best: Found | None = None
    parts: bool = True  # whether the network takes a part of the picture
    _done: set[str] = field(default_factory=set)
    _began: float = 0.0

    def __post_init__(self) -> None:
        """Forwards of others do not count."""
        self._began = self.runs.measured.forwards.spent

    @property
    def spent(self) -> float:
        """Forwards of this search, in the door's units."""
        return self.runs.measured.forwards.spent - self._began

    @property
    def over(self) -> bool:
        """Whether nothing better can be found, or no more may be run."""
        return self.spent >= REBUILDING or (self.best is not None and self.best.writing.exact)

    def run(self) -> Found | None:
        """Search until a program writes the file exactly, or the nearest ones are exhausted."""
        try:
            first = self.whole(self.runs.space.right)
            nodes = [first] if first else []
            turns = 2 if first and first.candidate.gain >= SAME_GAIN else EXPANDED
            while nodes and turns and not self.over:
                node = max(nodes, key=lambda found: found.merit)
                nodes.remove(node)
                nodes += self._expanded(node, first=node is first)
                turns -= 1
        except BudgetSpent:
            pass
        return self.best

    def _expanded(self, node: Found, *, first: bool) -> Iterator[Found]:
        """The best programs of one change more, run whole."""
        unit, area = self.runs.measured.unit, self.runs.space.area
        ranked = sorted(self._ranked(node), key=lambda pair: PRICE * area(pair[1]) / unit - pair[0])
        nearest = [program for _, program in ranked[:BEAM]]
        common = [program for _, program in ranked[BEAM:] if _is_common(program, node, first)]
        for program in (*nearest, *common):
            near = self.best is not None and self.best.candidate.gain >= NEAR
            if self.over or (first and program in common and near):
                return
            if (found := self.whole(program)) is not None:
                yield found
        if self.best is not None and not self.over:
            yield from self._seams(self.best)

    def _ranked(self, node: Found) -> Iterator[tuple[float, Program]]:
        program = node.candidate.program
        shown = {} if program["layout"].key in TURNS else dict(self._as_turned(node))
        enough = self.spent + RANKING * (REBUILDING - self.spent)
        for changed in sorted(self.runs.space.changes(program), key=self._cost):
            layout = changed["layout"].key
            if changed["views"].value or self.spent >= enough:
                continue
            if layout != program["layout"].key and shown.get(layout, 0.0) >= WORTH_WRITING:
                yield shown[layout], changed
            elif self._is_new(changed, part=self.parts):
                yield self._rank(changed, node), changed

    def _cost(self, program: Program) -> tuple[int, bool]:
        """What a forward costs; of those that cost the same, ways to resize come first."""
        base = self.runs.space.right
        return self.runs.space.area(program), same(program, base, "interpolation")

    def _rank(self, program: Program, node: Found) -> float:
        """0 where the network takes no part of the picture: then nothing is ranked."""
        if self.parts:
            try:
                return node.candidate.gain + self.runs.ranked(program, node.candidate)
            except InspectionError:
                self.parts = program["size"].key != node.candidate.program["size"].key
        return 0.0

    def _is_new(self, program: Program, *, part: bool = False) -> bool:
        """Whether nothing was run that computes the same; from now on it is not new."""
        try:
            name = self.runs.name(program, self.runs.fed(program, part=part).x)
        except InspectionError:
            return False
        new = name not in self._done
        self._done.add(name)
        return new

    def _as_turned(self, node: Found) -> Iterator[tuple[str, float]]:
        """What each layout would explain, without a forward: networks turn with the picture."""
        size = self.runs.written.size
        masks = [c.mask for c in node.candidates if c.mask.dtype == np.int32][:TURNED]
        for layout in TURNS:
            made = [turned(mask, layout) for mask in masks]
            gains = [self.runs.gain(mask) for mask in made if mask.shape == size]
            if gains:
                yield layout, max(gains)

    def _seams(self, node: Found) -> Iterator[Found]:
        """Tiles differ at their seams only, which a part does not show."""
        program = node.candidate.program
        if node.candidate.gain < WORTH_TILES or program["views"].value:
            return
        for choice in self.runs.space.choices["views"]:
            tiled = program.having([choice])
            found = self.whole(tiled) if choice.value and not self.over else None
            if found is not None:
                yield found

    def whole(self, program: Program) -> Found | None:
        """Run a program on the whole picture; None where it would have stopped."""
        for part in (False, True):
            self._is_new(program, part=part)
        try:
            made = sorted(self.runs.candidates(program), key=lambda one: -one.gain)
        except InspectionError:
            return None
        found = self._written(made)
        if found is not None and (self.best is None or found.merit > self.best.merit):
            self.best = found
        return found

    def _written(self, made: list[Candidate]) -> Found | None:
        """The decision that writes most of the file; only the nearest ones are asked."""
        best = None
        for candidate in made[:BEAM]:
            writing = Writing(candidate.program, candidate.mask, 0.0)
            worth = WORTH_WRITING / 2 if candidate.smaller else WORTH_WRITING  # edges were smoothed
            if candidate.gain >= worth:
                writing = best_writing(candidate, self.runs.space, self.runs.written)
            others = (candidate, *(other for other in made if other is not candidate))
            found = Found(others, writing)
            if best is None or found.merit > best.merit:
                best = found
        return best


def same(program: Program, other: Program, stage: str) -> bool:
    """Whether two programs do the same at a stage."""
    return program[stage].key == other[stage].key


def _is_common(program: Program, node: Found, first: bool) -> bool:
    """Of what people do, from the right program; later only what a part never shows."""
    changed = program.deviations(node.candidate.program)
    listed = COMMON if first else {"mode": COMMON["mode"]}
    return any(choice.key in listed.get(choice.stage, ()) for choice in changed)
