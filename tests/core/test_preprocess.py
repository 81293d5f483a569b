"""Picture to tensor: equal to torchvision where the two overlap, and told where not."""

import numpy as np
import pytest
import torch
from PIL import Image as PillowImage
from torchvision.transforms import v2 as transforms

from core.errors import SettingsError
from core.image import decode_image
from core.preprocess import channel_histograms, preprocess
from core.presets import IMAGENET_MEAN, IMAGENET_STD, PRESETS, apply_preset
from core.settings import Preprocessing, Settings
from tests.conftest import png
from tests.core.image.test_decode import encoded


def picture(height=37, width=53, seed=0):
    rng = np.random.default_rng(seed)
    return decode_image(png(rng.integers(0, 256, (height, width, 3))))


def as_tensor(image):
    return torch.from_numpy(image.pixels.copy()).permute(2, 0, 1).float() / 255


def difference(tensor, expected):
    return float((tensor.tensor[0] - expected).abs().max())


def test_plain_zero_to_one_is_totensor():
    image = picture()

    assert difference(preprocess(image, Preprocessing()), as_tensor(image)) <= 1e-6


@pytest.mark.parametrize("resize", ["none", "fixed", "shorter"])
@pytest.mark.parametrize("interpolation", ["bilinear", "bilinear-no-antialias", "bicubic"])
def test_resize_and_normalize_equal_torchvision(resize, interpolation):
    image = picture()
    size = {"none": [37, 53], "fixed": [20, 31], "shorter": 24}[resize]
    mode = {"bicubic": transforms.InterpolationMode.BICUBIC}.get(
        interpolation, transforms.InterpolationMode.BILINEAR
    )
    expected = transforms.Compose(
        [
            transforms.Resize(size, mode, antialias=interpolation != "bilinear-no-antialias"),
            transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD),
        ]
    )(as_tensor(image))
    chosen = Preprocessing(
        mean=IMAGENET_MEAN, std=IMAGENET_STD, resize=resize, interpolation=interpolation,
        height=20, width=31, side=24,
    )  # fmt: skip

    assert difference(preprocess(image, chosen), expected) <= 2e-6


def test_bgr_is_rgb_with_the_channels_reversed():
    image = picture()

    rgb, bgr = preprocess(image, Preprocessing()), preprocess(image, Preprocessing(color="bgr"))

    assert torch.equal(bgr.tensor, rgb.tensor.flip(1))


def test_gray_is_pillows_luma_on_one_channel():
    image = picture()
    luma = np.asarray(PillowImage.fromarray(image.pixels).convert("L"))

    gray = preprocess(image, Preprocessing(color="gray", scale="1"))

    assert gray.values.tolist() == [luma.astype(np.float32).tolist()]


def test_caffe_subtracts_its_means_in_bgr():
    image = decode_image(png([[[10, 20, 30]]]))

    tensor = preprocess(image, apply_preset(Settings(), "caffe").preprocessing)

    assert tensor.values.ravel() == pytest.approx([30 - 103.939, 20 - 116.779, 10 - 123.68])


def test_a_second_division_comes_after_mean_and_std():
    image = decode_image(png([[[255, 255, 255]]]))
    chosen = Preprocessing(mean=(0.5,) * 3, std=(0.25,) * 3, divide_again=10)

    assert preprocess(image, chosen).values.ravel() == pytest.approx([0.2] * 3)


def test_the_z_score_of_a_picture_has_mean_0_and_std_1():
    values = preprocess(picture(), Preprocessing(zscore=True)).values

    assert values.mean(axis=(1, 2)) == pytest.approx([0] * 3, abs=1e-5)
    assert values.std(axis=(1, 2)) == pytest.approx([1] * 3, abs=1e-5)


def test_a_multiple_pads_with_black_at_the_bottom_and_at_the_right():
    tensor = preprocess(picture(30, 40), Preprocessing(resize="multiple", multiple=32))

    assert tensor.tensor.shape == (1, 3, 32, 64)
    assert tensor.content == (30, 40)
    assert tensor.base[30:].max() == 0
    assert tensor.base[:, 40:].max() == 0
    assert tensor.notes == ("padded 40 x 30 to 64 x 32 with black",)


def test_a_letterbox_keeps_the_aspect_and_has_bars_of_its_color_on_both_sides():
    chosen = Preprocessing(resize="letterbox", height=60, width=80, pad_color=9)
    tensor = preprocess(picture(20, 40), chosen)

    assert tensor.tensor.shape == (1, 3, 60, 80)
    assert (tensor.content, tensor.corner) == ((40, 80), (10, 0))
    assert (tensor.base[:10] == 9).all()
    assert (tensor.base[50:] == 9).all()
    assert (
        tensor.unpadded
        == preprocess(picture(20, 40), Preprocessing(resize="fixed", height=40, width=80)).values
    ).all()
    assert tensor.notes[1] == "padded 80 x 40 to 80 x 60 with bars of 9"


