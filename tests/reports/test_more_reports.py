"""Of the further reports those that were answered wrongly; benchmarks.reports asks all of them."""

from __future__ import annotations

import pytest

from tests.reports.more_reports import MORE
from tests.reports.test_reports import answer, helped

BY_NAME = {report.name: report for report in MORE}
WERE_WRONG = (
    "probabilities times 255",
    "softmax over one channel",
    "head made anew, one channel",
    "weights at random, one channel",
    "channels exchanged",
    "negative variances",
    "instances as truth",
    "truth 24 pixels off",
    "statistics lag, one channel",
    "target divided by 255, gray",
    "not divided, GroupNorm",
    "ids as an array",
    "probabilities as an array",
    "a median filter",
    "confidence for classes",
    "all void",
)


@pytest.mark.parametrize("name", WERE_WRONG)
def test_the_first_answer_would_have_helped(name):
    assert helped(BY_NAME[name], answer(BY_NAME[name].files)) == ""


def test_names_are_told_once():
    assert len(BY_NAME) == len(MORE)
