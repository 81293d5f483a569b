"""Programs run on a case: each input through the network once, whole or a part of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

import numpy as np
import torch

from core import inference
from core.diagnosis.measure.measurements import Measurements
from core.diagnosis.reproduction import decide, feed, picture, resize
from core.diagnosis.reproduction.program import Choice, Program
from core.diagnosis.reproduction.space import Space
from core.diagnosis.reproduction.written import Written, coding, of_numbers, spread
from core.diagnosis.thresholds import COPIES_KEPT, INPUTS_KEPT
from core.settings import Forwarding

Size = tuple[int, int]
K = TypeVar("K")
V = TypeVar("V")
LAID_OUT = ("picture", "color", "size", "interpolation", "layout")  # stages up to [c h w]


@dataclass(frozen=True, eq=False)
class Fed:
    """What a program feeds."""

    x: torch.Tensor  # [1 c h w]
    content: Size  # h, w of the part that is no padding

    @property
    def size(self) -> Size:
        """h, w."""
        return self.x.shape[2], self.x.shape[3]

    @cached_property
    def digest(self) -> str:
        """Names its numbers, their type and their shape."""
        x = self.x
        raw = x.view(torch.int16) if x.dtype == torch.bfloat16 else x  # NumPy has no bfloat16
        return f"{tuple(x.shape)} {x.dtype} {hashlib.sha256(raw.numpy().data).hexdigest()}"


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
    _fed: dict[tuple[str, ...], Fed] = field(default_factory=dict)
    _copies: dict[tuple[str, ...], torch.nn.Module] = field(default_factory=dict)

    # --- with a forward ---------------------------------------------------------------------------

    def fed(self, program: Program, *, part: tuple[slice, slice] | None = None) -> Fed:
        """The input of a program, or these rows and columns of it; the last ones are kept.

        Costs no forward.
        """
        key = *(program[stage].key for stage in (*LAID_OUT, "numbers", "precision")), str(part)
        if key not in self._fed:
            _keep_less(self._fed)
            self._fed[key] = self._made(program, part)
        return self._fed[key]

    def _made(self, program: Program, part: tuple[slice, slice] | None) -> Fed:
        planes, content = self.planes(program)
        values = dict(program["numbers"].value)
        of_pixels = not values["zscore"] and values["scale"] != "max"  # of each pixel alone
        if part and of_pixels:
            planes = planes[:, part[0], part[1]]
        x = feed.normalized(planes, values).to(DTYPES[program["precision"].key])
        if part and not of_pixels:
            x = x[:, :, part[0], part[1]]
        return Fed(x.contiguous(), content)

    def planes(self, program: Program) -> tuple[np.ndarray, Size]:
        """[c h w] before scaling, and h, w without padding; the last ones are kept."""
        key = tuple(program[stage].key for stage in LAID_OUT)
        if key not in self._laid_out:
            image = picture.opened(self.measured.case, program["picture"])
            image = picture.ordered(image, program["color"].value)
            image, content = resize.sized(image, program["size"], program["interpolation"].key)
            planes = feed.laid_out(image, program["layout"].key)
            if planes.shape[1:] != image.shape[:2]:
                content = content[::-1]
            _keep_less(self._laid_out)
            self._laid_out[key] = planes, content
        return self._laid_out[key]

    def output(self, program: Program, fed: Fed) -> torch.Tensor:
        """What the network says of an input, [1 C h w] at its own size; each input once.

        Raises:
            InspectionError: the network stops on it.
            BudgetSpent: the search has run the network too often.
        """
        key = self.name(program, fed)
        if key not in self._known:
            settings = feed.forwarding(program["mode"].key, program["head"].key)
            inputs = feed.views_of(fed.x, program["views"])
            logits = [self._run(one, settings) for one in inputs]
            self._known[key] = feed.joined(logits, fed.x, program["views"]).float()
        return self._known[key]

    def name(self, program: Program, fed: Fed | None = None) -> str:
        """Names the output for an input: equal where two programs feed and run the same."""
        ways = " ".join(program[stage].key for stage in ("mode", "head", "views"))
        return f"{ways} {(fed or self.fed(program)).digest}"

    def _run(self, x: torch.Tensor, settings: Forwarding) -> torch.Tensor:
        forwards, network = self.measured.forwards, self.measured.network

        def outputs() -> torch.Tensor:
            return inference.outputs(network, x, settings, module=self._prepared(x, settings))

        made = forwards.not_kept("", outputs)
        forwards.count(x[0, 0].numel() / self.measured.unit)
        return made  # of the input's precision, in which scripts add views

    def _prepared(self, x: torch.Tensor, settings: Forwarding) -> torch.nn.Module:
        """The module to run; the last copies are kept, and in training mode each for its shape.

        There a layer that once saw a single value keeps its stored statistics from then on.
        """
        shape = str(tuple(x.shape)) if settings.mode == "train" else ""
        key = settings.mode, str(x.dtype), settings.head, shape
        if key not in self._copies:
            _keep_less(self._copies, COPIES_KEPT)
            self._copies[key] = inference.prepared(self.measured.network, x, settings, [])
        return self._copies[key]

    # --- beside the file --------------------------------------------------------------------------

    def scores(self, program: Program) -> decide.Scores:
        """What a program decides.

        Raises:
            InspectionError, BudgetSpent: as `output`.
        """
        fed = self.fed(program)
        output = self.output(program, fed)
        enlarge, picture_size = program["enlarge"], self.space.opened_size(program)
        return decide.at_size(output, enlarge, fed.size, fed.content, picture_size)

    def not_finite(self, program: Program) -> float:
        """Share of its pixels that have a logit that is NaN or infinite, 0..1."""
        return 1 - float(self.scores(program).finite.mean())

    def candidates(self, program: Program) -> Iterator[Candidate]:
        """A program with every decision and every size that the file's size admits."""
        shapes: set[Size] = set()
        for enlarge in self.space.choices["enlarge"]:
            scores = self.scores(program.having([enlarge]))
            if scores.size in shapes:
                continue  # two names for the same
            shapes.add(scores.size)
            for decision in self.decisions(scores):
                smaller = not decide.has_size(decision, scores, self.written.size)
                if smaller and not self._admitted(decision, scores, program):
                    continue
                mask = decide.decided(scores, decision)
                found = self.gain(nearest(mask, self.written.size) if smaller else mask)
                yield Candidate(program.having([enlarge, decision]), mask, found, smaller)

    def decisions(self, scores: decide.Scores) -> list[Choice]:
        """Those that the file admits, and that say something else of these scores.

        Probabilities are written without colors; softmax changes an argmax only where it is NaN.
        """
        color = self.written.values.ndim == 3
        without = {decide.OF_NAN} if scores.finite.all() else set()
        return [
            one
            for one in self.space.choices["decision"]
            if one.key not in without and not (color and decide.is_of_numbers(one))
        ]

    def _admitted(self, decision: Choice, scores: decide.Scores, program: Program) -> bool:
        """Whether a resize to the picture's size could have made the file's size of it."""
        same = self.written.size == self.space.opened_size(program)
        return same and decide.has_size(decision, scores, scores.size)

    def gain(self, mask: np.ndarray, part: tuple[slice, slice] | None = None) -> float:
        """How much of the file a decision explains, whatever value each id has in it."""
        if mask.dtype != np.int32:
            return of_numbers(self.written, mask, part)
        if not self.written.is_coded:
            return spread(self.written, mask, part)
        return coding(self.written, mask, part).gain


DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def _keep_less(kept: dict[K, V], most: int = INPUTS_KEPT) -> None:
    """Forget the oldest, so that with one more there are no more than so many."""
    while len(kept) >= most:
        del kept[next(iter(kept))]


def nearest(mask: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """[h w] at another size, for a comparison: the nearest pixel."""
    if mask.shape == size:
        return mask
    rows = ((np.arange(size[0]) + 0.5) * mask.shape[0] / size[0]).astype(int)
    columns = ((np.arange(size[1]) + 0.5) * mask.shape[1] / size[1]).astype(int)
    made: np.ndarray = mask[rows][:, columns]
    return made
