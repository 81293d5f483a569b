"""Values, regions and seams."""

import numpy as np

from core.mask_file.levels import levels_of, near, packed, unpacked
from tests.core.mask_file.drawing import gray, photo, regions


def test_values_are_counted_wherever_they_lie():
    levels = levels_of(np.array([[5, -3], [5, 10**9]]))

    assert levels.values.tolist() == [-3, 5, 10**9]
    assert levels.counts.tolist() == [1, 2, 1]
    assert levels.codes.tolist() == [[1, 0], [1, 2]]


def test_a_label_map_is_clean_and_a_photo_is_not():
    assert levels_of(gray(0, 1, 2)).is_clean
    assert not levels_of(photo()[..., 0]).is_clean


def test_between_regions_that_meet_directly_there_is_no_ramp():
    assert levels_of(regions(0, 9, 4)).ramp_share == 0
    assert levels_of(np.arange(30)[None].repeat(30, 0)).ramp_share > 0.9


def test_colors_are_packed_and_unpacked_without_a_change():
    rgb = photo()

    assert (unpacked(packed(rgb)) == rgb).all()


def test_near_is_a_square_around_what_is_marked():
    marked = np.zeros((7, 7), bool)
    marked[3, 3] = True

    assert near(marked, 2).sum() == 25
    assert near(marked, 0).sum() == 1
