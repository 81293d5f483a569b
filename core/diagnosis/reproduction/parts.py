"""Changes before the logits, ranked by a part of the picture: a seventh of a forward each.

At the edges of a part a network says something else than in the whole picture. So only what a
change does to the part is counted, laid over the mask of the whole.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch

from core.diagnosis.reproduction import decide, feed, write
from core.diagnosis.reproduction.program import Choice, Program
from core.diagnosis.reproduction.runs import Candidate, Fed, Runs, nearest
from core.diagnosis.reproduction.writings import Writing
from core.diagnosis.reproduction.written import coding, gain, most_frequent, packed
from core.diagnosis.thresholds import CROP_MULTIPLE, CROPPED, EDGE_WEIGHT, SAME_DRAWN

Spans = tuple[slice, slice]
Place = tuple[float, float]  # row and column of the middle of a part, 0..1


@dataclass(frozen=True, eq=False)
class Part:
    """What the network says of a part of the input."""

    fed: tuple[int, ...]  # h, w of the whole input
    of_input: Spans  # its rows and columns
    of_file: Spans  # rows and columns of the file that it covers
    logits: torch.Tensor  # Float32[1 C h w], at the size of the part that was fed
    _scores: dict[str, decide.Scores] = field(default_factory=dict)  # by where they are enlarged to

    def decided(self, decision: Choice, enlarge: Choice) -> np.ndarray:
        """The decision at the file's size, Int32 or Float32 [h w]."""
        shape = tuple(span.stop - span.start for span in self.of_file)
        if enlarge.key not in self._scores:
            logits = self.logits
            if enlarge.key == "picture":
                logits = feed.enlarged(logits, (shape[0], shape[1]), enlarge.value)
            self._scores[enlarge.key] = decide.Scores(logits[0].numpy())
        return nearest(decide.decided(self._scores[enlarge.key], decision), shape)

    @cached_property
    def own(self) -> decide.Scores:
        """At the size of the part."""
        return decide.Scores(self.logits[0].numpy())


@dataclass(frozen=True)
class Ranked:
    """How much of a part is explained: with a change, and without."""

    gain: float
    was: float
    alike: float = 1.0  # share of the part where its own forward says what that of the whole says

    @property
    def more(self) -> float:
        """By how much more."""
        return self.gain - self.was

    @property
    def idle(self) -> bool:
        """Whether it explains hardly anything of what was not explained."""
        return self.more < (1 - self.was) / 20

    @property
    def sure(self) -> bool:
        """Whether the change explains most of what was not: it is worth a whole run at once."""
        return self.more > (1 - self.was) / 2


