"""What was measured on two programs, before anything is concluded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.deployed.align import Alignment
from core.deployed.answers import Likeness
from core.deployed.feeds import Feed
from core.deployed.programs import Given, Program
from core.deployed.thresholds import SAME_IN_HALF, SAME_NUMBERS, SAME_ROUNDED

ROUNDING = {"QuantizeLinear", "DequantizeLinear", "QLinearConv", "ConvInteger"}


@dataclass(frozen=True, eq=False)
class Seen:
    """Both programs on the same input."""

    one: Program
    other: Program
    x: np.ndarray  # Float32[1 c h w]
    right: Given
    given: Given
    likeness: Likeness | None
    alignment: Alignment | None
    tolerance: float
    is_resized: bool  # whether the settings would feed another size than the second one takes
    better: tuple[Feed, Likeness] | None = None  # another input with which they agree
    in_training: Likeness | None = None  # to what the first gives with batch statistics

    @property
    def logits(self) -> np.ndarray:
        """Float32[1 C h w] of the one that is right."""
        return self.right.outputs[0].values

    @property
    def agrees(self) -> bool:
        """Whether both give the same mask from the same input."""
        return self.likeness is not None and self.likeness.agrees(self.tolerance)

    @property
    def first(self) -> int | None:
        """The place of the first pair of layers that differs."""
        return None if self.alignment is None else self.alignment.first_above(self.tolerance)


def tolerance_of(other: Program) -> float:
    """How far layers may be apart, by the kind of numbers that a program computes in."""
    if ROUNDING & set(other.facts.get("operators", {})):
        return SAME_ROUNDED
    return SAME_IN_HALF if is_half(other) else SAME_NUMBERS


def is_half(program: Program) -> bool:
    """Whether most of its weights are float16."""
    kinds = [str(t.dtype) for t in program.tensors.values() if t.is_floating_point()]
    return 2 * sum("16" in kind for kind in kinds) > len(kinds)
