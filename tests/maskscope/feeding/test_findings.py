"""What was measured of preprocessing is what the findings speak about."""

import numpy as np
import pytest
import torch

import examples
import maskscope
from core.presets import IMAGENET_MEAN, IMAGENET_STD
from tests.support.living import example_model

SCENE = examples.SCENES[0]
M, S = np.float32(IMAGENET_MEAN), np.float32(IMAGENET_STD)


def planes(pixels):
    return torch.from_numpy(np.ascontiguousarray(pixels.astype(np.float32).transpose(2, 0, 1)))[
        None
    ]


@pytest.fixture(scope="module")
def model():
    return example_model()


@pytest.mark.parametrize(
    ("function", "cause"),
    [
        (lambda x: planes(np.asarray(x) / 255), "P1"),
        (lambda x: planes(((np.asarray(x) / 255 - M) / S - M) / S), "P2"),
        (lambda x: planes((np.asarray(x) / 255 / 255 - M) / S), "P2"),
        (lambda x: planes((np.asarray(x) - M) / S), "P4"),
    ],
    ids=["no mean and std", "twice", "/255 twice", "no /255"],
)
def test_the_fault_of_a_preprocessing_is_found(model, function, cause):
    found = maskscope.inspect(model, SCENE, preprocess=function)

    assert found.findings[0].cause == cause
    assert found.fed[0] in repr(found)
    assert "Your preprocess, measured" in found._repr_html_()


def test_the_right_preprocessing_is_healthy(model):
    found = maskscope.inspect(
        model, SCENE, preprocess=lambda x: planes((np.asarray(x) / 255 - M) / S),
        truth=examples.mask_of(SCENE),
    )  # fmt: skip

    assert found.diagnosis.faults == ()


def test_the_ground_truth_is_cropped_like_the_picture(model):
    found = maskscope.inspect(
        model, SCENE, preprocess=lambda x: planes((np.asarray(x)[32:224, 32:224] / 255 - M) / S),
        truth=examples.mask_of(SCENE),
    )  # fmt: skip

    assert found.case.truth.ids.shape == (192, 192)
    assert found.diagnosis.faults == ()
