"""Summed counts against ground truths: shifts, permutations, classes that never win."""

import numpy as np
import pytest

from core.diagnosis.many.against_truth import against_truth, assignment, balance
from core.diagnosis.many.masks import sums_of
from core.labels import Labels
from core.scores import Truth

CLASSES = 4
NAMES = ("desk", "cup", "pen", "book")


def labels(ids):
    ids = np.asarray(ids, np.int32)
    sure = np.ones(ids.shape, np.float32)
    return Labels(ids, sure, CLASSES, "argmax", "softmax", ids, sure, -1.0, -1, ())


def sums(*pairs):
    each = [sums_of(labels(ids), Truth(np.asarray(true, np.int32), ()), 255) for ids, true in pairs]
    return sum(each[1:], each[0])


def found(*pairs):
    return [finding.cause for finding in against_truth(sums(*pairs), NAMES)]


FIRST = np.array([[0, 0, 1, 1], [0, 2, 2, 1], [3, 3, 0, 0]])
SECOND = np.array([[0, 2, 2, 2], [0, 0, 1, 1], [3, 0, 0, 0]])


def test_right_ground_truths_have_no_finding():
    assert found((FIRST, FIRST), (SECOND, SECOND)) == []


@pytest.mark.parametrize("step", [1, -1])
def test_ids_that_are_off_by_one_are_told_as_a_shift(step):
    pairs = [(ids, np.where(ids + step < 0, 255, ids + step)) for ids in (FIRST, SECOND)]
    said = next(iter(against_truth(sums(*pairs), NAMES)))

    assert said.cause == "T3"
    assert f"shifted by {step}" in said.evidence[0].words


def test_permuted_ids_are_assigned_to_those_of_the_network():
    order = np.array([0, 2, 3, 1])
    pairs = [(ids, order[ids]) for ids in (FIRST, SECOND)]

    assert found(*pairs) == ["T3"]
    assert assignment(sums(*pairs).confusion) == {0: 0, 2: 1, 3: 2, 1: 3}


def test_a_turn_of_all_ground_truths_is_told():
    assert found(*((ids, ids[:, ::-1]) for ids in (FIRST, SECOND))) == ["T6"]


def test_a_class_that_never_wins_is_told_with_its_share():
    pairs = [(np.where(ids == 3, 0, ids), ids) for ids in (FIRST, SECOND)]
    said = next(iter(against_truth(sums(*pairs), NAMES)))
    predicted, true = balance(sums(*pairs))

    assert said.cause == "T5" and "book" in said.evidence[0].words
    assert predicted[3] == 0 and true[3] == 3 / 24


def test_masks_of_background_are_counted():
    black = np.zeros((3, 4), np.int32)

    assert sums((black, FIRST), (SECOND, SECOND)).empty == 1


def row(cups, pens=0, side=20):
    """A picture of one row: so many pixels of cups, then of pens, then desk."""
    ids = np.zeros((1, side), np.int32)
    ids[0, :cups], ids[0, cups : cups + pens] = 1, 2
    return ids


def test_a_class_that_grows_over_its_true_region_is_told_with_both_shares():
    total = sums(*[(row(9), row(3))] * 8)
    said, less_sure = (next(against_truth(total, NAMES, input_known=k)) for k in (True, False))

    assert (said.cause, said.certainty) == ("T8", "likely")
    assert less_sure.certainty == "possible"
    assert "(cup) is 45.0% of the masks and 15.0% of the ground truths" in said.evidence[0].words
    assert "100% of the true class 1 (cup) is inside" in said.evidence[1].words
    assert "weigh less" in said.fix


def test_a_class_that_shrinks_inside_of_its_true_region_is_told_too():
    said = next(iter(against_truth(sums(*[(row(2), row(8))] * 8), NAMES)))

    assert said.cause == "T8" and "weigh more" in said.fix


@pytest.mark.parametrize(
    "pairs",
    [
        [(row(9), row(3))] * 7,  # too few pictures
        [(row(3), row(2))] * 8,  # not by a factor of two
        [(row(4, side=200), row(1, side=200))] * 8,  # next to no pixels
        [(row(9), row(9)[:, ::-1])] * 8,  # equal shares, elsewhere
        [(row(9, 2), np.roll(row(3), 12))] * 8,  # larger, and not where it is
    ],
)
def test_other_differences_are_no_balance(pairs):
    assert "T8" not in found(*pairs)
