"""The door: what each file is called, and which ids come out of it."""

import numpy as np
import pytest
from PIL import Image

from core.errors import ImageError
from core.mask_file import KINDS, inspect_mask
from core.mask_file.finding import NO_CLASS
from tests.core.mask_file.drawing import (
    array_file,
    colors,
    file_of,
    gray,
    photo,
    regions,
)


def first(content):
    return inspect_mask(content).first


def test_ids_drawn_as_gray_are_a_fine_mask_and_the_sentence_is_certain():
    found = first(file_of(gray(0, 1, 2)))

    assert found.kind_id == "ids_as_gray"
    assert found.certainty == "certain"
    assert found.sentence == (
        "Your mask is fine: it holds ids 0, 1, 2, drawn as three nearly black grays."
    )
    assert (found.reading.ids == regions(0, 1, 2)).all()


def test_a_file_of_zeros_tells_nothing_and_says_where_the_next_evidence_is():
    report = inspect_mask(file_of(gray(0, 0)))

    assert report.first.kind_id == "all_zero"
    assert "cannot tell" in report.first.sentence
    assert "checkpoint" in report.first.kind.only_checkpoint
    assert report.faults == ()
    assert report.facts.black == 1


def test_one_value_everywhere_is_told_with_its_value():
    assert "the value 7" in first(file_of(gray(7, 7))).sentence


def test_ids_times_255_are_read_backwards():
    found = first(file_of(gray(0, 1, 2, 3) * np.uint8(255)))

    assert (found.kind_id, found.certainty) == ("wrapped", "certain")
    assert (found.reading.ids == regions(0, 1, 2, 3)).all()


def test_two_values_are_background_and_foreground():
    found = first(file_of(gray(0, 255)))

    assert found.kind_id == "two_values"
    assert found.reading.classes == [0, 1]
    assert not found.is_fault


def test_the_left_half_of_a_mask_is_not_taken_for_a_map_of_its_own():
    half = regions(*[0] * 8, *[255] * 8).astype(np.uint8)
    third = np.repeat(np.array([255, 0, 0], np.uint8), 20)[:, None].repeat(60, 1)

    assert first(file_of(half)).kind_id == "two_values"
    assert first(file_of(third)).kind_id == "two_values"


def test_255_between_small_ids_is_no_class():
    found = first(file_of(gray(0, 255, 1, 2)))

    assert found.kind_id == "ignore_255"
    assert set(np.unique(found.reading.ids)) == {NO_CLASS, 0, 1, 2}


def test_ids_in_colors_of_the_channel_red_are_told_by_its_name():
    rgb = np.zeros((48, 48, 3), np.uint8)
    rgb[..., 0] = gray(0, 1, 4)

    assert "in red" in first(file_of(rgb)).sentence


def test_a_transparent_mask_is_told_and_so_is_what_lies_under_it():
    rgba = np.zeros((48, 48, 4), np.uint8)
    rgba[..., :3] = colors("voc", regions(0, 1, 15))
    report = inspect_mask(file_of(rgba))

    assert [finding.kind_id for finding in report.findings] == ["transparent", "colored"]
    assert report.reading.classes == [0, 1, 15]


def test_ids_in_the_opacity_are_found():
    rgba = np.zeros((48, 48, 4), np.uint8)
    rgba[..., 3] = gray(0, 1, 2)

    found = first(file_of(rgba))

    assert found.kind_id == "ids_in_alpha"
    assert found.reading.classes == [0, 1, 2]


def test_a_one_hot_map_that_looks_black_gives_its_argmax():
    hot = np.eye(3, dtype=np.uint8)[regions(0, 1, 2)]

    found = first(file_of(hot))

    assert (found.kind_id, found.certainty) == ("one_hot", "certain")
    assert (found.reading.ids == regions(0, 1, 2)).all()


def test_the_maps_of_all_classes_under_each_other_are_put_together():
    hot = np.eye(4, dtype=np.uint8)[regions(0, 1, 2, 3)].transpose(2, 0, 1)

    found = first(file_of(hot.reshape(-1, 48)))

    assert found.kind_id == "stack_of_channels"
    assert (found.reading.ids == regions(0, 1, 2, 3)).all()


def test_a_grid_of_save_image_is_cut_at_its_padding():
    import io

    import torch
    from torchvision.utils import save_image

    hot = np.eye(5, dtype=np.float32)[regions(0, 1, 2, 3, 4)].transpose(2, 0, 1)
    file = io.BytesIO()
    save_image(torch.from_numpy(hot)[:, None], file, format="png", nrow=3)

    found = first(file.getvalue())

    assert found.kind_id == "stack_of_channels"
    assert (found.reading.ids == regions(0, 1, 2, 3, 4)).all()


def test_64_bit_ids_read_as_bytes_are_told_by_where_the_zeros_are():
    raw = (regions(0, 1, 2).astype(np.int64) + 1).tobytes()[: 48 * 48]

    assert first(file_of(Image.frombytes("L", (48, 48), raw))).kind_id == "raw_bytes"


def test_signed_numbers_in_8_bits_are_told_by_their_wrapping():
    rows, columns = np.mgrid[0:96, 0:96] / 96
    logits = 40 * np.sin(6 * rows) * np.cos(5 * columns)

    assert first(file_of(logits.astype(np.int64).astype(np.uint8))).kind_id == "logits_cast"


