"""Which ids a few values are."""

import pytest

from core.mask_file.numbered_plainly import EVALUATED
from core.mask_file.numbering import numbering_of


def named(*values):
    return numbering_of(sorted(values))


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ((0, 1), "ids_as_gray"),
        ((0, 2, 5, 15), "ids_as_gray"),
        ((0, 255), "two_values"),
        ((0, 128), "two_values"),
        ((0, 255, 254), "wrapped"),
        ((0, 255, 253), "wrapped"),
        ((0, 100, 200, 44), "wrapped"),
        ((1, 2, 3), "one_based"),
        ((0, 1, 255), "ignore_255"),
        ((0, 85, 170, 255), "stretched"),
        ((0, 127, 255), "stretched"),
        ((0, 63, 127, 191, 255), "stretched"),
        ((0, 40, 80, 120), "stretched"),
        ((0, 42, 84, 168), "stretched"),
        ((255, 254, 253), "inverted"),
        ((0, 38, 75, 113), "palette_luminance"),
        ((7, 8, 11, 21, 23, 26), "cityscapes_label_ids"),
        ((70, 99, 142, 231), "unknown_values"),
    ],
)
def test_the_rule_by_which_values_are_numbered(values, kind):
    assert named(*values).kind_id == kind


def test_label_ids_of_cityscapes_become_train_ids():
    ids = named(0, 7, 8, 11, 21, 26, 33).ids

    assert [ids[value] for value in (7, 8, 11, 21, 26, 33)] == [0, 1, 2, 8, 13, 18]
    assert ids[0] == -1
    assert len(EVALUATED) == 19


def test_ids_of_voc_are_not_taken_for_those_of_cityscapes():
    assert named(0, 7, 12, 15, 19, 20).kind_id == "ids_as_gray"


def test_min_max_keeps_the_order_and_tells_the_factor():
    found = named(0, 85, 170, 255)

    assert found.ids == {0: 0, 85: 1, 170: 2, 255: 3}
    assert "/" in found.words


def test_what_two_values_cannot_tell_is_not_certain():
    assert named(0, 15).certainty == "likely"
    assert named(1, 2).certainty == "possible"
