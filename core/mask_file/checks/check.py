"""What a check is, and what several of them need."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from core.mask_file.finding import NO_CLASS, Finding, Reading
from core.mask_file.levels import Levels
from core.mask_file.stored import Stored

Check = Callable[[Stored], Iterator[Finding]]


def reading_of(levels: Levels, ids: Mapping[int, int], words: str) -> Reading:
    """The ids of a map by a table of its values; what is not in it has no class."""
    table = np.array([ids.get(int(value), NO_CLASS) for value in levels.values], np.int32)
    return Reading(table[levels.codes], words, dict(ids))
