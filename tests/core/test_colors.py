"""Palettes, masks, and what a person would see of a saved mask."""

import io
import json

import numpy as np
import pytest
from PIL import Image as PillowImage

from core.colors import (
    COLORED,
    PALETTES,
    colorize,
    encode_png,
    overlay,
    palette_colors,
    palette_from_file,
    palette_warnings,
)
from core.errors import MaskError
from core.labels import NO_CLASS, decode_labels
from core.saving import saved_pictures
from core.settings import Decoding, Display


def colors_of(name, count=21, **options):
    return palette_colors(Display(palette=name, **options), count)


def test_a_new_palette_is_looked_for_in_peoples_masks_too():
    grays = {name for name in PALETTES if not np.ptp(colors_of(name), axis=1).any()}

    assert set(COLORED) == PALETTES.keys() - grays - {"custom"}


def test_voc_is_the_palette_of_the_development_kit():
    assert colors_of("voc")[[0, 1, 2, 15, 255]].tolist() == [
        [0, 0, 0],
        [128, 0, 0],
        [0, 128, 0],
        [192, 128, 128],
        [224, 224, 192],
    ]


def test_cityscapes_and_ade20k_begin_with_road_and_wall():
    assert colors_of("cityscapes")[0].tolist() == [128, 64, 128]
    assert colors_of("ade20k")[[0, 149]].tolist() == [[120, 120, 120], [92, 0, 255]]


@pytest.mark.parametrize("name", PALETTES)
def test_every_palette_has_a_color_for_every_class(name):
    assert len(colors_of(name, 300)) >= 300


@pytest.mark.parametrize("count", [18, 19, 21, 150, 847])
def test_the_default_palette_has_a_color_of_its_own_for_every_class(count):
    colors = palette_colors(Display(), count)

    assert palette_warnings(colors, count) == ()
    assert len({tuple(color) for color in colors.tolist()}) == len(colors)
    assert colors[:18].tolist() == colors_of("safe", 18).tolist()  # those of few classes stay


def test_twins_and_near_black_colors_are_told():
    colors = np.array([[0, 0, 0], [9, 0, 9], [255, 0, 0], [255, 0, 0]], np.uint8)

    dark, same = palette_warnings(colors, 4)

    assert "class 1" in dark
    assert "2 and 3" in same


def test_a_mask_has_only_colors_of_its_palette():
    ids = np.array([[0, 1, NO_CLASS, 999]], np.int32)
    colors = np.array([[1, 1, 1], [2, 2, 2]], np.uint8)

    assert colorize(ids, colors)[0, :, 0].tolist() == [1, 2, 0, 0]


def test_opacity_0_is_the_picture_and_opacity_1_the_mask():
    rng = np.random.default_rng(0)
    pixels, mask = rng.integers(0, 256, (2, 5, 5, 3), dtype=np.uint8)

    assert np.array_equal(overlay(pixels, mask, 0), pixels)
    assert np.array_equal(overlay(pixels, mask, 1), mask)


def test_half_opacity_is_halfway_rounded_up():
    assert overlay(np.uint8([[[0, 10, 255]]]), np.uint8([[[255, 13, 0]]]), 0.5).tolist() == [
        [[128, 12, 128]]
    ]


def test_png_loses_nothing():
    pixels = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)

    assert np.array_equal(np.asarray(PillowImage.open(io.BytesIO(encode_png(pixels)))), pixels)


@pytest.mark.parametrize(
    "value", [["#000000", "#ff0000"], [[0, 0, 0], [255, 0, 0]], {"1": "#ff0000"}]
)
def test_a_palette_may_be_json(value):
    assert palette_from_file(json.dumps(value).encode()) == ("#000000", "#ff0000")


def test_a_palette_may_be_that_of_a_palette_png():
    picture = PillowImage.new("P", (1, 1))
    picture.putpalette([1, 2, 3, 4, 5, 6])
    file = io.BytesIO()
    picture.save(file, "PNG")

    assert palette_from_file(file.getvalue())[:2] == ("#010203", "#040506")


@pytest.mark.parametrize(
    "content",
    [b"", b"notes", b"{}", b"[]", b"[1]", b'["red"]', b"[[0, 0, 300]]", b'{"-1": "#000000"}',
     encode_png(np.zeros((1, 1, 3), np.uint8)), b"\x89PNG broken"],
)  # fmt: skip
def test_nonsense_is_no_palette(content):
    with pytest.raises(MaskError, match="palette"):
        palette_from_file(content)


# --- as saved by ----------------------------------------------------------------------------------


def saved(*rows, **decoding):
    values = np.array(rows, np.float32)[:, None, :]
    labels = decode_labels(values, Decoding(**decoding))
    colors = palette_colors(Display(), labels.num_classes)
    return {picture.label: picture for picture in saved_pictures(labels, values, colors)}


def test_ids_saved_as_gray_look_black_though_the_mask_is_right():
    assert saved([1, 0, 0], [0, 1, 0], [0, 0, 1])["ids as gray"].black_share == 1


def test_ids_times_255_wrap_around_in_uint8():
    picture = saved([1, 0, 0], [0, 1, 0], [0, 0, 1])["ids x 255"].picture

    assert picture.tolist() == [[0, 255, 254]]


def test_probabilities_cast_to_uint8_are_black():
    assert saved([5, 5], [0, 0])["probabilities"].picture.max() == 0


def test_ids_spread_over_gray_reach_white():
    assert saved([1, 0, 0], [0, 1, 0], [0, 0, 1])["ids spread over gray"].picture.tolist() == [
        [0, 127, 255]
    ]


def test_a_colored_mask_is_black_only_where_its_color_is():
    assert saved([1, 0], [0, 1])["colored"].black_share == 0.5
