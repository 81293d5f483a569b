"""One fault: how it is made, and what it is to be called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.diagnosis.causes import CAUSES
from examples.materials import (
    Material,
)
from examples.zoo.networks import Member

Seed = Callable[[Material], Material]
Needs = Callable[[Member], bool]


@dataclass(frozen=True)
class Fault:
    """One fault: how it is made, and what it is to be called."""

    name: str
    causes: tuple[str, ...]  # ids of core.diagnosis.CAUSES that are right
    seed: Seed
    describe: str  # a sentence for the gallery
    needs: Needs = lambda member: True  # which networks can have it

    @property
    def on_truth(self) -> bool:
        """Whether it lies in the ground truth."""
        return CAUSES[self.causes[0]].stage == "truth"
