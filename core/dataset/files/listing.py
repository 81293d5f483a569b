"""All files of a source by name, and what was refused on the way."""

from __future__ import annotations

from dataclasses import dataclass

from core.dataset.entry import FileRef
from core.dataset.finding import DataFinding


@dataclass(frozen=True)
class Listing:
    """What a source holds: names are unique, and below the source."""

    files: tuple[FileRef, ...]
    findings: tuple[DataFinding, ...] = ()
