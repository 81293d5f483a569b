"""What a layout is: how it is recognized by names, and what its masks' values mean."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from core.dataset.entry import FileRef, Truths
from core.dataset.pairing import Pairing

MOST_TEXT = 2**20  # bytes of a list of names that is read


@dataclass(frozen=True)
class Files:
    """All files of a source, by name."""

    by_name: dict[str, FileRef]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """In their order."""
        return tuple(self.by_name)

    @cached_property
    def folders(self) -> frozenset[str]:
        """The name of every folder that is in some file's path, in small letters."""
        found = {name.rpartition("/")[0] for name in self.by_name}
        return frozenset(part for folder in found for part in folder.lower().split("/"))

    def ending(self, *ends: str) -> tuple[str, ...]:
        """The names that end so, in small letters."""
        return tuple(name for name in self.by_name if name.lower().endswith(ends))

    def text(self, name: str) -> str:
        """A small text file; "" where it is large or no text."""
        content = self.by_name[name].read()
        return content.decode("utf-8", "replace") if len(content) <= MOST_TEXT else ""


@dataclass(frozen=True)
class Laid:
    """A layout that was found in the files of a source."""

    pairing: Pairing
    truths: Truths = field(default_factory=Truths)
    known: bool = False  # the layout says what values mean, so that none has to be guessed


Layout = Callable[[Files], Laid | None]  # None: it is another one
