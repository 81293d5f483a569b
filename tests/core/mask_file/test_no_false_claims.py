"""Files with which nothing is wrong, and that look as if something were: nothing is claimed."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

from core.mask_file import inspect_mask
from tests.core.mask_file.drawing import file_of, photo, regions

HUES = np.array([[255, 0, 0], [204, 255, 0], [0, 255, 102], [0, 102, 255], [204, 0, 255]], np.uint8)
LIP = np.array([[0, 0, 0], [170, 0, 51], [255, 85, 0], [0, 119, 221]], np.uint8)


def faults(content):
    return [finding.kind_id for finding in inspect_mask(content).faults]


def with_a_legend():
    image = Image.fromarray(LIP[regions(0, 1, 2, 3, side=160)])
    ImageDraw.Draw(image).text((10, 10), "cup, plate, desk", fill="white")
    return image


@pytest.mark.parametrize("kind", ["PNG", "GIF", "TIFF"])
def test_even_hues_are_no_palette_in_bgr_and_no_color_map(kind):
    drawn = Image.fromarray(HUES[regions(0, 1, 2, 3, 4, side=120)])
    drawn = drawn.convert("P", palette=Image.Palette.ADAPTIVE) if kind == "GIF" else drawn

    assert faults(file_of(drawn, kind)) == []


def test_a_legend_in_a_mask_is_no_trace_of_jpeg():
    assert faults(file_of(with_a_legend())) == []


@pytest.mark.parametrize("bits", [3, 4])
def test_a_posterized_photo_has_no_values_between_classes(bits):
    assert faults(file_of(ImageOps.posterize(Image.fromarray(photo()), bits))) == []


def test_pure_colors_beside_a_photo_are_no_logits():
    pure = np.array([[255, 0, 0], [0, 255, 0], [255, 255, 0], [0, 255, 255]], np.uint8)
    both = np.concatenate([photo(), pure[regions(0, 1, 2, 3, side=96)]], axis=1)

    assert faults(file_of(both)) == []


def test_a_mask_that_was_resized_is_still_told():
    small = Image.fromarray(LIP[regions(0, 1, 2, 3, side=160)])

    assert "resized" in faults(file_of(small.resize((300, 300), Image.Resampling.BILINEAR)))
