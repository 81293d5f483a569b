"""A picture is a path, a PIL picture, an array or a tensor, and always the same pixels."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from core.errors import ImageError
from core.settings import Settings, change
from maskscope.errors import PictureError
from maskscope.living.case import open_case
from maskscope.picture import open_picture, open_truth
from tests.core.image.test_nifti import nifti

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 9, 3), np.uint8)
COLORS = np.zeros((3, 3), np.uint8)


def as_path(tmp_path):
    path = tmp_path / "picture.png"
    Image.fromarray(PIXELS).save(path)
    return path


@pytest.mark.parametrize(
    "given",
    [
        PIXELS,
        PIXELS.astype(np.float32) / 255,
        PIXELS.astype(np.float64),
        PIXELS.transpose(2, 0, 1),
        PIXELS[None],
        Image.fromarray(PIXELS),
        torch.from_numpy(PIXELS).permute(2, 0, 1),
        torch.from_numpy(PIXELS).permute(2, 0, 1).float() / 255,
        torch.from_numpy(PIXELS).permute(2, 0, 1)[None].half() / 255,
    ],
    ids=["bytes", "0..1", "0..255", "c h w", "batch of one", "PIL", "tensor", "unit", "half"],
)
def test_the_pixels_are_the_same_however_they_are_given(given):
    assert np.array_equal(open_picture(given)[0].pixels, PIXELS)


def test_a_path_is_read_as_a_file(tmp_path):
    path = as_path(tmp_path)

    assert np.array_equal(open_picture(path)[0].pixels, PIXELS)
    assert np.array_equal(open_picture(str(path))[0].pixels, PIXELS)
    assert open_picture(path)[1] == path.read_bytes()


def test_gray_and_sixteen_bits_are_pictures_too():
    gray, deep = PIXELS[..., 0], PIXELS[..., 0].astype(np.uint16) * 257

    assert np.array_equal(open_picture(gray)[0].pixels[..., 1], gray)
    assert open_picture(deep)[0].facts.bits == 16


def test_a_tensor_that_was_normalized_is_told_to_be_given_before_that():
    with pytest.raises(PictureError, match="normalized already") as caught:
        open_picture((torch.from_numpy(PIXELS).permute(2, 0, 1) / 255 - 0.485) / 0.229)

    assert "preprocess=" in caught.value.remedy


@pytest.mark.parametrize(
    "given",
    [np.zeros((2, 6, 9, 3), np.uint8), np.zeros(5), np.full((4, 4), np.nan), 7, np.zeros((0, 4))],
    ids=["batch", "one axis", "NaN", "number", "empty"],
)
def test_what_is_no_picture_is_a_sentence(given):
    with pytest.raises(PictureError) as caught:
        open_picture(given)

    assert caught.value.remedy


def test_a_missing_file_and_a_broken_one_are_sentences(tmp_path):
    (tmp_path / "broken.png").write_bytes(b"not a picture")

    with pytest.raises(PictureError, match="cannot be read"):
        open_picture(tmp_path / "missing.png")
    with pytest.raises(ImageError):
        open_picture(tmp_path / "broken.png")


@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.float32, bool])
def test_ids_are_the_ids_however_they_are_given(kind):
    ids = (PIXELS[..., 0] > 100).astype(kind)

    for given in (ids, torch.from_numpy(ids), torch.from_numpy(ids)[None]):
        assert np.array_equal(open_truth(given, COLORS, (6, 9))[0].ids, ids.astype(int))


def test_a_file_of_ids_is_a_ground_truth():
    file = io.BytesIO()
    Image.fromarray((PIXELS[..., 0] % 3).astype(np.uint8)).save(file, "PNG")

    assert np.array_equal(open_truth(file.getvalue(), COLORS, (6, 9))[0].ids, PIXELS[..., 0] % 3)


def test_scores_are_no_ground_truth():
    with pytest.raises(PictureError, match="no map of ids"):
        open_truth(np.random.default_rng(0).random((6, 9)), COLORS, (6, 9))


def test_the_slice_of_a_volume_is_that_of_the_settings():
    units = np.random.default_rng(0).integers(0, 200, (12, 9, 6)).astype(np.uint8)
    third = change(Settings(), slice_index=3).preprocessing
    seen, content = open_picture(nifti(units), third)
    truth, _ = open_truth(nifti(units % 3), COLORS, (9, 12), third.cut)

    assert np.array_equal(seen.samples[..., 0], units[:, :, 2].T)
    assert np.array_equal(open_picture(content)[0].samples[..., 0], units[:, :, 3].T)  # the middle
    assert np.array_equal(truth.ids, (units % 3)[:, :, 2].T)


def test_inspect_takes_the_slice_of_its_settings(tmp_path):
    units = np.random.default_rng(0).integers(0, 200, (12, 9, 6)).astype(np.uint8)
    path = tmp_path / "units.nii"
    path.write_bytes(nifti(units))
    model = torch.nn.Conv2d(1, 2, 1).eval()
    case = open_case(model, path, settings={"slice_index": 3}).case

    assert np.array_equal(case.image.samples[..., 0], units[:, :, 2].T)
    assert case.settings.preprocessing.slice_index == 3
