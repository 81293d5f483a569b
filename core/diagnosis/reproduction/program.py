"""A program of the user's as data: one choice for each stage of a fixed pipeline."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

# What the network is fed, and how it is run. A change of one of these costs a forward.
BEFORE = (
    *("weights", "picture", "color", "size", "interpolation", "layout", "numbers"),
    *("precision", "mode", "head", "views"),
)
# From the logits to the file.
AFTER = ("enlarge", "decision", "cast", "back", "palette", "file")
STAGES = BEFORE + AFTER

IMPORTS = """\
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps"""


@dataclass(frozen=True, eq=False)
class Choice:
    """What a script does at one stage."""

    stage: str  # one of STAGES
    key: str  # its name within the stage; equal keys do the same
    words: str  # the end of "your file is what ... writes"
    lines: tuple[str, ...] = ()  # of Python, () where nothing has to be written
    cause: str = ""  # what it means where it is not the right choice
    fix: str = ""  # in words, where the right line alone does not say it
    value: Any = None  # what the stage's function is given


@dataclass(frozen=True, eq=False)
class Program:
    """A script from the picture's file to the mask's: one choice a stage, in their order."""

    choices: tuple[Choice, ...]

    def __getitem__(self, stage: str) -> Choice:
        """The choice at a stage."""
        return self.choices[STAGES.index(stage)]

    def having(self, changed: Iterable[Choice]) -> Program:
        """The same with other choices at their stages."""
        by_stage = {choice.stage: choice for choice in changed}
        return Program(tuple(by_stage.get(choice.stage, choice) for choice in self.choices))

    def deviations(self, right: Program) -> tuple[Choice, ...]:
        """Where it does something else than the right program, in the order of the flow."""
        pairs = zip(self.choices, right.choices, strict=True)
        return tuple(mine for mine, theirs in pairs if mine.key != theirs.key)

    @property
    def before(self) -> tuple[str, ...]:
        """Names what the network says: equal for programs that differ only after it."""
        return tuple(choice.key for choice in self.choices[: len(BEFORE)])

    @property
    def lines(self) -> tuple[str, ...]:
        """The script, below IMPORTS; `model` is the user's network."""
        return tuple(line for choice in self.choices for line in choice.lines)


def first_difference(program: Program, right: Program) -> int | None:
    """Index into the program's lines of the first one that the right program does not have.

    A line that is missing is counted as the line in whose place the program goes on.
    """
    mine, theirs = program.lines, right.lines
    for number, line in enumerate(mine):
        if number >= len(theirs) or line != theirs[number]:
            return number
    return len(mine) - 1 if len(theirs) > len(mine) else None


def differences(program: Program, right: Program) -> Iterator[str]:
    """A diff of the lines, as `diff -u` writes it without its head: "-" is the user's line."""
    for mine, theirs in zip(program.choices, right.choices, strict=True):
        if mine.lines == theirs.lines:
            yield from (f"  {line}" for line in mine.lines)
        else:
            yield from (f"- {line}" for line in mine.lines)
            yield from (f"+ {line}" for line in theirs.lines)
