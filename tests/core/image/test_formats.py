"""Pictures that people have: what phones, archives, scripts, cameras and satellites write."""

import io
import sys
import tracemalloc

import numpy as np
import pytest
import tifffile
from PIL import Image as PillowImage

from core.errors import ImageError
from core.image import Raster, decode_image, window
from core.image.decode import image_of
from core.scores import decode_truth
from tests.core.image.test_decode import encoded

RANDOM = np.random.default_rng(0)
COLORS = RANDOM.integers(0, 256, (24, 32, 3)).astype(np.uint8)
DEEP = RANDOM.integers(0, 65536, (24, 32, 4)).astype(np.uint16)
DEEP[0, 0] = 65535  # so that the window is the whole type


def tiff(values, **options):
    file = io.BytesIO()
    tifffile.imwrite(file, values, **options)
    return file.getvalue()


def npy(values):
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


def smooth():
    ramp = np.linspace(0, 200, 32)[None, :, None] + np.arange(24)[:, None, None]
    return np.repeat(ramp, 3, axis=2).astype(np.uint8)


@pytest.mark.parametrize(("kind", "apart"), [("AVIF", 8), ("JPEG2000", 0), ("HEIF", 8)])
def test_pictures_of_phones_and_archives_open(kind, apart):
    if kind == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    content = encoded(PillowImage.fromarray(smooth()), kind)

    pixels = decode_image(content).pixels

    assert np.abs(pixels.astype(int) - smooth()).max() <= apart


def test_a_heic_picture_without_its_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)

    with pytest.raises(ImageError, match="HEIC") as caught:
        decode_image(b"\0\0\0\x18ftypheic" + bytes(99))

    assert caught.value.code == "pip install pillow-heif"


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (COLORS, "24 x 32 x 3, read as h w c"),
        (COLORS.transpose(2, 0, 1), "3 x 24 x 32, read as c h w"),
        (COLORS.transpose(2, 0, 1)[None], "1 x 3 x 24 x 32, read as c h w"),
        (np.asfortranarray(COLORS), "24 x 32 x 3, read as h w c"),
        (COLORS.astype(np.int64), "0 .. 255"),
        ((COLORS / 255).astype(np.float64), "0 .. 1 as 0 .. 255"),
        (COLORS.astype(">f4"), "0 .. 255 as 0 .. 255"),
    ],
)
def test_an_array_of_numpy_is_a_picture_and_its_arrangement_is_told(values, told):
    image = decode_image(npy(values))

    assert np.array_equal(image.pixels, COLORS)
    assert any(told in note for note in image.facts.notes)


def test_a_gray_array_is_gray_and_as_a_truth_it_is_ids():
    ids = RANDOM.integers(0, 5, (24, 32)).astype(np.int64)

    assert np.array_equal(decode_image(npy(ids)).pixels[..., 0], ids)
    assert np.array_equal(decode_truth(npy(ids), None, (24, 32)).ids, ids)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (npy(np.array([{}], dtype=object)), "type object"),
        (npy(np.zeros((4, 4), complex)), "complex"),
        (npy(np.zeros(7)), "shape 7"),
        (npy(np.zeros((2, 3, 8, 8))), "shape 2 x 3 x 8 x 8"),
        (npy(COLORS)[:-9], "damaged"),
        (npy(np.zeros((0, 5))), "no pixels"),
        (npy(np.zeros((99, 99, 99))), "bands"),
    ],
)
def test_an_array_that_is_no_picture_says_why(content, says):
    with pytest.raises(ImageError, match=says):
        decode_image(content)


def test_floats_that_look_normalized_are_told():
    image = decode_image(npy(RANDOM.normal(size=(24, 32, 3)).astype(np.float32)))

    assert any("perhaps normalized already" in note for note in image.facts.notes)