@dataclass(frozen=True, eq=False)
class Parts:
    """Ranks the changes of one program that was run on the whole picture."""

    runs: Runs
    beside: Candidate
    place: Place
    writing: Writing  # the best one of it
    drawn: np.ndarray | None  # what it writes, packed, where it is known and blurs the ids

    @cached_property
    def _before(self) -> Part:
        return self._part(self.beside.program)

    @property
    def usable(self) -> bool:
        """Whether a part of the decision is a decision of the part."""
        return self.beside.program["decision"].key not in decide.OVER_AXES

    def ranked(self, program: Program) -> Ranked:
        """What a change explains of the part.

        Args:
            program: differs from the one beside it before the logits.

        Raises:
            InspectionError: the network stops on the part.
            BudgetSpent: the search has run the network too often.
        """
        before, after = self._before, self._part(program)
        spans = _both(before.of_file, after.of_file)
        if self.drawn is not None and after.fed == before.fed == self.writing.mask.shape:
            return self._redrawn(after, spans, self.drawn)
        inner, outer = _within(after.of_file, spans), _within(before.of_file, spans)
        decisions = [c for c in self.runs.decisions(after.own) if c.key not in decide.OVER_AXES]
        ways = self.runs.space.choices["enlarge"][: 1 + (program["size"].value is not None)]
        gains = [
            self._gain(after.decided(decision, enlarge)[inner], spans)
            for decision in decisions
            for enlarge in ways
        ]
        decision, enlarge = self.beside.program["decision"], self.beside.program["enlarge"]
        now = nearest(self.beside.mask, self.runs.written.size)[spans]
        was = self._gain(now, spans)
        alike = 1.0
        if now.dtype == np.int32:
            old = before.decided(decision, enlarge)[outer]
            new = after.decided(decision, enlarge)[inner]
            gains.append(self._gain(np.where(old == new, now, new), spans))
            alike = float((old == now).mean())
        return Ranked(max(gains), was, alike)

    def _redrawn(self, after: Part, spans: Spans, drawn: np.ndarray) -> Ranked:
        """The same by equal pixels of the file, once it is known how its mask is written."""
        writing, wanted = self.writing, self.runs.written.packed[spans]
        decision = writing.program["decision"]
        guessed = most_frequent(wanted)
        old, new = (decide.decided(part.own, decision) for part in (self._before, after))
        laid_over = writing.mask.copy()
        laid_over[after.of_input][old != new] = new[old != new]
        both = _packed(self.runs, laid_over, writing.program)[spans], drawn[spans]
        return Ranked(*(gain(float((made == wanted).mean()), guessed) for made in both))

    def _gain(self, mask: np.ndarray, spans: Spans) -> float:
        return self.runs.gain(np.ascontiguousarray(mask), spans)

    def _part(self, program: Program) -> Part:
        views = program["views"]
        plain = program.having([self.runs.space.choices["views"][0]])
        size = self.runs.planes(plain)[0].shape[1:]
        spans = self._span(0, size[0]), self._span(1, size[1])
        fed = self.runs.fed(plain, part=None if views.key == "mirrored" else spans)
        if views.key == "mirrored":
            cut = [each[:, :, spans[0], spans[1]].contiguous() for each in (fed.x, fed.x.flip(3))]
            both = [Fed(each, fed.content) for each in cut]
            logits = sum(self.runs.output(plain, each) for each in both) / 2
            fed = both[0]
        else:
            logits = self.runs.output(plain, fed)
        rows, columns = (
            slice(round(span.start * to / side), max(1, round(span.stop * to / side)))
            for span, side, to in zip(spans, size, self.runs.written.size, strict=True)
        )
        assert isinstance(logits, torch.Tensor)
        return Part(tuple(size), spans, (rows, columns), feed.enlarged(logits, fed.size))

    def _span(self, axis: int, side: int) -> slice:
        """Rows or columns of the input: whole strides around the place."""
        strides = max(1, round(CROPPED * side / CROP_MULTIPLE))
        length = min(side, strides * CROP_MULTIPLE)
        start = round((self.place[axis] * side - length / 2) / CROP_MULTIPLE) * CROP_MULTIPLE
        start = min(max(0, start), side - length)
        return slice(start, start + length)


def parts_of(runs: Runs, beside: Candidate, writing: Writing) -> Parts:
    """The part in which most is not explained yet, and some objects have their edges.

    Args:
        runs: of the case.
        beside: the decision that explains most.
        writing: the best way to write it.
    """
    codes = runs.written.codes
    edges = np.zeros(codes.shape, bool)
    edges[1:] |= codes[1:] != codes[:-1]
    edges[:, 1:] |= codes[:, 1:] != codes[:, :-1]
    worth = EDGE_WEIGHT * edges
    drawn = None
    if writing.blurs and writing.share >= SAME_DRAWN:
        drawn = _packed(runs, writing.mask, writing.program)
        worth += drawn != runs.written.packed
    elif beside.mask.dtype == np.int32:
        worth += _unexplained(runs, nearest(beside.mask, codes.shape))
    sums = np.pad(worth, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    h, w = (max(1, round(CROPPED * side)) for side in codes.shape)
    inside = sums[h:, w:] - sums[:-h, w:] - sums[h:, :-w] + sums[:-h, :-w]
    row, column = np.unravel_index(int(inside.argmax()), inside.shape)
    place = (row + h / 2) / len(codes), (column + w / 2) / codes.shape[1]
    return Parts(runs, beside, place, writing, drawn)


def _packed(runs: Runs, mask: np.ndarray, program: Program) -> np.ndarray:
    """What a program writes of a mask, Int64[h w]."""
    made = write.drawn(mask, program, runs.space.opened_size(program))
    return packed(write.in_file(made, runs.written.jpeg))


def _unexplained(runs: Runs, mask: np.ndarray) -> np.ndarray:
    """Where the file has another value than the one of most pixels of that id, Bool[h w]."""
    values = coding(runs.written, mask).values
    lowest = int(mask.min())
    table = np.zeros(int(mask.max()) - lowest + 1, np.int64)
    for k, value in values.items():
        table[k - lowest] = value
    levels = runs.written.levels
    wrong: np.ndarray = table[mask - lowest] != levels[runs.written.codes]
    return wrong


def _both(one: Spans, other: Spans) -> Spans:
    """Rows and columns that two parts share."""
    rows, columns = (
        slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(one, other, strict=True)
    )
    return rows, columns


def _within(part: Spans, spans: Spans) -> Spans:
    """The same rows and columns, counted from the beginning of a part."""
    rows, columns = (
        slice(b.start - a.start, b.stop - a.start) for a, b in zip(part, spans, strict=True)
    )
    return rows, columns
