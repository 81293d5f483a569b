"""What is said of a data set: a kind of trouble, its evidence, and the files that it concerns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from core.dataset.entry import Truths
from core.dataset.kinds import KINDS, SetKind

LISTED = 100  # names that a finding keeps; the count tells of the others
EXAMPLES = 5  # lines of evidence that it keeps


@dataclass(frozen=True)
class DataFinding:
    """One kind of trouble, with all files that have it."""

    kind_id: str  # a key of KINDS
    evidence: tuple[str, ...] = ()  # each with its number
    files: tuple[str, ...] = ()  # the first `LISTED` of them
    count: int = 0  # of all such files
    truths: Truths | None = None  # a reading under which it is none, where one is known

    @property
    def kind(self) -> SetKind:
        """What is known of all such files."""
        return KINDS[self.kind_id]

    @property
    def title(self) -> str:
        """What it is, in a few words."""
        return self.kind.title

    @property
    def what(self) -> str:
        """How it comes about, and what it does to the scores."""
        return " ".join(self.kind.what.split())

    @property
    def remedy(self) -> str:
        """What to do."""
        return self.kind.remedy

    @property
    def words(self) -> str:
        """In a sentence: what it is, and the first of its evidence or of its files."""
        return f"{self.title}: {(*self.evidence, *self.files, str(self.count))[0]}"

    @property
    def is_fault(self) -> bool:
        """Whether pictures or masks are wrong, or missing, because of it."""
        return self.kind.weight == "fault"

    def to_dict(self) -> dict[str, Any]:
        """Texts and lists, for JSON."""
        return {
            "kind": self.kind_id,
            "title": self.title,
            "weight": self.kind.weight,
            "what": self.what,
            "evidence": list(self.evidence),
            "remedy": self.remedy,
            "files": list(self.files),
            "count": self.count,
        }


def merged(findings: Iterable[DataFinding]) -> tuple[DataFinding, ...]:
    """The same with one finding a kind, as pages expect: what several say of one is put together.

    >>> [each.count for each in merged([DataFinding("link", count=k) for k in (1, 2)])]
    [3]
    """
    found: dict[str, DataFinding] = {}
    for each in findings:
        one = found.get(each.kind_id)
        found[each.kind_id] = each if one is None else _together(one, each)
    return tuple(found.values())


def _together(one: DataFinding, other: DataFinding) -> DataFinding:
    files = (*one.files, *other.files)[:LISTED]
    evidence, count = (*one.evidence, *other.evidence), one.count + other.count
    return DataFinding(one.kind_id, evidence, files, count, one.truths or other.truths)


class Noted:
    """Findings while they are gathered: a kind keeps few names, whatever the number of files."""

    def __init__(self) -> None:
        self._files: dict[str, list[str]] = {}
        self._counts: dict[str, int] = {}
        self._evidence: dict[str, list[str]] = {}

    def add(self, kind_id: str, name: str, evidence: str = "") -> None:
        """Note a file.

        Args:
            kind_id: a key of KINDS.
            name: of the file, as it is told.
            evidence: what was seen of it, a sentence.
        """
        files = self._files.setdefault(kind_id, [])
        if len(files) < LISTED:
            files.append(name)
        self._counts[kind_id] = self._counts.get(kind_id, 0) + 1
        lines = self._evidence.setdefault(kind_id, [])
        if evidence and len(lines) < EXAMPLES:
            lines.append(evidence)

    def count(self, kind_id: str) -> int:
        """How many files have been noted for a kind."""
        return self._counts.get(kind_id, 0)

    def finding(self, kind_id: str, *lines: str, truths: Truths | None = None) -> DataFinding:
        """What has been noted of a kind, with further evidence before it."""
        evidence = (*lines, *self._evidence.get(kind_id, ()))
        files = tuple(self._files.get(kind_id, ()))
        return DataFinding(kind_id, evidence, files, self.count(kind_id), truths)

    def findings(self) -> tuple[DataFinding, ...]:
        """All of them, in the order of KINDS."""
        return tuple(self.finding(kind_id) for kind_id in KINDS if kind_id in self._counts)
