"""No fix that lowers the score against a ground truth is offered, whatever the evidence for it.

Each fix is scored alone, as that is how it is applied, and beside the others, as two faults may
hide each other: what only helps after the others is not offered before them, what never helps is
doubted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from core.diagnosis.causes import CAUSES
from core.diagnosis.finding import CERTAINTIES, Evidence, Finding
from core.diagnosis.measure.forwards import BudgetSpent
from core.diagnosis.measure.measurements import Measurements
from core.diagnosis.thresholds import HARMFUL_IOU
from core.errors import InspectionError

Changes = Mapping[str, Any]


def without_harm(measured: Measurements, findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings whose fix does no harm as they are; of the others the fix is taken off.

    Args:
        measured: of the case; where it has no ground truth nothing is taken off.
        findings: all that are to be said together.
    """
    said = tuple(findings)
    if measured.case.network is None or not measured.truth.has_shapes:
        return said
    if any(CAUSES[f.cause].stage == "truth" for f in said if f.kind == "fault"):
        return said  # what is wrong itself judges nothing
    together = _together(said)
    return tuple(_judged(measured, finding, said, together) for finding in said)


def _together(findings: Iterable[Finding]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for finding in findings:
        if finding.kind == "fault":
            changes |= finding.changes
    return changes


def _judged(
    measured: Measurements, finding: Finding, said: tuple[Finding, ...], together: Changes
) -> Finding:
    if not finding.changes:
        return finding
    alone = _drop(measured, {}, finding.changes)
    if alone is None:
        return finding
    others = _together(other for other in said if other is not finding)
    helps_later = bool(others) and _drop(measured, others, {**others, **together}) is None
    before, after = alone
    words = f"Its fix alone lowers the mIoU from {before:.2f} to {after:.2f}, so it is not offered"
    if helps_later:
        reason = Evidence(f"{words} before the others are applied.", after)
        return replace(finding, evidence=(*finding.evidence, reason), changes={})
    lower = CERTAINTIES.index(finding.certainty) + 1
    return replace(
        finding,
        evidence=(*finding.evidence, Evidence(f"{words}.", after)),
        certainty=CERTAINTIES[min(lower, len(CERTAINTIES) - 1)],
        changes={},
    )


def _drop(measured: Measurements, before: Changes, after: Changes) -> tuple[float, float] | None:
    """The mIoU before and after where it falls; None where it does not, or cannot be compared."""
    try:
        scores = measured.truth.iou(before), measured.truth.iou(after)
    except (InspectionError, BudgetSpent):
        return None
    if scores[0] is None or scores[1] is None or scores[1] >= scores[0] - HARMFUL_IOU:
        return None
    return scores[0], scores[1]
