"""Running statistics that a training left belong to its weights, whatever its pictures are."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from core.diagnosis.measure.measurements import measure
from core.diagnosis.normalization.belonging import statistics_belong
from core.diagnosis.normalization.conventions import (
    CONVENTIONS,
    DIVIDED,
    ONCE,
    OWN,
    hypotheses,
)
from core.diagnosis.normalization.recover import _ranked, recover
from core.diagnosis.thresholds import CONTRADICTORY_NATS
from core.image import decode_image
from core.preprocess import preprocess
from core.settings import Preprocessing
from examples import SCENES
from tests.support.cases import TRAINED, example_checkpoint, healthy, with_tensors


def bright(image):
    """As a microscope shows things: nearly white, with faint shapes."""
    pixels = 255 - image.pixels // 16
    return replace(image, pixels=pixels, samples=pixels, digest=f"bright {image.digest}")


@pytest.fixture(scope="module")
def microscope():
    """The example, its statistics estimated on such pictures alone."""
    network = copy.deepcopy(healthy().network.module).train()
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = 1.0
    images = [bright(decode_image(scene.read_bytes())) for scene in SCENES]
    with torch.no_grad():
        fed = [preprocess(image, TRAINED.preprocessing).tensor for image in images]
        network(torch.cat(fed))
    return replace(with_tensors(dict(network.state_dict())), image=images[0])


def test_pictures_unlike_the_reference_do_not_make_statistics_contradictory(microscope):
    measured = measure(microscope)

    assert measured.batchnorm.reference_kl([{}]) > CONTRADICTORY_NATS
    assert statistics_belong(measured)
    assert not recover(measured, {}).contradictory


def test_weights_of_another_training_leave_them_behind():
    torch.manual_seed(0)
    other = {
        key: 0.05 * torch.randn(t.shape) if t.ndim == 4 else t
        for key, t in example_checkpoint().tensors.items()
    }

    assert statistics_belong(measure(healthy()))
    assert not statistics_belong(measure(with_tensors(other)))


def test_numbers_of_0_to_1_for_pixels_of_0_to_255_are_tried_with_the_division():
    own = Preprocessing(mean=(0.39, 0.42, 0.45), std=(0.2, 0.21, 0.24), scale="1")

    assert hypotheses(own)[DIVIDED]["scale"] == "255"
    assert hypotheses(own)[DIVIDED]["mean"] == own.mean
    assert hypotheses(replace(own, scale="255")) == CONVENTIONS
    assert hypotheses(replace(own, mean=(99.0, 107.0, 115.0))) == CONVENTIONS


def test_numbers_of_ones_own_that_were_applied_twice_are_tried_once():
    twice = Preprocessing(mean=(0.52, 0.48, 0.45), std=(0.0729, 0.0625, 0.0676))

    np.testing.assert_allclose(hypotheses(twice)[ONCE]["std"], (0.27, 0.25, 0.26))


def test_a_known_convention_that_was_applied_twice_is_tried_by_its_own_name():
    mean, std = (np.array(CONVENTIONS["imagenet"][name]) for name in ("mean", "std"))
    twice = Preprocessing(mean=tuple(mean + mean * std), std=tuple(std**2))

    assert hypotheses(twice) == CONVENTIONS


@pytest.mark.parametrize("slip", [ONCE, DIVIDED])
def test_the_user_s_numbers_without_a_slip_come_before_known_ones_that_fit_as_well(slip):
    """ImageNet's numbers may be near them by chance; clearly better ones still come first."""
    known = {**CONVENTIONS, slip: CONVENTIONS["imagenet"]}

    assert _ranked(None, known, {"imagenet": 0.03, slip: 0.04, OWN: 0.001})[0][0] == slip
    assert _ranked(None, known, {"imagenet": 0.03, slip: 0.2})[0][0] == "imagenet"
