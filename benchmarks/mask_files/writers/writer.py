"""One kind of files: lines that people write, as a function of a sample."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.mask_files.samples import Sample

REFUSED = "refused"  # a sentence and a next step instead of a finding
Write = Callable[[Sample], bytes]


@dataclass(frozen=True)
class Writer:
    """Who writes, and what names the file rightly."""

    name: str
    right: tuple[str, ...]  # kinds
    write: Write


_ALL: list[Writer] = []


def writes(name: str, *right: str) -> Callable[[Write], Write]:
    """Enter a function under its name, with the kinds that name its file rightly."""

    def enter(write: Write) -> Write:
        _ALL.append(Writer(name, right, write))
        return write

    return enter


def all_writers() -> tuple[Writer, ...]:
    """Those that were entered so far, in their order."""
    return tuple(_ALL)