def test_a_sigmoid_times_255_waits_for_its_threshold():
    rows, columns = np.mgrid[0:96, 0:96] - 48
    logits = (24 - np.hypot(rows, columns)) * 0.8
    soft = (255 / (1 + np.exp(-logits))).astype(np.uint8)

    found = first(file_of(soft))

    assert found.kind_id == "soft_mask"
    assert (found.reading.ids == (soft > 127)).all()


def test_a_colored_mask_of_voc_is_fine():
    report = inspect_mask(file_of(colors("voc", regions(0, 1, 15))))

    assert report.first.kind_id == "colored"
    assert report.faults == ()
    assert report.reading.classes == [0, 1, 15]


def test_voc_with_red_and_blue_exchanged_is_named():
    found = first(file_of(colors("voc", regions(0, 9, 15))[..., ::-1]))

    assert found.kind_id == "bgr_palette"
    assert found.reading.classes == [0, 9, 15]


def test_a_palette_whose_exchanged_colors_are_its_own_is_not_accused():
    """VOC's 1 and 4 are red and blue: which order was meant no file tells."""
    report = inspect_mask(file_of(colors("voc", regions(0, 1, 4))[..., ::-1]))

    assert report.faults == ()


def test_brightnesses_of_voc_are_turned_back_into_ids():
    rgb = colors("voc", regions(0, 1, 2, 15))

    found = first(file_of(Image.fromarray(rgb).convert("L")))

    assert found.kind_id == "palette_luminance"
    assert (found.reading.ids == regions(0, 1, 2, 15)).all()


def test_a_file_with_a_colored_palette_is_fine_and_its_indices_are_ids():
    image = Image.fromarray(gray(0, 1, 2))
    image.putpalette(colors("voc", np.arange(32)).tobytes())

    report = inspect_mask(file_of(image))

    assert report.faults == ()
    assert report.reading.classes == [0, 1, 2]


def test_a_palette_of_grays_hides_its_ids():
    assert first(file_of(Image.fromarray(gray(0, 1, 2)).convert("P"))).kind_id == "gray_palette"


def test_a_jpeg_of_a_mask_is_read_with_the_nearest_value():
    ids = gray(0, 1, 2, side=100)  # whose edges do not lie between blocks

    found = first(file_of(ids * np.uint8(100), "JPEG", quality=90))

    assert found.kind_id == "jpeg_ghosts"
    assert (found.reading.ids == ids).mean() > 0.99


def test_colors_that_jpeg_has_tinted_are_still_those_of_their_palette():
    ids = gray(0, 1, 2, side=100)

    found = first(file_of(colors("voc", ids), "JPEG", quality=90))

    assert found.kind_id == "jpeg_ghosts"
    assert found.reading.classes == [0, 1, 2]
    assert (found.reading.ids == ids).mean() > 0.98


def test_a_bilinear_resize_is_told_by_what_it_put_at_every_edge():
    small = Image.fromarray(gray(0, 5, 10, side=96))

    found = first(file_of(small.resize((192, 192), Image.Resampling.BILINEAR)))

    assert found.kind_id == "resized"
    assert found.reading.classes == [0, 5, 10]


def test_ids_in_16_bits_are_black_and_whole():
    found = first(file_of(regions(0, 3, 20).astype(np.uint16)))

    assert (found.kind_id, found.certainty) == ("deep_ids", "certain")
    assert found.reading.classes == [0, 3, 20]


def test_floats_that_are_whole_are_ids():
    assert first(file_of(regions(0, 1, 2).astype(np.float32), "TIFF")).kind_id == "float_ids"


def test_an_array_of_logits_is_one_argmax_away_from_a_mask():
    logits = np.random.default_rng(1).normal(0, 4, (5, 40, 60)).astype(np.float32)

    found = first(array_file(logits[None]))

    assert found.kind_id == "score_stack"
    assert (found.reading.ids == logits.argmax(axis=0)).all()


def test_probabilities_are_told_from_logits_by_their_sum():
    powers = np.exp(np.random.default_rng(1).normal(0, 4, (5, 40, 60)))

    found = first(array_file((powers / powers.sum(axis=0)).astype(np.float32)))

    assert "holds probabilities of 5 classes" in found.sentence


def test_a_label_map_as_an_array_is_fine():
    report = inspect_mask(array_file(regions(0, 1, 7)))

    assert report.first.kind_id == "label_array"
    assert report.faults == ()


def test_an_array_without_one_number_is_no_reason_to_fail():
    assert first(array_file(np.full((20, 20), np.nan))).kind_id == "undecided"


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_photo_is_no_mask(kind):
    report = inspect_mask(file_of(photo(), kind))

    assert report.first.sentence == "This is a photo, not a mask."
    assert report.faults == ()


@pytest.mark.parametrize("content", [b"", b"mask saved\n" * 9, file_of(gray(0, 1))[:60]])
def test_what_is_no_picture_is_refused_with_a_next_step(content):
    with pytest.raises(ImageError) as refused:
        inspect_mask(content)

    assert refused.value.remedy


@pytest.mark.parametrize("side", [(1, 1), (1, 40), (40, 1), (2, 2), (3, 3)])
def test_the_smallest_masks_are_told_too(side):
    ids = (np.arange(side[0] * side[1]).reshape(side) % 3).astype(np.uint8)

    assert inspect_mask(file_of(ids)).findings


def test_every_finding_names_a_kind_that_has_its_text():
    for kind in KINDS.values():
        assert kind.title and kind.what and kind.found_by, kind.id
        assert kind.weight == "other" or kind.code or kind.fix == "" or kind.weight != "fault"
        assert kind.weight != "fault" or kind.code, kind.id
