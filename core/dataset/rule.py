"""By which names a picture and a mask belong together: two patterns that a person can write.

    {root}JPEGImages/{key}.*      {root}SegmentationClass/{key}.*

`{key}` and `{split}` have to be equal on both sides, `{root}` too: the folders before, or none.
`{any}` are folders before that may differ.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from core.dataset.files.limited import LONGEST as NAME
from core.errors import DataSetError

PLACES = {
    "{root}": r"(?P<root>(?:.+/)?)",
    "{any}": r"(?:.+/)?",
    "{split}": r"(?P<split>[^/]+)",
    "{key}": r"(?P<key>.+)",
    "*": r"[^/]*",
}
PIECE = re.compile("|".join(re.escape(place) for place in PLACES))
UNNAMED = ("*", "{any}")  # parts that are not compared
MOST_STARS = 2  # of a pattern: each multiplies the ways in which a name can fit
LONGEST = 300  # characters of a pattern
Key = tuple[str, ...]  # root, split, key; "" where the pattern lacks it


@dataclass(frozen=True)
class Rule:
    """Where pictures and masks stand, whatever the case of the letters in the pattern."""

    pictures: str
    masks: str

    def __post_init__(self) -> None:
        """Refuse patterns by which nothing could be joined.

        Raises:
            DataSetError: a pattern lacks `{key}`, has a part twice, or is too long.
        """
        for pattern in (self.pictures, self.masks):
            _check(pattern)
        if _named(self.pictures) != _named(self.masks):
            raise DataSetError(
                "Both patterns need the same parts: {root}, {split} and {key} are compared.",
                remedy="Write a part that stands on one side on the other side too.",
            )

    def picture_key(self, name: str) -> Key | None:
        """What a picture's name has to share with its mask's; None where it is no picture's."""
        return None if self.mask_key(name) else _key(self._patterns[0], name)

    def mask_key(self, name: str) -> Key | None:
        """The same of a mask's name."""
        return _key(self._patterns[1], name)

    @cached_property
    def _patterns(self) -> tuple[re.Pattern[str], re.Pattern[str]]:
        return _compiled(self.pictures), _compiled(self.masks)


def _check(pattern: str) -> None:
    twice = any(pattern.count(place) > 1 for place in PLACES if place != "*")
    twice = twice or ("{any}" in pattern and "{root}" in pattern)
    if pattern.count("{key}") != 1 or twice:
        raise DataSetError(
            f'The pattern "{pattern[:LONGEST]}" needs {{key}} once, and no part twice.',
            remedy="Write {key} where the name is that picture and mask have in common.",
        )
    if len(pattern) > LONGEST or pattern.count("*") > MOST_STARS:
        raise DataSetError(
            f"A pattern has at most {LONGEST} characters and {MOST_STARS} stars.",
            remedy="Write a shorter one.",
        )


def _named(pattern: str) -> set[str]:
    return {place for place in PLACES if place not in UNNAMED and place in pattern}


def _compiled(pattern: str) -> re.Pattern[str]:
    ends = [match.span() for match in PIECE.finditer(pattern)]
    text, after = "", 0
    for start, end in ends:
        text += re.escape(pattern[after:start]) + PLACES[pattern[start:end]]
        after = end
    return re.compile(text + re.escape(pattern[after:]), re.IGNORECASE)


def _key(pattern: re.Pattern[str], name: str) -> Key | None:
    found = pattern.fullmatch(name) if len(name) <= NAME else None
    if found is None:
        return None
    groups = found.groupdict()
    return groups.get("root", ""), groups.get("split", ""), groups["key"]
