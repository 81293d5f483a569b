"""Which heights and widths a network takes, where its file or a trial tells it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import lcm


@dataclass(frozen=True)
class Dimension:
    """Which sizes one dimension of the input may have."""

    size: int  # that of the exporter's example
    low: int
    high: int | None  # None: any
    step: int = 1
    symbol: str = ""  # dimensions with the same symbol have the same size

    def takes(self, size: int) -> bool:
        """Whether the network can be run with this size."""
        return (
            self.low <= size and (self.high is None or size <= self.high) and not size % self.step
        )

    def nearest(self, size: float) -> int:
        """The size that is taken and nearest to this one."""
        return self._inside(round(size / self.step))

    def at_most(self, size: int) -> int:
        """The largest size that is taken and no larger than this one; else the smallest taken."""
        return self._inside(size // self.step)

    def _inside(self, steps: int) -> int:
        low = -(-max(self.low, 1) // self.step)
        high = steps if self.high is None else self.high // self.step
        return max(low, min(steps, high)) * self.step


ANY = Dimension(size=0, low=1, high=None)


@dataclass(frozen=True)
class Sizes:
    """The heights and widths that a network takes."""

    height: Dimension = ANY
    width: Dimension = ANY

    @property
    def is_one(self) -> bool:
        """Whether there is only one size that is taken."""
        return all(side.low == side.high for side in (self.height, self.width))

    def in_steps(self, step: int) -> Sizes:
        """Those of them that are multiples of a number."""
        height, width = (
            replace(side, step=lcm(side.step, step)) for side in (self.height, self.width)
        )
        return Sizes(height, width)

    @property
    def one_unknown(self) -> bool:
        """Whether both were traced with the same unknown, so that one follows from the other."""
        return bool(self.height.symbol) and self.height.symbol == self.width.symbol

    def take(self, height: int, width: int) -> bool:
        """Whether the network can be run with this size."""
        return self.nearest(height, width) == (height, width)

    def nearest(self, height: int, width: int) -> tuple[int, int]:
        """The size h, w that is taken and nearest to this one."""
        if not self.one_unknown:
            return self.height.nearest(height), self.width.nearest(width)
        unknown = (height / self.height.step + width / self.width.step) / 2
        rows = self.height.nearest(unknown * self.height.step)
        return rows, rows // self.height.step * self.width.step

    def at_most(self, height: int, width: int) -> tuple[int, int]:
        """The largest size h, w that is taken and no larger; else the smallest that is taken."""
        if not self.one_unknown:
            return self.height.at_most(height), self.width.at_most(width)
        unknown = min(height // self.height.step, width // self.width.step)
        rows = self.height.at_most(unknown * self.height.step)
        return rows, rows // self.height.step * self.width.step


def only(height: int, width: int) -> Sizes:
    """One size, and no other."""
    return Sizes(Dimension(height, height, height), Dimension(width, width, width))
