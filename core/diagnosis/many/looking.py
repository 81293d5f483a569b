"""The masks of a set, looked at as they are fed, with the fix, and in the other channel order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from core.diagnosis.many.masks import MaskSums, sums_of
from core.diagnosis.many.order import OrderEvidence, vote
from core.diagnosis.many.set_diagnosis import NOW, OTHER, THEN
from core.diagnosis.measure.measurements import Measurements
from core.inspection import Inspection


@dataclass
class Looking:
    """Sums that grow by one picture after the other."""

    layer: float | None = None  # what the first layer says of the order, see `OrderEvidence`
    nats: tuple[float, float] | None = None  # the same
    masks: dict[str, MaskSums] = field(default_factory=dict)  # by NOW, THEN, OTHER
    differing: dict[str, list[float]] = field(default_factory=dict)  # shares: THEN, OTHER
    votes: list[float] = field(default_factory=list)
    likeness: list[tuple[float, float]] = field(default_factory=list)

    def add(
        self, measured: Measurements, base: Mapping[str, Any], other: Mapping[str, Any] | None
    ) -> None:
        """Look at one picture.

        Args:
            measured: of it.
            base: what makes of the settings the training's, in the present channel order.
            other: the same in the other one; None where there is none.

        Raises:
            InspectionError: the network cannot be run under one of them.
            BudgetSpent: it was run too often.
        """
        seen = {NOW: measured.seen, THEN: measured.under(base)}
        asks = other is not None and self.order.wants_more
        if other is not None and (asks or measured.case.truth is not None):
            seen[OTHER] = measured.under(other)
        for name, inspection in seen.items():
            self._add(name, inspection, measured)
        self._differ(THEN, seen[NOW], seen[THEN])
        if OTHER in seen:
            self._differ(OTHER, seen[THEN], seen[OTHER])
        if other is not None and asks:
            self._vote(measured, base, other)

    def _add(self, name: str, seen: Inspection, measured: Measurements) -> None:
        ignore = measured.settings.display.ignore_index
        sums = sums_of(seen.labels, measured.case.truth, ignore)
        self.masks[name] = self.masks[name] + sums if name in self.masks else sums

    def _differ(self, name: str, one: Inspection, other: Inspection) -> None:
        share = float((one.labels.ids != other.labels.ids).mean())
        self.differing.setdefault(name, []).append(share)

    def _vote(
        self, measured: Measurements, base: Mapping[str, Any], other: Mapping[str, Any]
    ) -> None:
        said = vote(measured, base, other)
        if said is None:
            return
        self.votes.append(said)
        now, then = (measured.batchnorm.input_kl(changes) for changes in (base, other))
        if now is not None and then is not None:
            self.likeness.append((now, then))

    @property
    def changed(self) -> dict[str, float]:
        """Mean over the pictures of the share of the pixels that differ, 0..1: THEN, OTHER."""
        return {name: float(np.mean(shares)) for name, shares in self.differing.items()}

    @property
    def order(self) -> OrderEvidence:
        """What speaks for the other channel order so far."""
        there = [self.masks[name].mean_confidence for name in (THEN, OTHER) if name in self.masks]
        confidence = (there[0], there[1]) if len(there) > 1 else (0.0, 0.0)
        votes, likeness = tuple(self.votes), tuple(self.likeness)
        return OrderEvidence(votes, self.layer, self.nats, confidence, likeness)
