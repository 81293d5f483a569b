"""Logits to labels, by hand."""

import math

import numpy as np
import pytest

from core.labels import NO_CLASS, argmax, decode_labels, probabilities
from core.settings import Decoding


def logits(*channels):
    """Float32[C 1 w] from one row per channel."""
    return np.array(channels, np.float32)[:, None, :]


def test_the_largest_logit_wins():
    labels = decode_labels(logits([1, 5], [3, 2], [2, 0]), Decoding())

    assert labels.ids.tolist() == [[1, 0]]
    assert labels.rule == "argmax"


def test_when_all_tie_the_confidence_is_one_over_the_number_of_classes():
    labels = decode_labels(logits([2], [2], [2], [2]), Decoding())

    assert labels.confidence.tolist() == [[0.25]]


def test_one_channel_is_thresholded_on_its_sigmoid():
    labels = decode_labels(logits([-1, 0.1]), Decoding())

    assert labels.ids.tolist() == [[0, 1]]
    assert (labels.rule, labels.activation, labels.num_classes) == ("threshold", "sigmoid", 2)


def test_a_pixel_exactly_on_the_cut_is_below():
    assert decode_labels(logits([0.0]), Decoding(threshold=0.5)).ids.tolist() == [[0]]


@pytest.mark.parametrize(("threshold", "ids"), [(0, [1, 1]), (0.3, [0, 1]), (1, [0, 0])])
def test_the_threshold_moves_the_boundary(threshold, ids):
    values = logits([math.log(0.2 / 0.8), math.log(0.4 / 0.6)])

    assert decode_labels(values, Decoding(threshold=threshold)).ids.tolist() == [ids]


def test_raw_logits_may_be_compared_with_the_threshold_because_people_do_it():
    values = logits([0.2, 0.7])

    assert decode_labels(values, Decoding(activation="none")).ids.tolist() == [[0, 1]]


def test_argmax_over_one_channel_is_all_zero_and_says_so():
    labels = decode_labels(logits([-9, 9]), Decoding(rule="argmax"))

    assert labels.ids.tolist() == [[0, 0]]
    assert labels.num_classes == 1
    assert "argmax over one channel" in labels.notes[0]


def test_per_class_leaves_pixels_without_a_class_where_none_is_over_the_threshold():
    labels = decode_labels(logits([2, -2], [1, -1]), Decoding(rule="per_class"))

    assert labels.ids.tolist() == [[0, NO_CLASS]]


def test_the_ids_are_the_winner_where_its_score_is_over_the_cut_else_below():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(3, 20, 20)).astype(np.float32)
    for rule in ("argmax", "threshold", "per_class"):
        labels = decode_labels(values, Decoding(rule=rule, threshold=0.6))
        again = np.where(labels.score > np.float32(labels.cut), labels.winner, labels.below)

        assert np.array_equal(labels.ids, again)


def test_a_class_that_never_wins_has_share_zero():
    labels = decode_labels(logits([1, 1, 0, 1], [0, 0, 0, 0], [0, 0, 1, 0], [0] * 4), Decoding())

    assert labels.shares().tolist() == [0.75, 0, 0.25, 0]


def test_logits_that_are_not_finite_are_told():
    labels = decode_labels(logits([np.nan, 1], [0, 0]), Decoding())

    assert any("not finite at 50.0%" in note for note in labels.notes)


def test_softmax_sums_to_one_without_overflow():
    assert probabilities(logits([1000], [999]), "softmax").sum() == pytest.approx(1)


def test_sigmoid_of_huge_logits_is_zero_and_one_without_a_warning(recwarn):
    assert probabilities(logits([-1000, 1000]), "sigmoid").tolist() == [[[0, 1]]]
    assert not recwarn


@pytest.mark.parametrize("odd", [0.0, np.inf, -np.inf, np.nan])
def test_the_confidence_of_argmax_is_its_probability_bit_for_bit(odd):
    logits = np.random.default_rng(3).normal(0, 4, (5, 8, 9)).astype(np.float32)
    logits[2, :3] = odd
    labels = decode_labels(logits, Decoding(rule="argmax"))
    each = probabilities(logits, "softmax")
    expected = np.take_along_axis(each, labels.ids[None].astype(np.int64), axis=0)[0]

    assert np.array_equal(labels.confidence, expected, equal_nan=True)


@pytest.mark.parametrize("classes", [1, 2, 21, 256, 300])
@pytest.mark.parametrize("odd", ["", "ties", "nan", "infinite"])
def test_the_winner_is_that_of_numpy_and_the_lowest_id_where_several_tie(classes, odd, recwarn):
    values = np.random.default_rng(0).normal(size=(classes, 7, 5)).astype(np.float32)
    if odd == "ties":
        values = np.rint(values)
    if odd == "nan":
        values[classes // 2, 3, 2] = values[-1, 0] = np.nan
    if odd == "infinite":
        values[:, 0], values[classes // 2, 1], values[0, 2] = -np.inf, np.inf, -np.inf
    winner = argmax(values)

    assert np.array_equal(winner, values.argmax(axis=0))
    assert winner.dtype == np.int32
    assert not recwarn.list
