"""One report: what happened to somebody, how it is made here, and what would have helped them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.cases import material
from examples.materials import Material
from examples.zoo import ZOO

PICTURE = 1_003  # seed of the scene; of the part on which thresholds may be tuned
Make = Callable[[Material], Material]


@dataclass(frozen=True)
class Report:
    """One public case."""

    name: str
    situation: str  # in the words of whom it happened to
    make: Make
    right: tuple[str, ...] = ()  # causes of which one stands first; () for a healthy case
    never: tuple[str, ...] = ()  # causes that would be wrong here
    honest: bool = False  # "cannot tell, and what would decide" is right too
    words: str = ""  # that the first answer has to have
    member: str = "unet_unit"
    truth: bool = False
    picture: int = PICTURE

    @property
    def healthy(self) -> Material:
        """The same files before it happened."""
        return material(ZOO[self.member], self.picture, truth=self.truth)

    @property
    def files(self) -> Material:
        """What they would bring here."""
        return self.make(self.healthy)
