"""How much reading a file may cost: a small one can name the same part again and again."""

from __future__ import annotations

from core.checkpoint.window import TooMuch

MAX_STEPS = 1_000_000  # entries looked at; ResNet-101 with Adam's state has about 10,000
MAX_WRITTEN = 4 * 2**20  # bytes of names; ResNet-101 has 25,000


class Effort:
    """Counts what is done for one file, over all of its parts."""

    def __init__(self) -> None:
        """Start at nothing."""
        self._steps = self._written = 0

    def look_at(self, entries: int) -> None:
        """Count entries of dicts, lists and modules.

        Raises:
            TooMuch: more than any honest file has.
        """
        self._steps += entries
        if self._steps > MAX_STEPS:
            raise TooMuch(f"it has more than {MAX_STEPS:,} parts, or names the same ones too often")

    def write(self, characters: int) -> None:
        """Count the letters of names that are put together.

        Raises:
            TooMuch: more than any honest file has.
        """
        self._written += characters
        if self._written > MAX_WRITTEN:
            raise TooMuch(f"the names of its parts take more than {MAX_WRITTEN >> 20} MiB")
