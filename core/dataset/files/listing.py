"""All files of a source by name, and what was refused on the way."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from core.dataset.entry import FileRef
from core.dataset.files.limited import is_safe, note_by_name
from core.dataset.finding import DataFinding, Noted


@dataclass(frozen=True)
class Listing:
    """What a source holds: names are unique, and below the source."""

    files: tuple[FileRef, ...]
    findings: tuple[DataFinding, ...] = ()


def listed(files: Iterable[FileRef]) -> Listing:
    """Files that are known one by one, such as uploads, in the order of their names."""
    noted, found = Noted(), dict[str, FileRef]()
    for file in files:
        if not is_safe(file.name):
            noted.add("unsafe_name", file.name[:100])
        elif file.name in found:
            noted.add("same_name", file.name)
        elif not note_by_name(file.name, noted):
            found[file.name] = file
    return Listing(tuple(found[name] for name in sorted(found)), noted.findings())
