"""A picture that is too large is told with a size that fits, and a copy of that size can be had."""

import io

import numpy as np
import pytest
from PIL import Image as PillowImage

from core.errors import ImageError
from core.image import ImageLimits, read_guarded, read_raster
from tests.core.image.test_decode import encoded
from tests.core.image.test_formats import npy

LITTLE = ImageLimits(pixels=600, side=40)


def picture(width=60, height=30, mode="RGB"):
    """Red on the left, blue on the right."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, : width // 2, 0] = pixels[:, width // 2 :, 2] = 255
    return PillowImage.fromarray(pixels).convert(mode)


def test_a_picture_that_is_too_large_is_told_with_the_size_that_fits():
    with pytest.raises(ImageError, match=r"60 x 30 pixels.* 34 x 17 fits") as caught:
        read_raster(encoded(picture()), LITTLE)

    assert caught.value.smaller == (34, 17)


def test_a_side_that_is_too_long_is_told_too():
    with pytest.raises(ImageError) as caught:
        read_raster(encoded(picture(80, 2)), LITTLE)

    assert caught.value.smaller == (40, 1)


def test_12000_x_9000_pixels_are_told_the_same():
    content = encoded(PillowImage.new("1", (12_000, 9_000)))
    with pytest.raises(ImageError, match="5773 x 4330 fits"):
        read_guarded(content)


@pytest.mark.parametrize("file", [encoded(picture(), "TIFF"), npy(np.zeros((30, 60)))])
def test_where_no_copy_can_be_made_none_is_offered(file):
    with pytest.raises(ImageError, match="too large") as caught:
        read_raster(file, LITTLE)

    assert caught.value.smaller is None


def test_what_would_take_too_much_memory_to_decode_is_not_offered_either():
    with pytest.raises(ImageError) as caught:
        read_raster(encoded(picture()), ImageLimits(pixels=600, shrunk=1000))

    assert caught.value.smaller is None


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP"])
def test_the_copy_shows_the_same(kind):
    copy = read_guarded(encoded(picture(), kind), (20, 10))

    assert copy.values.shape == (10, 20, 3)
    np.testing.assert_allclose(copy.values[:, :8], [[[255, 0, 0]] * 8] * 10, atol=40)
    np.testing.assert_allclose(copy.values[:, 12:], [[[0, 0, 255]] * 8] * 10, atol=40)


@pytest.mark.parametrize(("mode", "kept"), [("L", "L"), ("P", "RGB"), ("RGBA", "RGBA")])
def test_gray_and_opacity_stay(mode, kept):
    assert read_guarded(encoded(picture(mode=mode)), (20, 10)).mode == kept


def test_a_copy_of_a_photograph_that_lies_on_its_side_stands():
    exif = PillowImage.Exif()
    exif[0x0112] = 6  # is to be turned right by 90 degrees
    content = encoded(picture(), "JPEG", exif=exif)
    copy = read_guarded(content, (20, 10))

    assert (copy.values.shape, copy.orientation) == ((20, 10, 3), 1)
    assert copy.values[0, 5, 0] > 200  # what was on the left is on top
    assert np.array_equal(read_guarded(content, (10, 20)).values, copy.values)


def test_a_deep_picture_is_not_made_shallow():
    file = io.BytesIO()
    PillowImage.fromarray(np.zeros((4, 4), np.uint16)).save(file, "PNG")
    with pytest.raises(ImageError, match="No smaller copy"):
        read_guarded(file.getvalue(), (2, 2))


def test_a_damaged_file_gets_its_sentence():
    content = bytearray(encoded(picture()))
    content[-20] ^= 1
    with pytest.raises(ImageError, match="damaged"):
        read_guarded(bytes(content), (20, 10))
