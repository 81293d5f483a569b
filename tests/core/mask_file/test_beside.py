"""A mask beside its picture and its ground truth."""

import numpy as np

from core.mask_file import inspect_mask
from core.mask_file.beside import Agreement, beside_picture, beside_truth
from tests.core.mask_file.drawing import file_of, gray, photo


def agreement(mask, truth):
    return beside_truth(inspect_mask(file_of(mask)), inspect_mask(file_of(truth)))


def test_a_mask_of_ids_times_255_agrees_with_its_truth_after_the_mapping():
    found = agreement(gray(0, 1, 2) * np.uint8(255), gray(0, 1, 2))

    assert isinstance(found, Agreement)
    assert found.mean_iou == 1
    assert found.renamed == {}


def test_other_names_for_the_ids_are_told_where_they_fit_much_better():
    found = agreement(gray(0, 2, 1), gray(0, 1, 2))

    assert found.renamed == {0: 0, 1: 2, 2: 1}
    assert found.renamed_iou == 1
    assert "1 is 2, 2 is 1" in found.words


def test_masks_of_two_sizes_are_not_compared():
    assert "not compared" in agreement(gray(0, 1, 2), gray(0, 1, 2, side=96))


def test_a_photo_has_no_ids_to_compare():
    assert "no ids" in agreement(photo(), gray(0, 1, 2))


def test_the_size_beside_the_picture_is_told_in_words():
    assert "has the size" in beside_picture((640, 480), (640, 480))
    assert "exchanged" in beside_picture((480, 640), (640, 480))
    assert "4 times as large" in beside_picture((160, 120), (640, 480))
    assert "another shape" in beside_picture((512, 512), (640, 480))
