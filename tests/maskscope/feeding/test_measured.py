"""What a preprocessing function does is measured: libraries, functions of one's own, and faults."""

import albumentations
import numpy as np
import pytest
import torch
from albumentations.pytorch import ToTensorV2
from PIL import Image
from torchvision import transforms
from torchvision.models.segmentation import DeepLabV3_ResNet50_Weights
from torchvision.transforms import v2
from transformers import SegformerImageProcessor

from core.presets import IMAGENET_MEAN as MEAN
from core.presets import IMAGENET_STD as STD
from maskscope.errors import PreprocessError
from maskscope.feeding.measured import measure_feeding
from maskscope.picture import open_picture
from tests.support.living import picture

PIXELS = np.ascontiguousarray(picture()[:120, :160])
PICTURE = Image.fromarray(PIXELS)
M, S = np.float32(MEAN), np.float32(STD)
RAMP = np.tile(np.arange(160, dtype=np.uint8), (120, 1))


def measured(function, given=PICTURE):
    return measure_feeding(function, given, open_picture(given)[0])


def planes(pixels):
    return torch.from_numpy(np.ascontiguousarray(pixels.astype(np.float32).transpose(2, 0, 1)))


def numbers(feeding):
    """Scale, mean, std, second division and order of what was measured."""
    names = ("scale", "mean", "std", "divide_again", "color")
    return {name: feeding.changes[name] for name in names}


def gain_and_offset(feeding):
    """Float64[c] each, of the channel that each is made of."""
    gain = feeding.affine.gain
    return gain[np.arange(len(gain)), np.abs(gain).argmax(axis=1)], feeding.affine.offset


# --- what libraries do ----------------------------------------------------------------------------

LIBRARIES = {
    "torchvision v1": (
        transforms.Compose([transforms.ToTensor(), transforms.Normalize(MEAN, STD)]), PICTURE,
    ),
    "torchvision v2": (
        v2.Compose(
            [v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)]
        ), PICTURE,
    ),
    "torchvision, resized": (
        transforms.Compose(
            [transforms.Resize((96, 96)), transforms.ToTensor(), transforms.Normalize(MEAN, STD)]
        ), PICTURE,
    ),
    "torchvision's own of DeepLabV3": (DeepLabV3_ResNet50_Weights.DEFAULT.transforms(), PICTURE),
    "Albumentations": (
        albumentations.Compose([albumentations.Normalize(MEAN, STD), ToTensorV2()]), PIXELS,
    ),
    "Albumentations, resized and padded": (
        albumentations.Compose(
            [albumentations.LongestMaxSize(128),
             albumentations.PadIfNeeded(128, 128, border_mode=0),
             albumentations.Normalize(MEAN, STD), ToTensorV2()]
        ), PIXELS,
    ),
    "SegformerImageProcessor": (
        SegformerImageProcessor(size={"height": 128, "width": 128}), PICTURE,
    ),
    "a function on cv2's array": (lambda x: planes((x / 255 - M) / S), PIXELS),
}  # fmt: skip


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_affine_map_of_a_library_is_measured_to_one_in_ten_thousand(library):
    gain, offset = gain_and_offset(measured(*LIBRARIES[library]))

    assert np.allclose(gain, 1 / (255 * S), rtol=1e-4, atol=0)
    assert np.allclose(offset, -M / S, rtol=1e-4, atol=0)


@pytest.mark.parametrize("library", LIBRARIES)
def test_its_numbers_are_told_as_people_write_them(library):
    wanted = {"scale": "255", "mean": MEAN, "std": STD, "divide_again": 1.0, "color": "rgb"}

    assert numbers(measured(*LIBRARIES[library])) == wanted


@pytest.mark.parametrize("library", [name for name in LIBRARIES if "resized" not in name][:4])
def test_the_rebuilt_tensor_is_the_user_s_own_or_its_difference_is_told(library):
    feeding = measured(*LIBRARIES[library])

    assert feeding.is_rebuilt or "of its standard deviation" in " ".join(feeding.words)


# --- faults of functions --------------------------------------------------------------------------

