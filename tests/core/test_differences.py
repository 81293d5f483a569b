"""The kind of error of every pixel, and its color over the picture."""

import numpy as np
import pytest

from core.differences import COLORS, DIMMED, HATCH, Kind, differences, paint
from core.labels import NO_CLASS
from core.scores import confusion_matrix, frequent_ids, row_shares

RIGHT, MISSED, FALSE, CONFUSED, IGNORED = Kind


def row(*ids):
    return np.array([ids], np.int32)


@pytest.mark.parametrize(
    ("true", "found", "kind"),
    [
        (0, 0, RIGHT),
        (2, 2, RIGHT),
        (2, 0, MISSED),
        (2, NO_CLASS, MISSED),
        (0, NO_CLASS, MISSED),
        (0, 2, FALSE),
        (1, 2, CONFUSED),
        (7, 2, CONFUSED),  # an id that the network does not have
        (7, 0, MISSED),
        (255, 0, IGNORED),
        (255, 2, IGNORED),
    ],
)
def test_each_pixel_has_one_kind(true, found, kind):
    assert differences(row(found), row(true), ignore_index=255).kinds.tolist() == [[kind]]


def test_shares_are_of_the_pixels_that_count_and_sum_to_1():
    found = differences(row(0, 0, 1, 2, 0), row(0, 1, 0, 1, 255), ignore_index=255)

    assert found.shares == {RIGHT: 0.25, MISSED: 0.25, FALSE: 0.25, CONFUSED: 0.25}
    assert found.ignored == 0.2
    assert found.kinds.dtype == np.uint8


def test_without_an_ignored_id_every_pixel_counts():
    found = differences(row(0, 1), row(0, 255), ignore_index=-1)

    assert found.shares[CONFUSED] == 0.5
    assert found.ignored == 0


def test_where_everything_is_ignored_no_share_is_told():
    found = differences(row(0, 1), row(255, 255), ignore_index=255)

    assert found.shares == {}
    assert found.ignored == 1


def test_right_is_what_the_confusion_matrix_counts_as_right():
    random = np.random.default_rng(0)
    ids = random.integers(NO_CLASS, 4, (9, 7)).astype(np.int32)
    truth = random.choice(np.array([0, 1, 2, 3, 7, 255], np.int32), (9, 7))
    matrix = confusion_matrix(ids, truth, 4, 255)

    right = np.diagonal(matrix)[:-1].sum()  # the last one is of ids outside: never the same
    assert differences(ids, truth, 255).shares[RIGHT] == right / matrix.sum()


def test_errors_are_opaque_and_right_pixels_are_the_dimmed_picture():
    pixels = np.full((1, 4, 3), 200, np.uint8)
    kinds = np.array([[RIGHT, MISSED, FALSE, CONFUSED]], np.uint8)

    painted = paint(pixels, kinds)
    assert painted.dtype == np.uint8
    assert painted.tolist() == [[[80] * 3, [213, 94, 0], [86, 180, 233], [240, 228, 66]]]


def test_the_dimmed_picture_is_gray_so_that_no_color_of_it_looks_like_an_error():
    assert paint(np.array([[[213, 94, 0]]], np.uint8), row(RIGHT)).tolist() == [[[48, 48, 48]]]


def test_ignored_pixels_are_hatched_in_two_grays():
    painted = paint(np.zeros((40, 40, 3), np.uint8), np.full((40, 40), IGNORED, np.uint8))

    assert {tuple(color) for color in painted.reshape(-1, 3).tolist()} == {
        (gray,) * 3 for gray in HATCH
    }
    assert (painted[1:, :-1] == painted[:-1, 1:]).all()  # diagonal stripes


def test_the_colors_differ_in_brightness_too():
    luma = sorted(np.array([*COLORS.values()]) @ (0.299, 0.587, 0.114))

    assert min(np.diff(luma)) > 30
    assert luma[0] > 255 * DIMMED  # brighter than any dimmed pixel


# --- the matrix as it is shown --------------------------------------------------------------------


def test_a_row_of_the_matrix_is_shared_out_and_a_class_that_the_truth_lacks_has_no_shares():
    shares = row_shares(np.array([[3, 1], [0, 0]]))

    assert shares[0].tolist() == [0.75, 0.25]
    assert np.isnan(shares[1]).all()


def test_the_most_frequent_ids_stand_in_their_order_and_those_in_neither_map_are_left_out():
    matrix = np.diag([5, 0, 9, 1, 0])
    matrix[0, 1] = 2  # found, never true

    assert frequent_ids(matrix, 30).tolist() == [0, 1, 2, 3]
    assert frequent_ids(matrix, 2).tolist() == [0, 2]
    assert frequent_ids(np.diag([5, 0, 9, 0]), 30).tolist() == [0, 2]


def test_the_ids_outside_the_classes_are_no_class_and_are_kept_beside_them():
    assert frequent_ids(np.diag([5, 7, 9, 1]), 2).tolist() == [1, 2, 3]
