"""Calm is for a mask that is alive and that nothing contradicts."""

from dataclasses import replace

import numpy as np
import pytest

from core.diagnosis.diagnosis import Diagnosis
from core.diagnosis.measure.measurements import measure
from core.diagnosis.unexplained import unexplained
from core.errors import InspectionError
from tests.support.cases import (
    example_checkpoint,
    healthy,
    inspected,
    true_ids,
    with_settings,
    with_tensors,
    with_truth,
)

HEAD = "classifier.4.bias"


@pytest.fixture(scope="module")
def one_class():
    """The example whose head leads by a bias that no picture makes up for."""
    tensors = dict(example_checkpoint().tensors)
    key = next(key for key in tensors if key.endswith(HEAD))
    tensors[key] = tensors[key].clone()
    tensors[key][3] += 1_000
    return with_tensors(tensors)


def left_of(case):
    return unexplained(measure(case))


def test_a_mask_of_one_class_is_told_with_what_was_tried_and_what_would_decide(one_class):
    left = left_of(one_class)

    assert "100.0% of its pixels are class 3" in left.seen
    assert "Ruled out: weights and logits that are not finite" in left.tried
    assert "a ground truth" in left.decides


def test_the_verdict_is_never_calm_over_it(one_class):
    told = Diagnosis(one_class.settings, finished=True, unexplained=left_of(one_class))

    assert told.verdict.startswith("The mask shows nothing, and these files do not tell why")
    assert told.to_dict()["unexplained"]["decides"]


def test_a_ground_truth_of_that_one_class_makes_it_right(one_class):
    assert left_of(with_truth(np.full_like(true_ids(), 3), one_class)) is None
    assert left_of(with_truth(np.full_like(true_ids(), 2), one_class)) is not None


def test_no_class_over_the_threshold_shows_nothing_either():
    case = with_settings(rule="per_class", activation="softmax", threshold=1.0)

    assert "reach no threshold" in left_of(case).seen


def test_what_is_right_is_left_alone():
    assert left_of(healthy()) is None
    assert left_of(with_truth(true_ids())) is None


def test_a_low_score_is_told_though_the_mask_is_alive():
    left = left_of(with_truth(true_ids()[::-1]))

    assert left.seen.startswith("The mIoU against the ground truth is 0.")
    assert "whether the ground truth belongs to this picture" in left.decides


def test_a_class_of_the_truth_that_the_mask_lacks_is_told_though_the_score_is_good():
    ids = inspected(healthy(), healthy().settings).labels.ids.copy()
    ids[:20, :20] = 6  # the network has 0 to 5

    assert "of the ground truth are" in left_of(with_truth(ids)).seen


def test_a_network_that_cannot_be_run_is_not_called_healthy():
    case = with_settings(color="gray")

    assert left_of(case).seen.startswith("The network cannot be run with these settings")


def test_a_checkpoint_without_a_network_is_not_called_healthy():
    from core.diagnosis import diagnose

    broken = replace(healthy(), network=None, error=InspectionError("It is empty.", remedy="Save."))
    told = diagnose(broken)

    assert told.verdict == "It is empty."
    assert told.unexplained.decides == "Save."


def test_a_better_mask_among_what_was_tried_is_not_denied():
    measured = measure(with_truth(true_ids(), with_settings(scale="1")))
    measured.truth.mask_score({"scale": "255"})
    left = unexplained(measured)

    assert "none gives a better mask" not in left.tried
    assert "the best mask is that with" in left.tried and "mIoU 0.9" in left.tried
