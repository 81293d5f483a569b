"""What a set proves, as one frozen value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.diagnosis.finding import Finding, headline
from core.diagnosis.many.family import Family
from core.diagnosis.many.light import Light
from core.diagnosis.many.masks import MaskSums
from core.diagnosis.many.order import OrderEvidence
from core.diagnosis.measure.failures import Failed
from core.diagnosis.normalization.recovered import Recovered
from core.diagnosis.thresholds import EMPTY_SHARE
from core.settings import Settings

CALM = "no other normalization, channel order or light than in training"
NOW, THEN, OTHER = "now", "then", "other"  # as fed; with the fix; in the other channel order too


@dataclass(frozen=True, eq=False)
class SetDiagnosis:
    """All that is said about a network from a set of pictures."""

    settings: Settings
    count: int  # pictures that were looked at
    findings: tuple[Finding, ...] = ()  # worst first
    families: Mapping[str, Family] = field(default_factory=dict)  # by channel order
    recovered: Recovered | None = None  # the convention, in the present channel order
    color: str = ""  # the channel order that is told, "" where none is
    order: OrderEvidence = field(default_factory=OrderEvidence)
    light: Light | None = None  # None where no first layer tells
    masks: Mapping[str, MaskSums] = field(default_factory=dict)  # by NOW, THEN, OTHER
    failed: tuple[Failed, ...] = ()  # what could not be computed: never evidence
    forwards: float = 0.0  # units
    ended: str = ""  # why it stopped before its end

    @property
    def faults(self) -> tuple[Finding, ...]:
        """Findings that harm these masks."""
        return tuple(finding for finding in self.findings if finding.kind == "fault")

    @property
    def notes(self) -> tuple[Finding, ...]:
        """Findings that are worth knowing and harmless here."""
        return tuple(finding for finding in self.findings if finding.kind == "note")

    @property
    def one_class(self) -> str:
        """What forbids a calm word: masks of one class that no ground truth confirms; "" else."""
        sums = self.masks.get(NOW)
        if sums is None or not sums.shares.size or sums.shares.max() < EMPTY_SHARE:
            return ""
        if sums.compared == sums.count and not sums.shown:
            return ""  # the ground truth is nothing but background too
        return (
            f"{100 * sums.shares.max():.1f} % of all pixels of {sums.count} pictures are class "
            f"{sums.shares.argmax()}, and no fault was found that explains it. What would decide: "
            "a ground truth, or pictures on which this network is known to work."
        )

    @property
    def is_calm(self) -> bool:
        """Whether nothing is left to explain."""
        return bool(self.count) and not (self.faults or self.one_class or self.ended)

    @property
    def verdict(self) -> str:
        """One sentence; and why the work ended early, if it did."""
        return f"{self._found} {self.ended}".strip()

    @property
    def _found(self) -> str:
        if not self.count:
            return "No picture could be looked at."
        if not self.faults:
            return self.one_class or f"{self.count} pictures show {CALM}{self._uncounted}."
        return headline(self.faults)

    @property
    def _uncounted(self) -> str:
        failed = sum(len(each.what) for each in self.failed)
        return f", and {failed} could not be computed" if failed else ""

    def to_dict(self) -> dict[str, Any]:
        """Texts, numbers, lists and mappings of them; no array and no picture."""
        sums = self.masks.get(NOW)
        return {
            "verdict": self.verdict,
            "pictures": self.count,
            "findings": [finding.to_dict() for finding in self.findings],
            "normalization": self.recovered.to_dict() if self.recovered else None,
            "color": self.color,
            "votes": self.order.mean,
            "shares": sums.shares.tolist() if sums else [],
            "empty": sums.empty if sums else 0,
            "failed": [failed.to_dict() for failed in self.failed],
            "forwards": self.forwards,
        }
