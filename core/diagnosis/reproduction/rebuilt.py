"""The user's program, rebuilt: its lines, the right ones beside them, and how sure that is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.diagnosis.reproduction.program import (
    IMPORTS,
    Choice,
    Program,
    differences,
    first_difference,
)


def percent(share: float) -> str:
    """A share of pixels, rounded down: what is not exact never reads as 100.0%."""
    return f"{math.floor(share * 1000) / 10:.1f}%"


@dataclass(frozen=True, eq=False)
class Rebuilt:
    """Which program wrote the user's file, or is nearest to it."""

    exact: bool  # every pixel is reproduced, and hardly another program would do so
    share: float  # of the pixels that it reproduces, 0..1
    program: Program
    right: Program  # the same script as it should be
    words: str  # one sentence
    gain: float  # as the share, where always guessing the most frequent value is 0
    mask: np.ndarray  # Int32 or Float32 [h w]: its decision, at its own size
    forwards: float = 0.0  # that the search took
    not_finite: float = 0.0  # share of its pixels that have a logit that is NaN or infinite, 0..1

    @property
    def lines(self) -> tuple[str, ...]:
        """The user's script below its imports, with `model` as their network."""
        return self.program.lines

    @property
    def script(self) -> str:
        """The user's script with its imports."""
        return "\n".join([IMPORTS, "", *self.lines]) + "\n"

    @property
    def deviations(self) -> tuple[Choice, ...]:
        """Where it is not the right program, in the order of the flow."""
        return self.program.deviations(self.right)

    @property
    def first_difference(self) -> int | None:
        """Index into `lines` of the first that is not right; None where all are."""
        return first_difference(self.program, self.right)

    @property
    def marked(self) -> str:
        """The first line that is not right; "" where all are."""
        at = self.first_difference
        return "" if at is None else self.lines[at]

    @property
    def diff(self) -> tuple[str, ...]:
        """All lines: "- " the user's, "+ " the right one in its place, "  " both."""
        return tuple(differences(self.program, self.right))

    def to_dict(self) -> dict[str, Any]:
        """Texts, numbers and lists of them."""
        return {
            "exact": self.exact,
            "share": self.share,
            "words": self.words,
            "program": list(self.lines),
            "right": list(self.right.lines),
            "first_difference": self.first_difference,
            "differs_at": [choice.stage for choice in self.deviations],
        }
