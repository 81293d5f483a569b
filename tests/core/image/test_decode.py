"""Bytes to picture: every mode, everything told, every bad file a sentence."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image as PillowImage

from core.errors import ImageError
from core.image import ImageLimits, decode_image
from tests.conftest import png

RED, BLUE = [255, 0, 0], [0, 0, 255]


def encoded(picture, kind="PNG", **options):
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def two_pixels(mode):
    return PillowImage.fromarray(np.array([[RED, BLUE]], np.uint8)).convert(mode)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
def test_lossless_formats_give_exactly_their_pixels(kind):
    image = decode_image(encoded(two_pixels("RGB"), kind))

    assert image.pixels.tolist() == [[RED, BLUE]]
    assert image.facts.format == kind


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "GIF"])
def test_lossy_formats_are_decoded_as_pillow_does(kind):
    content = encoded(PillowImage.new("RGB", (8, 8), (90, 120, 30)), kind)
    expected = np.asarray(PillowImage.open(io.BytesIO(content)).convert("RGB"))

    assert np.array_equal(decode_image(content).pixels, expected)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
def test_every_8_bit_mode_becomes_rgb(mode):
    kind = "TIFF" if mode == "CMYK" else "PNG"
    image = decode_image(encoded(two_pixels(mode), kind))

    assert image.pixels.dtype == np.uint8
    assert image.pixels.shape == (1, 2, 3)
    assert image.samples is image.pixels
    assert image.facts.mode == mode


def test_a_12_bit_picture_in_16_bit_is_windowed_to_its_12_bits_and_keeps_its_samples():
    content = encoded(PillowImage.fromarray(np.array([[0, 4000]], np.uint16)))

    image = decode_image(content)

    assert image.samples[0, :, 0].tolist() == [0, 4000]
    assert image.pixels[0, :, 0].tolist() == [0, round(4000 * 255 / 4095)]
    assert image.facts.window == (0, 4095)
    assert any("4095" in note for note in image.facts.notes)


def test_a_float_picture_in_0_to_1_is_windowed_to_0_to_1():
    image = decode_image(encoded(PillowImage.fromarray(np.array([[0, 0.5]], np.float32)), "TIFF"))

    assert image.pixels[0, :, 0].tolist() == [0, 128]
    assert image.facts.bits == 32


def test_a_float_picture_of_not_a_number_is_shown_as_zero():
    content = encoded(PillowImage.fromarray(np.full((1, 2), np.nan, np.float32)), "TIFF")

    assert decode_image(content).pixels.max() == 0


def test_transparency_is_composited_on_the_stated_color_and_told():
    clear = PillowImage.new("RGBA", (1, 1), (255, 0, 0, 0))

    image = decode_image(encoded(clear), background=(1, 2, 3))

    assert image.pixels.tolist() == [[[1, 2, 3]]]
    assert image.facts.alpha
    assert any("composited" in note for note in image.facts.notes)


def test_an_opaque_alpha_channel_is_no_transparency():
    assert not decode_image(encoded(two_pixels("RGBA"))).facts.alpha


def test_exif_orientation_turns_the_picture_and_is_told():
    exif = PillowImage.Exif()
    exif[0x0112] = 6
    content = encoded(PillowImage.new("RGB", (4, 2)), "JPEG", exif=exif)

    image = decode_image(content)

    assert image.pixels.shape == (4, 2, 3)
    assert any("turned by 90" in note for note in image.facts.notes)


def test_of_an_animation_the_first_frame_is_shown_and_this_is_told():
    frames = [PillowImage.new("L", (2, 2), gray) for gray in (0, 100, 200)]
    content = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])

    assert "first of several frames" in decode_image(content).facts.notes


def test_a_picture_of_one_pixel_is_a_picture():
    assert decode_image(png([[[1, 2, 3]]])).pixels.tolist() == [[[1, 2, 3]]]


def test_the_arrays_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        decode_image(png([[[1, 2, 3]]])).pixels[0, 0, 0] = 9


def with_size(width, height):
    """A PNG whose header promises this size."""
    content = bytearray(png([[[0, 0, 0]]]))
    content[16:24] = struct.pack(">II", width, height)
    content[29:33] = struct.pack(">I", zlib.crc32(bytes(content[12:29])))
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (png(np.full((99, 99, 3), 7))[:80], "not complete"),
        (bytes(range(256)) * 9, "not a picture"),
        (b"PK\x03\x04" + bytes(99), "ZIP"),
        (b"my notes", "text"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"%PDF-1.7", "PDF"),
        (b"8BPS" + bytes(99), "Photoshop"),
        (with_size(60_000, 60_000), "60000 x 60000"),
        (with_size(0, 5), "picture"),
    ],
)
def test_a_bad_file_gets_a_sentence_and_a_next_step(content, says):
    with pytest.raises(ImageError, match=says) as caught:
        decode_image(content)

    assert caught.value.remedy


def test_too_many_bytes_are_refused_before_decoding():
    with pytest.raises(ImageError, match="too large"):
        decode_image(png([[[0, 0, 0]]]), limits=ImageLimits(num_bytes=10))
