"""The right first answer to each report, and none to the healthy files that it was made from."""

from __future__ import annotations

import pytest

from core.diagnosis import Diagnosis, diagnose
from examples.materials import case_of
from tests.reports.reports import REPORTS

BY_NAME = {report.name: report for report in REPORTS}


def answer(made) -> Diagnosis:
    return diagnose(case_of(made))


def helped(report, answered) -> str:
    """What is wrong about an answer; "" where it would have helped."""
    said = [finding.cause for finding in answered.faults]
    if wrong := set(said) & set(report.never):
        return f"it says {sorted(wrong)}"
    if said and said[0] in report.right:
        return ""
    calm = not said and answered.unexplained is None
    if calm:
        return "" if not report.right else "it is calm"
    if not report.right:
        return f"a false alarm: {said or answered.verdict}"
    if not said and report.honest:
        return ""
    return f"it says {said or answered.verdict} first"


@pytest.mark.parametrize("name", BY_NAME)
def test_the_first_answer_would_have_helped(name):
    assert helped(BY_NAME[name], answer(BY_NAME[name].files)) == ""


def test_none_of_their_healthy_twins_alarms():
    twins = {(r.member, r.truth, r.picture): r for r in REPORTS}
    said = {key: answer(report.healthy) for key, report in twins.items()}

    assert {key: a.verdict for key, a in said.items() if a.faults or a.unexplained} == {}
