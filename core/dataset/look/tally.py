"""What has been seen of a set's masks together; its size does not depend on their number."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from core.dataset.finding import Noted
from core.dataset.look.mask import SeenMask
from core.mask_file.finding import percent
from core.scores import MAX_ID

MOSTLY = 0.95  # share of a mask's pixels that are unlabeled, from which on it is named
ONES, WHITES = frozenset({0, 1}), frozenset({0, 255})


@dataclass
class Tally:
    """Counts, and names by what is odd about them."""

    ignore_index: int
    noted: Noted = field(default_factory=Noted)
    looked: int = 0  # entries
    masks: int = 0  # of them with a mask that could be read
    counts: np.ndarray = field(default_factory=lambda: np.zeros(MAX_ID + 2, np.int64))
    whites: Noted = field(default_factory=Noted)  # masks of 0 and 255 alone
    ones: int = 0  # masks of 0 and 1 alone
    many: int = 0  # masks of anything else

    def add(self, name: str, seen: SeenMask) -> None:
        """Take a mask in."""
        self.masks += 1
        self.counts += seen.counts
        if seen.ghosts:
            self.noted.add("ghosts", name, f"{name}: {seen.ghosts}")
        if seen.other:
            self.noted.add("no_label_map", name, f"{name}: {seen.other}.")
        elif seen.unread and not seen.ghosts:
            self.noted.add("unknown_values", name, f"{name}: {seen.unread}")
        self._unlabeled(name, seen)
        self._of_two(name, seen.values)

    @property
    def pixels(self) -> int:
        """Of all masks that could be read as ids."""
        return int(self.counts.sum())

    @property
    def unlabeled(self) -> float:
        """Share of the pixels with the ignored value, 0..1."""
        return self._ignored(self.counts) / max(1, self.pixels)

    @property
    def classes(self) -> list[int]:
        """The ids that occur, without the ignored one."""
        found = np.flatnonzero(self.counts[:-1])
        return [int(value) for value in found if value != self.ignore_index]

    def _ignored(self, counts: np.ndarray) -> int:
        return int(counts[self.ignore_index if 0 <= self.ignore_index <= MAX_ID else -1])

    def _unlabeled(self, name: str, seen: SeenMask) -> None:
        share = self._ignored(seen.counts) / max(1, int(seen.counts.sum()))
        if share > MOSTLY:
            words = f"{name}: {percent(share)} of its pixels."
            self.noted.add("unlabeled", name, words)

    def _of_two(self, name: str, values: frozenset[int]) -> None:
        if values <= ONES:
            self.ones += 1 in values
        elif values <= WHITES:
            self.whites.add("mixed_numbering", name)
        else:
            self.many += 1
