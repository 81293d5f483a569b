"""What a diagnosis says: a cause, how sure that is, the evidence, and what mends it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from core.diagnosis.causes import CAUSES

Certainty = Literal["certain", "likely", "possible"]
Kind = Literal["fault", "note"]
# In which order findings of one phase are listed where nothing else decides, and their fixes laid
# over each other: as people look for them.
ORDER = (
    *("F1", "F2", "F5", "N1", "W6", "W9", "W1", "W5", "F4", "W4", "F3", "W3", "R1", "D1", "D4"),
    *("D5", "D6", "T4", "T2", "F6", "S1", "S2", "P1", "P2", "P3", "P4", "P5", "P7", "B2", "B1"),
    *("N2", "R3", "R5", "R8", "P6", "R4", "R6", "R7", "D2", "D3", "D7", "D10", "D9", "T3", "T1"),
    *("W7",),
)
CERTAINTIES: tuple[Certainty, ...] = ("certain", "likely", "possible")


@dataclass(frozen=True)
class Evidence:
    """One thing that was measured."""

    words: str  # a sentence with its number in it
    number: float | None = None  # the same number, for tables and tests


@dataclass(frozen=True)
class Finding:
    """One cause that fits."""

    cause: str  # a key of CAUSES
    certainty: Certainty
    evidence: tuple[Evidence, ...]
    fix: str  # in words
    code: str  # a line of the user's own code that does it
    changes: Mapping[str, Any] = field(default_factory=dict)  # the fix as settings, {} for none
    effect: float | None = None  # share of the pixels whose class changes with the fix, 0..1
    separates: str = ""  # the test that would tell this cause from the others that fit
    kind: Kind = "fault"  # a note is worth knowing and does no harm here
    part: str = ""  # other weights of the same file that the fix opens, "" for those that are open

    @property
    def name(self) -> str:
        """The cause in words."""
        return CAUSES[self.cause].title

    @property
    def can_be_applied(self) -> bool:
        """Whether settings or other weights of the file mend it."""
        return bool(self.changes or self.part)

    def to_dict(self) -> dict[str, Any]:
        """Texts, numbers, lists and mappings of them."""
        return {
            "cause": self.cause,
            "name": self.name,
            "certainty": self.certainty,
            "kind": self.kind,
            "evidence": [{"words": e.words, "number": e.number} for e in self.evidence],
            "fix": self.fix,
            "code": self.code,
            "changes": dict(self.changes),
            "part": self.part,
            "effect": self.effect,
        }

    @property
    def explanation(self) -> str:
        """What the cause is, how it is found and fixed, as Markdown."""
        return CAUSES[self.cause].explanation


def worst_first(finding: Finding) -> tuple[bool, int, float]:
    """Order of findings: faults before notes, the surest first, then by what they do."""
    sure = CERTAINTIES.index(finding.certainty)
    return finding.kind == "note", sure, -(finding.effect or 0.0)
