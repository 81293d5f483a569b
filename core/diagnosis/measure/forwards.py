"""What a diagnosis runs of a network: through one door, counted, and not without end."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from core.engine import Runner

V = TypeVar("V")


class BudgetSpent(Exception):  # noqa: N818 - not a fault: the search ends and says so
    """The search has run the network as often as it may."""


class Forwards:
    """A door to a network that counts, and closes when the budget is spent."""

    def __init__(self, door: Runner, budget: float) -> None:
        """Args: door, where the network is run; budget, in the units of `spent`."""
        self._door, self.budget = door, budget
        self.interrupted: Exception | None = None  # what the door's owner raised, no network did
        self.spent = 0.0  # in units of one at the size that is fed, or the picture's if larger

    def __call__(self, key: str, compute: Callable[[], V], /) -> V:
        """Run a computation, see `Runner`.

        Raises:
            BudgetSpent: no more may be run.
        """
        if self.spent >= self.budget:
            raise BudgetSpent
        raised: list[Exception] = []

        def run() -> V:
            try:
                return compute()
            except Exception as error:
                raised.append(error)
                raise

        try:
            return self._door(key, run)
        except Exception as error:
            if not any(error is each for each in raised):
                self.interrupted = error
            raise

    def not_kept(self, key: str, compute: Callable[[], V], /) -> V:
        """The same where nobody else asks for the result: its memory is left to others."""
        return self("", compute)

    def count(self, units: float) -> None:
        """Add what was run."""
        self.spent += units
