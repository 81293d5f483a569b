"""How far a diagnosis is: what was found, and what that changes; handed from phase to phase."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from core.diagnosis.causes import CAUSES
from core.diagnosis.diagnosis import Tried
from core.diagnosis.finding import ORDER, Finding
from core.diagnosis.normalization.recovered import Recovered, cannot_tell
from core.diagnosis.reproduction.rebuilt import Rebuilt


@dataclass(frozen=True)
class Progress:
    """What checks may know of those that were asked in earlier phases."""

    findings: Mapping[str, Finding] = field(default_factory=dict)  # by cause, the first found first
    provisional: frozenset[str] = frozenset()  # causes that are to be asked again
    tried: tuple[Tried, ...] = ()  # in the order in which it was
    recovered: Recovered | None = None  # the training's normalization, once it was asked for
    rebuilt: Rebuilt | None = None  # the program that wrote the user's own output, likewise

    @property
    def fixes(self) -> dict[str, Any]:
        """What all faults before the display would change, together; a later one wins."""
        changes: dict[str, Any] = {}
        for cause in self.faults:
            if CAUSES[cause].mended_by_settings:
                changes |= self.findings[cause].changes
        return changes

    @property
    def faults(self) -> tuple[str, ...]:
        """Causes of the findings that are no notes."""
        return tuple(cause for cause, found in self.findings.items() if found.kind == "fault")

    @property
    def masks_mean_nothing(self) -> bool:
        """Whether the weights are such that comparing masks tells nothing."""
        return any(CAUSES[cause].makes_masks_meaningless for cause in self.faults)

    @property
    def statistics_are_broken(self) -> bool:
        """Whether the masks are bad for a reason that lies before order and size."""
        return any(CAUSES[cause].blocks_order_and_size for cause in self.faults)

    @property
    def recovered_for_people(self) -> Recovered | None:
        """What was recovered, unless the statistics that it was read from are at fault."""
        known = self.recovered
        if known is None or known.certainty == "cannot tell" or not self.statistics_are_broken:
            return known
        words = "BatchNorm's running statistics are at fault, so they show no normalization."
        return replace(
            cannot_tell(words, known.ranking, known.current),
            layers=known.layers,
            contradictory=known.contradictory,
        )

    def with_findings(
        self, answers: Iterable[Sequence[Finding]], *, provisional: bool = False
    ) -> Progress:
        """Add those of one phase, in an order that does not depend on who was asked first.

        A later word on the same cause takes the place of the earlier one.

        Args:
            answers: what each check of the phase found; [] for nothing.
            provisional: whether they are to be asked again.
        """
        said = sorted(filter(None, answers), key=lambda answer: ORDER.index(answer[0].cause))
        found = [finding for answer in said for finding in answer]
        causes = frozenset(finding.cause for finding in found)
        return replace(
            self,
            findings={**self.findings, **{finding.cause: finding for finding in found}},
            provisional=self.provisional | causes if provisional else self.provisional - causes,
        )

    def without_provisional(self) -> Progress:
        """Forget what is to be asked again with other evidence."""
        kept = {c: found for c, found in self.findings.items() if c not in self.provisional}
        return replace(self, findings=kept, provisional=frozenset())
