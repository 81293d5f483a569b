"""Scripts drawn at random from the space of programs, and outputs of scripts outside it."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image as PillowImage
from PIL import ImageFilter

from core import inference
from core.architectures import Network
from core.diagnosis import Case
from core.diagnosis.measure.measurements import measure
from core.diagnosis.reproduction.decide import OF_NAN
from core.diagnosis.reproduction.program import IMPORTS, Choice, Program
from core.diagnosis.reproduction.space import Space, space_of
from core.diagnosis.reproduction.write import OF_COLORS, encoded, file_choice
from core.diagnosis.reproduction.written import read_written
from core.settings import Forwarding

STAGES = (  # that differ, each as likely as another; the others follow from these
    *("color", "size", "layout", "numbers", "precision", "mode", "views"),
    *("decision", "cast", "back", "palette", "file"),
)
DEVIATIONS = (1, 1, 2, 2, 3)  # how many of them differ
QUALITIES = (60, 75, 85, 90, 95)  # of JPEGs
TEST_TIME = "views of a right average"


# --- programs -------------------------------------------------------------------------------------


def drawn(case: Case, rng: np.random.Generator) -> tuple[Program, Space]:
    """A program of the space of a case, and that space."""
    space = _space(case)
    program = _undisturbed(space, rng)
    stages = rng.permutation([s for s in STAGES if len(space.choices[s]) > 1])
    for stage in stages[: int(rng.choice(DEVIATIONS))]:
        program = _changed(program, space, str(stage), rng)
    return space.with_lines(program), space


def right(case: Case, rng: np.random.Generator) -> Program:
    """The right program of a case, in any of the palettes."""
    return _undisturbed(_space(case), rng)


def _space(case: Case) -> Space:
    """All programs of a case whose mask has the picture's size, and some of others."""
    height, width = case.image.pixels.shape[:2]
    blank = read_written(encoded(np.zeros((height, width), np.uint8), None))
    if blank is None:
        raise ValueError("a blank picture is a picture")
    return space_of(measure(case), blank)


def _undisturbed(space: Space, rng: np.random.Generator) -> Program:
    """Right, in any of the palettes."""
    if space.num_ids == 2:
        return space.right
    palettes = [c for c in space.choices["palette"] if c.value is not None and not c.cause]
    return space.right.having([_any(palettes, rng)])


def _any(choices: list[Choice], rng: np.random.Generator) -> Choice:
    return choices[int(rng.integers(len(choices)))]


def _changed(program: Program, space: Space, stage: str, rng: np.random.Generator) -> Program:
    others = [c for c in space.choices[stage] if c.key not in (program[stage].key, OF_NAN)]
    if stage == "size":
        resized = program.having([_any(others, rng)])
        return resized.having([_any(list(space.choices["interpolation"]), rng)])
    if stage == "back":  # there is something to resize where another size was fed
        sizes = [c for c in space.choices["size"] if c.value and c.value[0] == "fixed"]
        fed = space.find("enlarge", "fed")
        if program["palette"].value is None:  # gray levels are no colors: two names for the same
            others = [c for c in others if not c.key.startswith(OF_COLORS)]
        return program.having([_any(others, rng), _any(sizes, rng), fed])
    if stage == "decision":
        return _decided(program, space, _any(others, rng), rng)
    if stage == "cast":
        none = space.choices["palette"][0]
        wholes = [c for c in others if c.key != "float 255"]
        return program.having([_any([*wholes, space.find("cast", "ids")], rng), none])
    if stage == "palette" and program["cast"].key != "ids":
        return program
    if stage == "file":
        jpeg = {"quality": int(rng.choice(QUALITIES))}
        written = read_written(encoded(np.zeros((16, 16, 3), np.uint8), jpeg))
        return program.having([file_choice(written)])
    return program.having([_any(others, rng)])


def _decided(program: Program, space: Space, decision: Choice, rng: np.random.Generator) -> Program:
    """Probabilities are cast as such; rows and columns are numbers without a palette."""
    none = space.choices["palette"][0]
    if decision.key in ("softmax", "sigmoid", "twice"):
        return program.having([decision, space.find("cast", "float 255"), none])
    if decision.cause == "R6":
        return program.having([decision, space.find("cast", "ids"), none])
    return program.having([decision])


# --- their files ----------------------------------------------------------------------------------


@dataclass
class Model:
    """A network as a script has it."""

    network: Network
    mode: str = "eval"

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """The logits, [1 C h w]."""
        mode: Any = self.mode
        return inference.outputs(self.network, x, Forwarding(mode=mode))

    def eval(self) -> None:
        """Evaluation mode."""
        self.mode = "eval"

    def train(self) -> None:
        """Training mode, without dropout."""
        self.mode = "train"

    def half(self) -> Model:
        """The input decides."""
        return self


def file_of(program: Program, case: Case) -> bytes:
    """What the program's lines write when they are run as Python.

    Raises:
        InspectionError: the network stops on its input.
    """
    if case.network is None or case.picture_file is None:
        raise ValueError("a script needs a network and a picture")
    script = "\n".join([IMPORTS, *program.lines])
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "picture.png").write_bytes(case.picture_file)
        before = os.getcwd()
        os.chdir(folder)
        try:
            with torch.inference_mode(), np.errstate(invalid="ignore", over="ignore"):
                exec(script, {"model": Model(case.network)})
            return next(Path(folder).glob("mask.*")).read_bytes()
        finally:
            os.chdir(before)


# --- outside the space ----------------------------------------------------------------------------


def outside(program: Program, case: Case, other: Case) -> Iterator[tuple[str, bytes]]:
    """Files that no program of the space writes: of a right mask, and of another network."""
    for name, change in AFTERWARDS.items():
        mask = PillowImage.open(io.BytesIO(file_of(program, case)))
        file = io.BytesIO()
        change(mask).save(file, "PNG")
        yield name, file.getvalue()
    yield "test-time flips", file_of(_averaged(program), case)
    yield "another checkpoint", file_of(program, other)


AFTERWARDS: dict[str, Callable[[PillowImage.Image], PillowImage.Image]] = {
    "median filter": lambda mask: mask.filter(ImageFilter.MedianFilter(5)),
    "smoothed as by a CRF": lambda mask: mask.filter(ImageFilter.ModeFilter(9)),
}


def _averaged(program: Program) -> Program:
    """Both views averaged as is right: the second is flipped back."""
    lines = ("logits = (model(x) + model(x.flip(3)).flip(3)) / 2",)
    return program.having([Choice("views", TEST_TIME, "test-time flips", lines)])
