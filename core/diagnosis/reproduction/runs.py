"""Programs run on a case: each input through the network once, whole or a part of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch

from core import inference
from core.diagnosis.measure.measurements import Measurements
from core.diagnosis.reproduction import decide, feed, picture, resize
from core.diagnosis.reproduction.program import Program
from core.diagnosis.reproduction.space import Space
from core.diagnosis.reproduction.written import Written, coding, of_numbers, spread
from core.diagnosis.thresholds import CROP_MULTIPLE, CROPPED, INPUTS_KEPT
from core.settings import Forwarding

Size = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Fed:
    """What a program feeds."""

    x: torch.Tensor  # [1 c h w]
    content: Size  # h, w of the part that is no padding

    @property
    def size(self) -> Size:
        """h, w."""
        return self.x.shape[2], self.x.shape[3]


@dataclass(frozen=True, eq=False)
class Candidate:
    """A program up to its decision, beside the file."""

    program: Program
    mask: np.ndarray  # Int32 or Float32 [h w], the decision at its own size
    gain: float  # of the file: 0 is no better than guessing, 1 explains every pixel
    smaller: bool  # whether the mask has to be resized to the file's size


@dataclass(eq=False)
class Runs:
    """Runs programs; what the network says is kept by what it was fed."""

    measured: Measurements
    space: Space
    written: Written
    _known: dict[str, torch.Tensor] = field(default_factory=dict)
    _laid_out: dict[tuple[str, ...], tuple[np.ndarray, Size]] = field(default_factory=dict)

    # --- with a forward ---------------------------------------------------------------------------

    def fed(self, program: Program, *, part: bool = False) -> Fed:
        """The input of a program, or the part of it that is ranked; costs no forward."""
        planes, content = self._planes(program)
        spans = self._spans(planes.shape[1:])
        whole = dict(program["numbers"].value)
        if part and not whole["zscore"] and whole["scale"] != "max":  # numbers of a pixel alone
            planes = planes[:, spans[0], spans[1]]
        x = feed.normalized(planes, whole).to(DTYPES[program["precision"].key])
        if part and x.shape[2:] != (spans[0].stop - spans[0].start, spans[1].stop - spans[1].start):
            x = x[:, :, spans[0], spans[1]]
        return Fed(x.contiguous(), content)

    def _planes(self, program: Program) -> tuple[np.ndarray, Size]:
        """[c h w] before scaling, and h, w without padding; the last ones are kept."""
        stages = ("picture", "color", "size", "interpolation", "layout")
        key = tuple(program[stage].key for stage in stages)
        if key not in self._laid_out:
            image = picture.opened(self.measured.case, program["picture"])
            image = picture.ordered(image, program["color"].value)
            image, content = resize.sized(image, program["size"], program["interpolation"].key)
            planes = feed.laid_out(image, program["layout"].key)
            if planes.shape[1:] != image.shape[:2]:
                content = content[::-1]
            while len(self._laid_out) >= INPUTS_KEPT:
                del self._laid_out[next(iter(self._laid_out))]
            self._laid_out[key] = planes, content
        return self._laid_out[key]

    def output(self, program: Program, x: torch.Tensor) -> torch.Tensor:
        """What the network says of an input, [1 C h w] at its own size; each input once.

        Raises:
            InspectionError: the network stops on it.
            BudgetSpent: the search has run the network too often.
        """
        key = self.name(program, x)
        if key not in self._known:
            settings = feed.forwarding(program["mode"].key, program["head"].key)
            inputs = feed.views_of(x, program["views"])
            logits = [self._run(one, settings) for one in inputs]
            self._known[key] = feed.joined(logits, x, program["views"])
        return self._known[key]

    def name(self, program: Program, x: torch.Tensor) -> str:
        """Names the output for an input: equal where two programs feed and run the same."""
        ways = " ".join(program[stage].key for stage in ("mode", "head", "views"))
        raw = x.view(torch.int16) if x.dtype == torch.bfloat16 else x  # NumPy has no bfloat16
        said = f"{tuple(x.shape)} {x.dtype} {ways}"
        return hashlib.sha256(said.encode() + raw.numpy().tobytes()).hexdigest()

    def _run(self, x: torch.Tensor, settings: Forwarding) -> torch.Tensor:
        forwards = self.measured.forwards
        network = self.measured.network
        made = forwards.not_kept("", lambda: inference.outputs(network, x, settings))
        forwards.count(x[0, 0].numel() / self.measured.unit)
        return made.float()

    # --- beside the file --------------------------------------------------------------------------

    def candidates(self, program: Program) -> Iterator[Candidate]:
        """A program with every decision and every size that the file's size admits."""
        fed = self.fed(program)
        output = self.output(program, fed.x)
        shapes: set[Size] = set()
        for enlarge in self.space.choices["enlarge"]:
            values = decide.at_size(output, enlarge, fed.size, fed.content, self.space.picture)
            shape = (values.shape[1], values.shape[2])
            if shape in shapes:
                continue  # two names for the same
            shapes.add(shape)
            for decision in self.space.choices["decision"]:
                mask = decide.decided(values, decision)
                smaller = mask.shape != self.written.size
                if smaller and not self._admitted(mask.shape, shape):
                    continue
                found = self.gain(nearest(mask, self.written.size) if smaller else mask)
                yield Candidate(program.having([enlarge, decision]), mask, found, smaller)

    def _admitted(self, mask: tuple[int, ...], logits: Size) -> bool:
        """Whether a resize to the picture's size could have made the file's size of it."""
        return mask == logits and self.written.size == self.space.picture

    def gain(self, mask: np.ndarray, part: tuple[slice, slice] | None = None) -> float:
        """How much of the file a decision explains, whatever value each id has in it."""
        if mask.dtype != np.int32:
            return of_numbers(self.written, mask, part)
        if self.written.jpeg is not None:
            return spread(self.written, mask, part)
        return coding(self.written, mask, part).gain

    def ranked(self, program: Program, beside: Candidate) -> float:
        """By how much more of a part of the file is explained, by forwards of that part alone.

        At the edges of a part a network says something else than in the whole picture. So only
        what the change does to the part is counted, to the part alone or to the whole mask there.

        Args:
            program: differs from the one beside it before the logits.
            beside: was run on the whole picture.

        Raises:
            InspectionError: the network stops on it.
            BudgetSpent: the search has run the network too often.
        """
        part, after = self._of_part(program)
        before = self._of_part(beside.program)[1]
        shape = self.written.codes[part].shape
        better = self._best_gain(after, part) - self._best_gain(before, part)
        decision = beside.program["decision"]
        if decision.key in decide.OVER_AXES or beside.mask.dtype != np.int32:
            return better
        now = nearest(beside.mask, self.written.size)[part]
        old, new = (nearest(decide.decided(logits, decision), shape) for logits in (before, after))
        mixed = np.where(old == new, now, new)
        return max(better, self.gain(mixed, part) - self.gain(now, part))

    def _best_gain(self, values: np.ndarray, part: tuple[slice, slice]) -> float:
        """Of the logits of a part, under any decision; an axis of a part is none of the whole."""
        shape = self.written.codes[part].shape
        return max(
            self.gain(nearest(decide.decided(values, decision), shape), part)
            for decision in self.space.choices["decision"]
            if decision.key not in decide.OVER_AXES
        )

    def _of_part(self, program: Program) -> tuple[tuple[slice, slice], np.ndarray]:
        """Rows and columns of the file, and the logits of the input there, Float32[C h w]."""
        size = self._planes(program)[0].shape[1:]
        x = self.fed(program, part=True).x
        values = feed.enlarged(self.output(program, x), (x.shape[2], x.shape[3]))
        first, second = (
            slice(round(span.start * to / side), max(1, round(span.stop * to / side)))
            for span, side, to in zip(self._spans(size), size, self.written.size, strict=True)
        )
        return (first, second), values[0].numpy()

    def _spans(self, size: tuple[int, ...]) -> tuple[slice, slice]:
        return self._span(0, size[0]), self._span(1, size[1])

    def _span(self, axis: int, side: int) -> slice:
        """Rows or columns of the input that are ranked: whole strides, where most varies."""
        length = min(
            side, max(CROP_MULTIPLE, round(CROPPED * side / CROP_MULTIPLE) * CROP_MULTIPLE)
        )
        start = round(self._busiest[axis] * side) - length // 2
        start = min(max(0, start // CROP_MULTIPLE * CROP_MULTIPLE), side - length)
        return slice(start, start + length)

    @cached_property
    def _busiest(self) -> tuple[float, float]:
        """Where the file has most edges: row and column, 0..1."""
        codes = self.written.codes
        edges = np.zeros(codes.shape)
        edges[1:] += codes[1:] != codes[:-1]
        edges[:, 1:] += codes[:, 1:] != codes[:, :-1]
        total = edges.sum() or 1.0
        row = (edges.sum(axis=1) * np.arange(len(codes))).sum() / total / len(codes)
        column = (edges.sum(axis=0) * np.arange(codes.shape[1])).sum() / total / codes.shape[1]
        return float(row), float(column)


DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def nearest(mask: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """[h w] at another size, for a comparison: the nearest pixel."""
    if mask.shape == size:
        return mask
    rows = ((np.arange(size[0]) + 0.5) * mask.shape[0] / size[0]).astype(int)
    columns = ((np.arange(size[1]) + 0.5) * mask.shape[1] / size[1]).astype(int)
    made: np.ndarray = mask[rows][:, columns]
    return made


def turned(mask: np.ndarray, layout: str) -> np.ndarray:
    """A mask as a turned picture would give it: networks nearly turn with the picture."""
    return np.ascontiguousarray(feed.TURNS[layout][1](mask))
