"""A fix that lowers the score against a ground truth is never offered, whatever the evidence."""

import pytest

from core.diagnosis import diagnose
from core.diagnosis.checks.phases import Phase
from core.diagnosis.finding import Evidence, Finding
from core.diagnosis.harm import without_harm
from core.diagnosis.inquiry import Questions
from core.diagnosis.measure.measurements import measure
from core.presets import PRESETS
from tests.support.cases import healthy, true_ids, with_settings, with_truth

UNIT = PRESETS["unit"].changes


def found(cause, certainty="certain", **changes):
    return Finding(cause, certainty, (Evidence("Whatever."),), "", "", changes=changes, effect=0.5)


def right():
    return measure(with_truth(true_ids()))


@pytest.mark.parametrize(
    ("certainty", "then"), [("certain", "likely"), ("likely", "possible"), ("possible", "possible")]
)
def test_a_harmful_fix_loses_its_apply_and_the_finding_a_step_of_certainty(certainty, then):
    (judged,) = without_harm(right(), [found("P1", certainty, **UNIT)])

    assert judged.changes == {}
    assert judged.certainty == then
    assert "lowers the mIoU from 0.9" in judged.evidence[-1].words


def test_whatever_check_finds_it():
    def harmful(measured, so_far):
        yield found("P1", **UNIT)

    questions = Questions((), (), (), (Phase((harmful,)),))
    (told,) = diagnose(with_truth(true_ids()), questions=questions).findings
    (without_truth,) = diagnose(healthy(), questions=questions).findings

    assert (told.changes, told.certainty) == ({}, "likely")
    assert (without_truth.changes, without_truth.certainty) == (UNIT, "certain")


def test_a_fix_that_helps_is_left_as_it_is():
    wrong = measure(with_truth(true_ids(), with_settings(**UNIT)))
    finding = found("P1", **PRESETS["imagenet"].changes)

    assert without_harm(wrong, [finding]) == (finding,)


def test_a_fix_that_helps_only_after_another_is_not_offered_before_it_and_stays_certain():
    """In training mode a wrong normalization does less harm than in evaluation mode."""
    both = measure(with_truth(true_ids(), with_settings(mode="train", **UNIT)))
    mode, numbers = found("B2", mode="eval"), found("P1", **PRESETS["imagenet"].changes)
    judged = without_harm(both, [mode, numbers])

    assert [(one.certainty, bool(one.changes)) for one in judged] == [
        ("certain", False),
        ("certain", True),
    ]
    assert "before the others are applied" in judged[0].evidence[-1].words


def test_a_ground_truth_that_is_wrong_itself_judges_nothing():
    harmful = found("P1", **UNIT)
    judged = without_harm(right(), [harmful, found("T3")])

    assert judged[0] == harmful
