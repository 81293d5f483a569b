"""What a rule says that knows a numbering, and the numbers and words that the rules share."""

from __future__ import annotations

from dataclasses import dataclass

from core.mask_file.finding import Certainty

SMALL = 63  # ids up to here are nearly black as grays
VOID = 255
TOP = 256  # numbers that 8 bits hold
WORDS = [
    *("no", "one", "two", "three", "four", "five", "six"),
    *("seven", "eight", "nine", "ten", "eleven", "twelve"),
]


@dataclass(frozen=True)
class Numbering:
    """How values become ids, and what that makes of the file."""

    kind_id: str
    certainty: Certainty
    sentence: str
    evidence: tuple[str, ...]
    ids: dict[int, int]  # value -> id
    words: str


def spelled(count: int) -> str:
    """A number as a word up to twelve."""
    return WORDS[count] if count < len(WORDS) else str(count)


def consecutive(values: list[int], start: int) -> bool:
    """Whether these are all whole numbers from `start` on."""
    return values == list(range(start, start + len(values)))