FAULTS = {
    "BGR": (lambda x: planes(x[..., ::-1] / 255), {"color": "bgr", "scale": "255"}, "BGR"),
    "/255 twice": (lambda x: planes(x / 255 / 255), {"divide_again": 255.0}, "by 255 again"),
    "not divided": (lambda x: planes(x), {"scale": "1", "mean": (0, 0, 0)}, "pixels of 0 to 255"),
    "/255 twice, then ImageNet": (
        lambda x: planes((x / 255 / 255 - M) / S), {"scale": "255"}, "divided by 255 twice"),
    "ImageNet on bytes": (lambda x: planes((x - M) / S), {"scale": "1"}, "on pixels of 0 to 255"),
    "ImageNet twice": (
        lambda x: planes(((x / 255 - M) / S - M) / S), {"scale": "255"}, "applied twice"),
    "Caffe": (
        lambda x: planes(x[..., ::-1] - np.float32([103.939, 116.779, 123.68])),
        {"color": "bgr", "scale": "1", "mean": (103.939, 116.779, 123.68)}, "Caffe"),
    "by its own maximum": (lambda x: planes(x / x.max()), {"scale": "max"}, "own maximum"),
    "a z-score": (
        lambda x: planes((x - x.mean((0, 1))) / (x.std((0, 1)) + 1e-6)), {"zscore": True},
        "the picture's own mean and std"),
    "mirrored": (lambda x: planes(x[:, ::-1] / 255), {"orientation": "mirrored"}, "mirrored"),
    "rows and columns exchanged": (
        lambda x: planes(x.swapaxes(0, 1) / 255), {"orientation": "transposed"}, "transposed"),
    "turned": (lambda x: planes(np.rot90(x) / 255), {"orientation": "90"}, "orientation 90"),
    "padded": (
        lambda x: planes(np.pad(x, ((0, 8), (0, 0), (0, 0))) / 255),
        {"resize": "multiple", "multiple": 32}, "multiple of 32"),
    "half precision": (lambda x: planes(x / 255).half(), {"dtype": "float16"}, "float16"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_what_a_function_does_is_told_in_settings_and_words(fault):
    function, changes, words = FAULTS[fault]

    feeding = measured(function, PIXELS)

    assert {name: feeding.changes[name] for name in changes} == changes
    assert words in " ".join(feeding.words)
    assert feeding.is_rebuilt


def test_a_cropped_part_is_what_is_looked_at():
    feeding = measured(lambda x: planes(x[20:100, 40:120] / 255), PIXELS)

    assert feeding.crop == (20, 40, 100, 120)
    assert np.array_equal(feeding.picture.pixels, PIXELS[20:100, 40:120])
    assert feeding.is_rebuilt
    assert "only rows 20 to 100 and columns 40 to 120" in feeding.words[0]


def test_clahe_before_the_numbers_is_shown_as_the_picture():
    transform = albumentations.Compose(
        [albumentations.CLAHE(clip_limit=(4, 4), p=1), albumentations.Normalize(MEAN, STD)]
    )
    feeding = measured(transform, PIXELS)

    assert numbers(feeding)["mean"] == MEAN
    assert feeding.is_rebuilt
    assert "CLAHE" in feeding.words[-1]
    clahe = albumentations.CLAHE(clip_limit=(4, 4), p=1)(image=PIXELS)["image"]
    assert np.array_equal(feeding.picture.pixels, clahe)


def test_a_curve_is_told_to_be_none_of_ours():
    feeding = measured(lambda x: planes((x / 255) ** 0.4), PIXELS)

    assert not feeding.is_rebuilt
    assert "no affine map" in feeding.words[-1]


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda x: planes(x[..., [1, 2, 0]] / 255), "Its channels are GBR"),
        (lambda x: planes(np.repeat(x.mean(2, keepdims=True), 3, 2) / 255), "mixes the channels"),
        (lambda x: x.astype(np.float32) / 255, "height, width, channels"),
        (lambda x: torch.from_numpy(x.transpose(2, 0, 1).copy()), "It returns uint8"),
    ],
    ids=["another order", "gray three times", "channels last", "whole numbers"],
)
def test_what_no_setting_does_is_told(function, words):
    assert words in " ".join(measured(function, PIXELS).words)


# --- how it is called -----------------------------------------------------------------------------


def test_a_function_of_a_path_gets_one(tmp_path):
    path = tmp_path / "cup.png"
    PICTURE.save(path)

    def read(path):
        return planes(np.array(Image.open(path))[..., ::-1] / 255)

    assert measured(read, path).changes["color"] == "bgr"
    assert measured(read, path).is_rebuilt


def test_a_function_of_an_array_gets_one_though_the_picture_is_a_path(tmp_path):
    path = tmp_path / "cup.png"
    PICTURE.save(path)

    assert measured(lambda x: planes(x[..., ::-1] / 255), str(path)).changes["color"] == "bgr"


def test_a_gray_picture_is_fed_as_gray():
    feeding = measured(transforms.ToTensor(), Image.fromarray(RAMP))

    assert (feeding.changes["color"], feeding.changes["scale"]) == ("gray", "255")
    assert feeding.is_rebuilt


def test_luma_is_one_channel():
    function = transforms.Compose([transforms.Grayscale(), transforms.ToTensor()])

    assert measured(function).changes["color"] == "gray"


# --- what cannot be measured ----------------------------------------------------------------------


def nan(x):
    values = planes(x / 255)
    values[0, 0, 0] = np.nan
    return values


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (nan, "NaN or infinity for 0.0%"),
        (lambda x: torch.stack([planes(x)] * 4), "a batch of 4"),
        (lambda x: planes(x).flatten(), "the shape"),
        (lambda x: {"pixels": planes(x)}, "a dict with the entries pixels"),
        (lambda x: Image.fromarray(np.asarray(x)), "returns Image, not a tensor"),
        (lambda x: None, "returns NoneType"),
        (lambda x: 1 / 0, "ZeroDivisionError: division by zero"),
        (lambda x: planes(x) + torch.rand(1), "another tensor each time"),
        ("imagenet", "cannot be called"),
    ],
    ids=["NaN", "batch", "flat", "dict", "picture", "nothing", "raises", "random", "text"],
)
def test_what_is_no_tensor_of_one_picture_is_a_sentence_with_a_next_step(function, words):
    with pytest.raises(PreprocessError, match=words) as caught:
        measured(function, PIXELS)

    assert caught.value.remedy


def test_the_user_s_own_array_is_not_written_into():
    before = PIXELS.copy()

    def in_place(x):
        x //= 2
        return planes(x / 255)

    measured(in_place, PIXELS)
    assert np.array_equal(before, PIXELS)
