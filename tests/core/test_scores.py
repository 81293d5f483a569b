"""Labels against a ground truth, and the line that is said about them."""

import io

import numpy as np
import pytest
import tifffile
from PIL import Image as PillowImage

from core.errors import MaskError
from core.labels import decode_labels
from core.scores import (
    Truth,
    confusion_matrix,
    decode_truth,
    iou_per_class,
    mean_iou,
    outside_notes,
)
from core.settings import Decoding
from core.verdict import judge
from tests.conftest import png

COLORS = np.array([[0, 0, 0], [128, 0, 0], [0, 128, 0]], np.uint8)


def labels_of(*ids, num_classes=3):
    values = np.eye(num_classes, dtype=np.float32)[list(ids)].T[:, None, :]
    return decode_labels(values, Decoding())


def truth_of(*ids):
    return Truth(np.array([ids], np.int32), ())


def test_iou_is_hits_over_union():
    matrix = confusion_matrix(np.array([[0, 0, 1, 1]]), np.array([[0, 1, 1, 1]]), 2, 255)

    assert iou_per_class(matrix).tolist() == [1 / 2, 2 / 3]


def test_a_perfect_mask_has_an_iou_of_1():
    ids = np.array([[0, 1, 2, 2]])

    assert mean_iou(iou_per_class(confusion_matrix(ids, ids, 3, 255))) == 1


def test_a_class_in_neither_map_does_not_count():
    ids = np.array([[0, 0]])

    assert np.isnan(iou_per_class(confusion_matrix(ids, ids, 2, 255))[1])
    assert mean_iou(np.array([1, np.nan])) == 1
    assert mean_iou(np.array([np.nan])) is None


def test_ignored_pixels_do_not_count():
    matrix = confusion_matrix(np.array([[0, 1]]), np.array([[0, 255]]), 2, 255)

    assert matrix.sum() == 1


def test_a_true_id_outside_the_classes_counts_against_the_class_that_was_found():
    matrix = confusion_matrix(np.array([[1, 1]]), np.array([[1, 7]]), 2, -1)

    assert iou_per_class(matrix)[1] == 0.5


@pytest.mark.parametrize("mode", ["L", "P"])
def test_gray_values_and_palette_indices_are_ids(mode):
    picture = PillowImage.fromarray(np.array([[0, 2]], np.uint8))
    if mode == "P":
        picture = picture.convert("P")
        picture.putpalette([9, 9, 9, 8, 8, 8, 200, 0, 0])
        picture.putdata([0, 2])
    file = io.BytesIO()
    picture.save(file, "PNG")

    assert decode_truth(file.getvalue(), None, (1, 2)).ids.tolist() == [[0, 2]]


def test_colors_are_ids_through_the_palette():
    truth = decode_truth(png([[[0, 128, 0], [0, 0, 0]]]), COLORS, (1, 2))

    assert truth.ids.tolist() == [[2, 0]]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (png([[[1, 2, 3], [0, 0, 0]]]), "1 pixels"),
        (png([[0]]), "1 x 1 pixels, the picture 2 x 1"),
        (b"notes", "text file"),
        (b"", "empty"),
    ],
)
def test_a_mask_that_cannot_be_used_says_why(content, says):
    with pytest.raises(MaskError, match=says):
        decode_truth(content, COLORS, (1, 2))


def test_a_truth_of_0_and_255_is_noted():
    assert "255" in decode_truth(png([[0, 255]]), None, (1, 2)).notes[0]


def test_true_ids_that_the_network_does_not_have_are_told():
    assert outside_notes(truth_of(0, 1, 7, 255), num_classes=3, ignore_index=255) == (
        "the truth has ids that this network does not have: 7",
    )
    assert outside_notes(truth_of(0, 1, 2, 255), num_classes=3, ignore_index=255) == ()


def test_the_verdict_names_the_largest_class_and_counts_the_present_ones():
    verdict = judge(labels_of(0, 0, 0, 2), ("class 0", "class 1", "class 2"), None, 255)

    assert verdict.sentence == "75.0 % class 0; 2 of 3 classes present"
    assert not verdict.one_color


def test_the_verdict_tells_the_miou_where_there_is_a_truth():
    names = ("desk", "ball", "cup")

    verdict = judge(labels_of(0, 0), names, truth_of(0, 1), 255)

    assert verdict.sentence.startswith("100.0 % class 0 (desk)")
    assert "mIoU 0.250" in verdict.sentence
    assert verdict.one_color


def test_pixels_without_a_class_are_told():
    values = np.array([[[5, -5]], [[0, -5]]], np.float32)

    verdict = judge(decode_labels(values, Decoding(rule="per_class")), ("a", "b"), None, 255)

    assert "50.0 % below the threshold" in verdict.sentence


# --- ground truths as arrays ----------------------------------------------------------------------

IDS = np.arange(24 * 32).reshape(24, 32) % 5


def as_npy(values):
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


@pytest.mark.parametrize(
    "bands",
    [
        np.eye(5, dtype=np.uint8)[IDS],
        np.eye(5, dtype=np.float32)[IDS].transpose(2, 0, 1),
        np.eye(5, dtype=bool)[IDS].transpose(2, 0, 1)[None],
        np.eye(5, dtype=np.uint8)[IDS] * 255,
    ],
    ids=["h w c", "c h w", "1 c h w", "0 and 255"],
)
def test_one_band_a_class_is_read_as_ids_and_that_is_told(bands):
    truth = decode_truth(as_npy(bands), None, (24, 32))

    assert np.array_equal(truth.ids, IDS)
    assert "one band a class" in truth.notes[0]


def test_the_colors_of_an_array_are_still_colors():
    colors = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0]], np.uint8)
    ids = IDS % 3

    assert np.array_equal(decode_truth(as_npy(colors[ids]), colors, (24, 32)).ids, ids)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (np.full((5, 24, 32), 0.2, np.float32), "floats in 5 bands: scores"),
        ((IDS / 255).astype(np.float32), "whole once multiplied by 255"),
        (IDS + 0.4, "no class ids"),
    ],
)
def test_what_is_no_ids_says_why(values, says):
    with pytest.raises(MaskError, match=says):
        decode_truth(as_npy(values), None, (24, 32))


def test_a_label_tiff_keeps_what_it_calls_no_data_and_is_turned_upright():
    file = io.BytesIO()
    labels = np.where(IDS == 4, 255, IDS).astype(np.uint8)
    tags = [(42113, 2, 0, "255", True), (274, 3, 1, 6, True)]
    tifffile.imwrite(file, labels, extratags=tags)

    assert np.array_equal(decode_truth(file.getvalue(), None, (32, 24)).ids, np.rot90(labels, -1))
