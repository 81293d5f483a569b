"""What is known so far about one case: findings, where black begins, what was tried."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.diagnosis.bisect import Bisect
from core.diagnosis.finding import Finding, headline
from core.diagnosis.measure.failures import Failed
from core.diagnosis.normalization.recovered import Recovered
from core.diagnosis.reproduction.rebuilt import Rebuilt
from core.diagnosis.unexplained import Unexplained
from core.settings import Settings


@dataclass(frozen=True)
class Tried:
    """One change that was tried, and what it did."""

    words: str
    changes: Mapping[str, Any]
    agreement: float  # of the mask with itself in nats; 0 is a mask that says nothing
    iou: float | None  # mIoU where there is a ground truth
    changed: float  # share of the pixels with another class, 0..1


@dataclass(frozen=True)
class Diagnosis:
    """The newest answer; `finished` when no better one will come."""

    settings: Settings
    findings: tuple[Finding, ...] = ()  # worst first
    bisect: Bisect = field(default_factory=Bisect)
    recovered: Recovered | None = None  # where it was asked
    rebuilt: Rebuilt | None = None  # the user's own script, where its output was given
    tried: tuple[Tried, ...] = ()
    forwards: float = 0.0  # in units of one at the settings under diagnosis
    finished: bool = False
    ended: str = ""  # why the search stopped before its end
    unexplained: Unexplained | None = None  # what forbids a calm word where no fault was found
    failed: tuple[Failed, ...] = ()  # what could not be computed: neither evidence nor calm

    @property
    def faults(self) -> tuple[Finding, ...]:
        """Findings that harm this mask."""
        return tuple(finding for finding in self.findings if finding.kind == "fault")

    @property
    def notes(self) -> tuple[Finding, ...]:
        """Findings that are worth knowing and harmless here."""
        return tuple(finding for finding in self.findings if finding.kind == "note")

    @property
    def verdict(self) -> str:
        """One sentence, calm for a healthy case; and why the search ended early, if it did."""
        return f"{self._found} {self.ended}".strip()

    @property
    def _found(self) -> str:
        if not self.faults:
            if not self.finished:
                return "No problem found so far; still searching."
            if self.unexplained is not None:
                return self.unexplained.seen
            return "No problem found in these files."
        return headline(self.faults)

    def to_dict(self) -> dict[str, Any]:
        """Texts, numbers, lists and mappings of them; no array and no picture."""
        return {
            "verdict": self.verdict,
            "begins": {"stage": self.bisect.stage, "words": self.bisect.words},
            "findings": [finding.to_dict() for finding in self.findings],
            "normalization": self.recovered.to_dict() if self.recovered else None,
            "rebuilt": self.rebuilt.to_dict() if self.rebuilt else None,
            "unexplained": self.unexplained.to_dict() if self.unexplained else None,
            "failed": [failed.to_dict() for failed in self.failed],
            "forwards": self.forwards,
        }