def test_the_z_score_of_a_letterbox_does_not_count_its_bars():
    chosen = Preprocessing(resize="letterbox", height=90, width=60, zscore=True)

    assert preprocess(picture(30, 40), chosen).unpadded.mean(axis=(1, 2)) == pytest.approx(
        [0] * 3, abs=1e-5
    )


TURNED = {
    "90": lambda pixels: np.rot90(pixels, 1),
    "180": lambda pixels: np.rot90(pixels, 2),
    "270": lambda pixels: np.rot90(pixels, 3),
    "mirrored": lambda pixels: pixels[:, ::-1],
    "flipped": lambda pixels: pixels[::-1],
    "transposed": lambda pixels: pixels.swapaxes(0, 1),
    "transversed": lambda pixels: np.rot90(pixels, 2).swapaxes(0, 1),
}


@pytest.mark.parametrize("orientation", TURNED)
def test_each_orientation_is_fed_as_it_is_called(orientation):
    chosen = Preprocessing(orientation=orientation, scale="1")
    wanted = TURNED[orientation](picture(3, 5).pixels)

    tensor = preprocess(picture(3, 5), chosen)

    assert (tensor.values.transpose(1, 2, 0) == wanted).all()
    assert tensor.content == wanted.shape[:2]


@pytest.mark.parametrize(
    ("resize", "size"), [("shorter", (100, 200)), ("longer", (50, 100)), ("fixed", (20, 30))]
)
def test_each_resize_gives_its_size(resize, size):
    chosen = Preprocessing(resize=resize, side=100, height=20, width=30)

    assert preprocess(picture(40, 80), chosen).tensor.shape[2:] == size


@pytest.mark.parametrize("name", PRESETS)
def test_gain_and_offset_say_how_the_tensor_came_about(name):
    tensor = preprocess(picture(), apply_preset(Settings(), name).preprocessing)
    again = tensor.base * np.array(tensor.gain) + np.array(tensor.offset)

    assert np.allclose(again.transpose(2, 0, 1), tensor.values, rtol=1e-6, atol=1e-6)


def test_16_bit_samples_are_fed_as_they_are_when_asked_for():
    image = decode_image(encoded(PillowImage.fromarray(np.array([[65535]], np.uint16))))

    assert preprocess(image, Preprocessing(depth="file", scale="65535")).values.max() == 1
    assert preprocess(image, Preprocessing(depth="file", scale="1")).values.max() == 65535


def test_the_pictures_own_maximum_becomes_1():
    image = decode_image(png([[[50, 100, 25]]]))

    assert preprocess(image, Preprocessing(scale="max")).values.ravel().tolist() == [0.5, 1, 0.25]


def test_float16_overflows_where_float16_does():
    image = decode_image(png([[[255, 255, 255]]]))
    chosen = Preprocessing(scale="1", std=(0.001,) * 3, dtype="float16")

    assert preprocess(image, chosen).tensor.dtype == torch.float16
    assert preprocess(image, chosen).tensor.isinf().all()


@pytest.mark.parametrize(
    ("chosen", "says"),
    [
        (Preprocessing(std=(1, 0, 1)), "channel G is 0"),
        (Preprocessing(color="bgr", std=(0, 1, 1)), "channel B is 0"),
        (Preprocessing(zscore=True), "constant"),
    ],
)
def test_a_std_of_zero_is_refused_with_the_channels_name(chosen, says):
    with pytest.raises(SettingsError, match=says):
        preprocess(decode_image(png(np.full((3, 3, 3), 9))), chosen)


def test_a_gray_tensor_does_not_care_for_the_other_channels_std():
    image = decode_image(png([[[9, 9, 9]]]))

    assert preprocess(image, Preprocessing(color="gray", std=(1, 0, 0))).tensor.shape[1] == 1


def test_a_size_over_the_limit_is_refused():
    image = decode_image(png(np.zeros((1, 9000, 3))))

    with pytest.raises(SettingsError, match="megapixels"):
        preprocess(image, Preprocessing(resize="shorter", side=4000))


def test_the_histogram_counts_every_value_of_the_picture_once_and_no_padding():
    tensor = preprocess(picture(30, 40), Preprocessing(resize="multiple", multiple=64))

    assert channel_histograms(tensor).counts.sum(axis=1).tolist() == [1200] * 3
