"""What a diagnosis says: a cause, how sure that is, the evidence, and what mends it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from core.diagnosis.causes import CAUSES

Certainty = Literal["certain", "likely", "possible"]
Kind = Literal["fault", "note"]
# In which order findings of one phase are listed where nothing else decides, and their fixes laid
# over each other: as people look for them.
ORDER = (
    *("F1", "F2", "F5", "N1", "W6", "W9", "W1", "W5", "F4", "F6", "W4", "F3", "W3", "W8", "R1"),
    *("D1", "D4", "D5", "D6", "T4", "T6", "T2", "F7", "S1", "S2", "S3", "P1", "P2", "P3", "P4"),
    *("P5", "P7", "B2", "B1", "N2", "R3", "R5", "R8", "P6", "T7", "R4", "R6", "R7", "D2", "D3"),
    *("D7", "R9", "D9", "D8", "T3", "T1", "T5", "T8", "W7"),
    *("E5", "E8", "E1", "E2", "E3", "E4", "E7", "E9", "E6", "G1", "G2", "G3"),
)
CERTAINTIES: tuple[Certainty, ...] = ("certain", "likely", "possible")
SURE = {"certain": "", "likely": "Likely: ", "possible": "Possibly: "}  # before a finding's name


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

    @property
    def explains(self) -> float:
        """Which share of this mask it accounts for, 0..1: all of one that means nothing."""
        meaningless = CAUSES[self.cause].makes_masks_meaningless
        return 1.0 if meaningless and self.kind == "fault" else self.effect or 0.0

    @property
    def only_colors(self) -> bool:
        """Whether the label map stays as it is and only its colors change."""
        return CAUSES[self.cause].stage == "mask"


def headline(findings: Sequence[Finding]) -> str:
    """The first of some findings in a sentence with its reason, and how many more there are.

    Args:
        findings: at least one, the worst first.
    """
    first, *others = findings
    reason = [piece.words for piece in first.evidence[:1]]
    more = [f"And {len(others)} more."] if others else []
    return " ".join([f"{SURE[first.certainty]}{first.name}.", *reason, *more])


def worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Order findings: faults before notes, the surest first, then by what they explain.

    What only changes colors comes after a fault upstream that explains more of this mask.
    """
    found = tuple(findings)
    upstream = max(map(_explains_upstream, found), default=0.0)

    def place(finding: Finding) -> tuple[bool, bool, int, float, int]:
        downstream = finding.only_colors and finding.explains < upstream
        sure, tie = CERTAINTIES.index(finding.certainty), ORDER.index(finding.cause)
        return finding.kind == "note", downstream, sure, -finding.explains, tie

    return tuple(sorted(found, key=place))


def _explains_upstream(finding: Finding) -> float:
    """What a fault before the colors explains; 0 where it is only possible."""
    doubted = finding.kind == "note" or finding.certainty == "possible"
    return 0.0 if doubted or finding.only_colors else finding.explains