# --- colors of more than 8 bits -------------------------------------------------------------------


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("planes", ["contig", "separate"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_colors_of_16_bits_keep_all_of_them(compression, planes, byteorder):
    values = DEEP[..., :3] if planes == "contig" else DEEP[..., :3].transpose(2, 0, 1)
    options = {"compression": compression, "planarconfig": planes, "byteorder": byteorder}

    image = decode_image(tiff(values, photometric="rgb", **options))

    assert np.array_equal(image.samples, DEEP[..., :3])
    assert image.facts.bits == 16


def test_a_png_of_16_bit_colors_keeps_all_of_them(deep_png):
    image = decode_image(deep_png(DEEP[..., :3]))

    assert np.array_equal(image.samples, DEEP[..., :3])


def test_gray_of_16_bits_with_opacity_keeps_all_of_them(deep_png):
    values = DEEP[..., :2].copy()
    values[..., 1] = 65535

    image = decode_image(deep_png(values))

    assert np.array_equal(image.samples[..., 0], values[..., 0])
    assert not image.facts.alpha


def test_transparency_of_16_bits_is_composited(deep_png):
    values = DEEP.copy()
    values[..., 3] = 65535
    values[0, 0, 3] = 0

    image = decode_image(deep_png(values))

    assert image.facts.alpha
    assert image.samples[0, 0].tolist() == [65535] * 3
    assert np.array_equal(image.samples[1:], values[1:, :, :3])


@pytest.fixture
def deep_png():
    """Writes what Pillow cannot: 16-bit RGB and RGBA, rows without a filter."""
    from tests.core.image.test_damage import END, with_chunks

    def write(values):
        import struct
        import zlib

        height, width, channels = values.shape
        kind = {2: 4, 3: 2, 4: 6}[channels]
        rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
        header = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
        return with_chunks((b"IHDR", header), (b"IDAT", zlib.compress(rows)), END)

    return write


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_fewer_bits_in_16_are_found_by_their_maximum_and_told(bits):
    values = (DEEP[..., :3] >> (16 - bits)).astype(np.uint16)

    image = decode_image(tiff(values, photometric="rgb"))

    assert image.facts.window == (0, 2**bits - 1)
    assert np.abs(image.pixels - values * (255 / (2**bits - 1))).max() <= 0.5
    assert any(f"{bits} bits in 16" in note for note in image.facts.notes)


@pytest.mark.parametrize("largest", [1, 255])
def test_colors_in_floats_open_with_the_range_that_is_meant(largest):
    image = decode_image(tiff((COLORS / 255 * largest).astype(np.float32), photometric="rgb"))

    assert np.array_equal(image.pixels, COLORS)
    assert image.facts.window == (0, largest)


def test_floats_in_another_range_are_shown_over_their_own_and_told():
    image = decode_image(tiff((COLORS * 40.0).astype(np.float32), photometric="rgb"))

    assert image.facts.window == (0, 10200)
    assert any("floats of 0 .. 1.02e+04" in note for note in image.facts.notes)


# --- bands ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"photometric": "rgb"},  # tifffile declares the fourth as opacity, asked or not
        {"photometric": "rgb", "extrasamples": ["unspecified"]},
        {"photometric": "rgb", "extrasamples": ["unspecified"], "compression": "zlib"},
        {"photometric": "minisblack", "planarconfig": "contig"},
    ],
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_fourth_band_is_no_transparency(options, dtype):
    values = (DEEP >> 8).astype(np.uint8) if dtype == np.uint8 else DEEP
    image = decode_image(tiff(values, **options))

    assert np.array_equal(image.samples, values[..., :3])
    assert not image.facts.alpha
    assert image.facts.bands == 4
    assert any("4 bands: 1, 2, 3 are taken as red, green, blue" in n for n in image.facts.notes)


def test_a_fourth_band_that_says_alpha_and_looks_like_it_is_transparency():
    values = DEEP.copy()
    values[..., 3] = 65535
    values[:2, :, 3] = 0

    image = decode_image(tiff(values, photometric="rgb", extrasamples=["unassalpha"]))

    assert image.facts.alpha
    assert image.samples[0, 0].tolist() == [65535] * 3


@pytest.mark.parametrize("count", [5, 13])
def test_other_bands_can_be_chosen(count):
    values = RANDOM.integers(0, 4096, (24, 32, count)).astype(np.uint16)
    content = tiff(values, photometric="minisblack", planarconfig="contig")

    image = decode_image(content, bands=(5, 1, 2))

    assert np.array_equal(image.samples, values[..., [4, 0, 1]])
    assert image.facts.chosen == (5, 1, 2)
    assert image.digest != decode_image(content).digest


def test_where_a_band_is_not_there_the_first_three_are_taken_and_told():
    image = decode_image(tiff(DEEP, photometric="rgb"), bands=(7, 1, 2))

    assert np.array_equal(image.samples, DEEP[..., :3])
    assert image.facts.chosen == (1, 2, 3)
    assert any("there is no band 7" in note for note in image.facts.notes)


def test_a_picture_of_three_channels_has_nothing_to_choose():
    content = encoded(PillowImage.fromarray(COLORS))

    assert np.array_equal(decode_image(content, bands=(4, 1, 2)).pixels, COLORS)


def test_two_bands_are_gray_by_the_first():
    image = decode_image(tiff(DEEP[..., :2], photometric="minisblack", planarconfig="contig"))

    assert np.array_equal(image.samples, np.repeat(DEEP[..., :1], 3, axis=2))


def test_a_deep_picture_takes_little_more_memory_than_its_numbers(monkeypatch):
    monkeypatch.setattr(window, "AT_ONCE", 2**12)
    values = np.full((600, 500, 4), 40_000, np.uint16)
    tracemalloc.start()
    try:
        image = image_of(Raster(values, "PNG", "RGBA;16", alpha=True), "digest")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert image.samples[0, 0, 0] == round(40_000 * 40_000 / 65535 + 65535 - 40_000)
    assert peak < 1.5 * (image.samples.nbytes + image.pixels.nbytes)


# --- what else lies in the files of people --------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        COLORS,
        COLORS.astype(np.uint16) * 257,
        COLORS.astype(np.float32),
        np.dstack([COLORS, COLORS[..., :1]]),
    ],
)
def test_a_tiff_is_turned_upright_once_and_that_is_told(values):
    image = decode_image(tiff(values, photometric="rgb", extratags=[(274, 3, 1, 6, True)]))

    assert np.array_equal(image.pixels, np.rot90(COLORS, -1))
    assert any("turned by 90" in note for note in image.facts.notes)


