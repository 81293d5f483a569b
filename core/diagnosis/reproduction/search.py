"""Which program wrote the user's file: from the right one outwards, what promises most first.

What comes after the logits costs no forward: it is read off the file backwards. Its size admits few
sizes, its values few casts and palettes, and where each id has one value the rest is no question.
So only changes before the logits are searched, one stage at a time. Each is ranked by a forward of
the part of the picture that is explained least; what explains that part is run whole at once.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from core.diagnosis.measure.forwards import BudgetSpent
from core.diagnosis.reproduction.parts import Parts, Ranked, parts_of
from core.diagnosis.reproduction.program import BEFORE, Program
from core.diagnosis.reproduction.runs import Candidate, Runs
from core.diagnosis.reproduction.signs import is_mirrored, seams, turned_gains
from core.diagnosis.reproduction.writings import Writing, best_writing
from core.diagnosis.reproduction.written import gain
from core.diagnosis.thresholds import (
    BEAM,
    BETTER,
    CROPPED,
    NEAR_GAIN,
    NEARLY,
    NO_CHANGE,
    OF_A_SIZE,
    PRICE,
    RANKING,
    REBUILDING,
    SAME_PART,
    SEAMS,
    SUBTLE_GAIN,
    TELLING,
    TRAINED,
    UNRANKED,
    WORTH_TILES,
    WORTH_TRAINING,
    WORTH_WRITING,
)
from core.errors import InspectionError

ORDER = (  # the most common first, and what is dear last
    *("picture", "color", "numbers", "head", "mode", "layout"),
    *("precision", "interpolation", "size", "views"),
)
TURNING = ("picture", "layout")  # their choices may exchange height and width
SUBTLE = ("precision", "interpolation")  # what is left where nearly all is explained


@dataclass(frozen=True, eq=False)
class Found:
    """A program that was run on the whole picture."""

    candidates: tuple[Candidate, ...]  # its decisions, that which explains most first
    writing: Writing
    drawn: float  # the share that the writing has, as a gain

    @property
    def candidate(self) -> Candidate:
        """The decision that explains most."""
        return self.candidates[0]

    @property
    def gain(self) -> float:
        """What it explains of the file: as label map, or as what is written of it."""
        return max(self.candidate.gain, self.drawn)

    @property
    def merit(self) -> tuple[bool, float]:
        """Exact ones first, then by what they explain."""
        return self.writing.exact, self.gain


@dataclass(eq=False)
class Search:
    """One search: what was run, what is to be run next, and what was best."""

    runs: Runs
    budget: float = REBUILDING  # units
    best: Found | None = None
    _done: set[str] = field(default_factory=set)
    _waiting: list[tuple[float, int, Program | Found, float]] = field(default_factory=list)
    _number: Iterator[int] = field(default_factory=count)
    _trained: int = 0  # how often training mode was promised
    _seen: dict[tuple[str, ...], float] = field(default_factory=dict)  # what choices explained
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
        return self.left <= 0 or (self.best is not None and self.best.writing.exact)

    @property
    def left(self) -> float:
        """Forwards that may still be run: more where nearly all of the file is explained."""
        near = self.best is not None and self.best.gain >= NEAR_GAIN
        return self.budget * (NEARLY if near else 1.0) - self.spent

    def run(self) -> Found | None:
        """Search until a program writes the file exactly, or forwards or programs are exhausted."""
        try:
            first = self.whole(self._start())
            self._go_on(first, -1.0)
            if first is None:
                self._begin_on_its_side()
            while self._waiting and not self.over:
                _, _, waiting, known = heapq.heappop(self._waiting)
                found = waiting if isinstance(waiting, Found) else self.whole(waiting)
                self._go_on(found, known)
        except BudgetSpent:
            pass
        return self.best

    def _start(self) -> Program:
        """The right program; where the file is its own mirror image, its average of two views."""
        right = self.runs.space.right
        if is_mirrored(self.runs.written):
            return right.having([self.runs.space.find("views", "mirrored")])
        return right

    def _begin_on_its_side(self) -> None:
        """Where the right program cannot write the file's size: from those that turn it."""
        for program in self.runs.space.changes(self._start()):
            if _changed_stage(program, self._start()) in TURNING and not self.over:
                found = self.whole(program)
                if found is not None:
                    self._wait(found, found.gain, -1.0)

    def _go_on(self, found: Found | None, known: float) -> None:
        """From a program that explains more than what is known."""
        while found is not None and not self.over and found.gain > known + _better(known):
            known = found.gain
            found = self._expanded(found)

    def _expanded(self, node: Found) -> Found | None:
        """Rank all programs of one change more; those that explain the part are run at once.

        Returns the first one that explains much more; the others wait.
        """
        parts = parts_of(self.runs, node.candidate, node.writing)
        enough = self.spent + RANKING * self.left
        for program, promise, sure in self._ranked(node, parts, enough):
            found = self.whole(program) if sure else None
            if found is not None and found.gain > node.gain + (1 - node.gain) / 2:
                return found
            if self.over:
                return None
            if found is not None:
                self._wait(found, found.gain, node.gain)
            elif not sure:
                dear = PRICE * (1 - node.gain) * self.runs.space.area(program)
                self._wait(program, promise - dear / self.runs.measured.unit, node.gain)
        return None

    def _wait(self, waiting: Program | Found, promise: float, known: float) -> None:
        """Go on from it when nothing promises more."""
        heapq.heappush(self._waiting, (-promise, next(self._number), waiting, known))

    def _ranked(
        self, node: Found, parts: Parts, enough: float
    ) -> Iterator[tuple[Program, float, bool]]:
        """Each change, what it promises to explain, and whether it is worth a whole run at once."""
        program, usable = node.candidate.program, parts.usable
        yield from self._turned(node)
        for number, changed in enumerate(self._changes(node)):
            promise, sure = node.gain - _less(UNRANKED, node.gain) * number, False
            if (known := self._known(changed, node)) is not None:
                promise, sure = known
            elif usable and self.spent < enough and self._is_cheap(changed):
                try:
                    ranked = parts.ranked(changed)
                except InspectionError:
                    usable = changed["size"].key != program["size"].key
                else:
                    same_size = changed["size"].key == program["size"].key
                    usable = ranked.alike >= TELLING or not same_size
                    if usable:
                        sure, promise = ranked.sure, self._promised(changed, node, ranked, promise)
            yield changed, promise, sure

    def _is_cheap(self, program: Program) -> bool:
        """Whether a part of it costs no more than one forward."""
        return self.runs.space.area(program) * CROPPED**2 <= self.runs.measured.unit

    def _known(self, program: Program, node: Found) -> tuple[float, bool] | None:
        """Promise and whether it is sure, of changes that a part says nothing about."""
        stage = _changed_stage(program, node.candidate.program)
        if stage == "views" and program["views"].value is None:
            return node.gain, True  # there may be no tiles after all
        if program["views"].value and stage == "views":
            return self._seamed(program, node.gain)
        if stage == "mode" and self._trained < TRAINED:  # a part has other moments
            self._trained += 1
            return node.gain + (1 - node.gain) * WORTH_TRAINING, True
        if stage == "precision" and node.gain >= SUBTLE_GAIN:  # it changes single pixels
            return node.gain, True
        seen = self._seen.get(_named(program, stage), 1.0)
        return (seen, False) if seen < WORTH_WRITING <= node.gain else None

    def _promised(self, program: Program, node: Found, ranked: Ranked, unranked: float) -> float:
        """What the whole would be explained, by what a part of it is."""
        idle = _less(NO_CHANGE, node.gain)
        if ranked.alike < SAME_PART and node.gain >= WORTH_WRITING:
            return max(unranked, node.gain + ranked.more - idle)
        if ranked.was >= WORTH_WRITING:
            stage = _changed_stage(program, node.candidate.program)
            self._seen[_named(program, stage)] = ranked.gain
        return node.gain + ranked.more - idle * ranked.idle

    def _turned(self, node: Found) -> Iterator[tuple[Program, float, bool]]:
        """Layouts that would explain more, without a forward."""
        gain, program = node.gain, node.candidate.program
        turned = turned_gains(self.runs, node.candidate)
        best = max(turned.values(), default=0.0)
        for layout, promise in sorted(turned.items(), key=lambda pair: -pair[1]):
            if promise >= max(WORTH_WRITING, gain):
                changed = program.having([self.runs.space.find("layout", layout)])
                yield changed, promise, promise == best > gain + BETTER

    def _seamed(self, program: Program, gain: float) -> tuple[float, bool]:
        """Tiles differ at their seams only, which a part does not show."""
        shown = self._shows_seams(program)
        return gain + ((1 - gain) / 2 if shown else -_less(NO_CHANGE, gain)), shown

    def _shows_seams(self, program: Program) -> bool:
        """Whether the file shows where the program's tiles meet; costs no forward."""
        tile = program["views"].value
        if tile is None:
            return False
        return seams(self.runs.written, self.runs.fed(program).size, tile) >= SEAMS

    def _changes(self, node: Found) -> list[Program]:
        """One change more: what explained most before, then the most common, cheap ones first."""
        program, near = node.candidate.program, node.gain >= WORTH_WRITING
        made = [
            changed
            for changed in self.runs.space.changes(program)
            if changed["views"].key != "mirrored" or program["views"].key == "mirrored"
            if not changed["views"].value or node.gain >= WORTH_TILES
        ]

        def order(changed: Program) -> tuple[bool, float, int, int]:
            stage = _changed_stage(changed, program)
            seen = round(-self._seen.get(_named(changed, stage), 1.0), 1) if near else 0.0
            first = node.gain >= SUBTLE_GAIN and stage in SUBTLE
            first = first or (stage == "views" and self._shows_seams(changed))
            return not first, seen, ORDER.index(stage), self.runs.space.area(changed)

        return sorted(made, key=order)

    def whole(self, program: Program) -> Found | None:
        """Run a program on the whole picture; None where it would have stopped, or was run."""
        try:
            name = self.runs.name(program)
            if name in self._done:
                return None
            self._done.add(name)
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
        for candidate in _nearest_of_each_size(made):
            writing = Writing(candidate.program, candidate.mask, 0.0)
            worth = WORTH_WRITING / 2 if candidate.smaller else WORTH_WRITING  # edges were smoothed
            if candidate.gain >= worth:
                writing = best_writing(candidate, self.runs.space, self.runs.written)
            others = (candidate, *(other for other in made if other is not candidate))
            found = Found(others, writing, gain(writing.share, self.runs.written.guessed))
            if writing.exact:
                return found
            if best is None or found.merit > best.merit:
                best = found
        return best


def _nearest_of_each_size(made: list[Candidate]) -> list[Candidate]:
    """Those that explain most, at each size of the decision: a resize of the mask moves edges."""
    asked = made[:BEAM]
    for key in dict.fromkeys(one.program["enlarge"].key for one in made):
        asked += [one for one in made if one.program["enlarge"].key == key][:OF_A_SIZE]
    return list(dict.fromkeys(asked))


def _changed_stage(program: Program, other: Program) -> str:
    """The stage at which two programs differ."""
    return next(stage for stage in BEFORE if program[stage].key != other[stage].key)


def _named(program: Program, stage: str) -> tuple[str, str, str]:
    """A choice, by the mode: in training mode other choices explain the file."""
    return program["mode"].key, stage, program[stage].key


def _better(gain: float) -> float:
    """How much more must be explained to be gone on from: less where little is left."""
    return min(BETTER, (1 - gain) / 2)


def _less(promise: float, gain: float) -> float:
    """What a change promises less that shows nothing: where little is left, at most half of it.

    Else all that could complete a program that explains 99 % would wait behind what explains 95 %.
    """
    return min(promise, (1 - gain) / 2) if gain >= SUBTLE_GAIN else promise
