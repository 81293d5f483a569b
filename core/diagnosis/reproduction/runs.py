"""Programs run on a case: each input through the network once, whole or a part of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch

from core import inference
from core.diagnosis.measure.measurements import Measurements
from core.diagnosis.reproduction import decide, feed, picture, resize
from core.diagnosis.reproduction.program import Program
from core.diagnosis.reproduction.space import Space
from core.diagnosis.reproduction.written import Written, coding, of_numbers, spread
from core.diagnosis.thresholds import INPUTS_KEPT
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

    def fed(self, program: Program, *, part: tuple[slice, slice] | None = None) -> Fed:
        """The input of a program, or these rows and columns of it; costs no forward."""
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
        if not self.written.is_coded:
            return spread(self.written, mask, part)
        return coding(self.written, mask, part).gain


DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def nearest(mask: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """[h w] at another size, for a comparison: the nearest pixel."""
    if mask.shape == size:
        return mask
    rows = ((np.arange(size[0]) + 0.5) * mask.shape[0] / size[0]).astype(int)
    columns = ((np.arange(size[1]) + 0.5) * mask.shape[1] / size[1]).astype(int)
    made: np.ndarray = mask[rows][:, columns]
    return made