@pytest.mark.parametrize("compression", ["webp", "jpeg2000", "zstd", "lerc"])
def test_a_tiff_in_a_compression_that_pillow_lacks_opens(compression):
    pytest.importorskip("imagecodecs")
    options = {"compressionargs": {"level": 101}} if compression == "webp" else {}  # lossless

    image = decode_image(tiff(COLORS, photometric="rgb", compression=compression, **options))

    assert np.array_equal(image.pixels, COLORS)


@pytest.mark.parametrize(
    "tags",
    [
        {"subfiletype": 1, "extratags": [(271, 2, 0, "NIKON", True)]},
        {"extratags": [(50706, 1, 4, (1, 4, 0, 0), True)]},
    ],
)
def test_the_preview_in_a_cameras_raw_file_is_not_taken_for_the_picture(tags):
    with pytest.raises(ImageError, match="raw picture"):
        decode_image(tiff(COLORS, photometric="rgb", **tags))


@pytest.mark.parametrize("odd", [np.nan, np.inf, -3.4028235e38])
def test_numbers_that_no_sensor_gives_neither_set_the_window_nor_pass_in_silence(odd):
    values = COLORS.astype(np.float32)
    values[:12] = odd

    image = decode_image(tiff(values, photometric="rgb"))

    assert np.array_equal(image.pixels[12:], COLORS[12:]) and not image.pixels[:12].any()
    assert any("50.0% of the samples are no numbers" in note for note in image.facts.notes)


@pytest.mark.parametrize("kind", [np.float32, np.int16, np.uint16])
def test_what_the_file_calls_no_data_is_told_and_does_not_set_the_window(kind):
    values = COLORS.astype(kind)
    values[:6] = absent = 9999
    extra = [(42113, 2, 0, str(absent), True)]

    image = decode_image(tiff(values, photometric="rgb", extratags=extra))

    assert np.array_equal(image.pixels[6:], COLORS[6:])
    assert any("25.0% of the samples are 9999, no data" in note for note in image.facts.notes)


def test_a_picture_that_is_transparent_everywhere_shows_its_colors():
    clear = np.dstack([COLORS, np.zeros_like(COLORS[..., :1])])
    image = decode_image(encoded(PillowImage.fromarray(clear)))

    assert np.array_equal(image.pixels, COLORS) and not image.facts.alpha
    assert any("fully transparent" in note for note in image.facts.notes)


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_the_simplest_of_formats_opens(mode):
    picture = PillowImage.fromarray(COLORS).convert(mode)

    assert np.array_equal(
        decode_image(encoded(picture, "PPM")).pixels, np.array(picture.convert("RGB"))
    )


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\0\0\0\x18ftypmp42" + bytes(99), "a film .MP4"),
        (b"\0\0\0\x18ftypcrx " + bytes(99), "raw picture .CR3"),
        (bytes(128) + b"DICM" + bytes(99), "a DICOM file"),
        (b"\x76\x2f\x31\x01" + bytes(99), "OpenEXR"),
        (b"<!DOCTYPE html><html></html>", "a web page"),
        (b'{"version": "5.2", "shapes": []}', "polygons .labelme"),
        (b'{"annotations": [{"segmentation": []}]}', "polygons .COCO"),
        (b"<annotation><object/></annotation>", "boxes"),
    ],
)
def test_what_is_no_picture_is_named(content, says):
    with pytest.raises(ImageError, match=says):
        decode_image(content)
