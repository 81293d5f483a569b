"""A diagnosis as plain data: for JSON, and for what outlives the session."""

from __future__ import annotations

from typing import Any

from core.diagnosis.diagnosis import Diagnosis
from core.diagnosis.finding import Finding


def plain(answered: Diagnosis) -> dict[str, Any]:
    """Texts, numbers, lists and mappings of them; no array and no picture."""
    return {
        "verdict": answered.verdict,
        "begins": {"stage": answered.bisect.stage, "words": answered.bisect.words},
        "findings": [_finding(finding) for finding in answered.findings],
        "forwards": answered.forwards,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "cause": finding.cause,
        "name": finding.name,
        "certainty": finding.certainty,
        "kind": finding.kind,
        "evidence": [{"words": e.words, "number": e.number} for e in finding.evidence],
        "fix": finding.fix,
        "code": finding.code,
        "changes": dict(finding.changes),
        "effect": finding.effect,
    }
