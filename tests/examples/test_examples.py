"""The built-in example is real: right under its convention, black under the usual mistake."""

import numpy as np
import pytest
import torch

import examples
from core.architectures import build_network
from core.checkpoint import read_checkpoint
from core.engine import Engine
from core.image import decode_image
from core.inspection import run_stages
from core.presets import apply_preset
from core.scores import confusion_matrix, decode_truth, iou_per_class, mean_iou
from core.settings import Settings
from examples.scenes import render_scene


@pytest.fixture(scope="module")
def network():
    path = examples.CHECKPOINT
    return build_network(read_checkpoint(path, name=path.name, digest="example"))


def labels_of(network, scene, preset):
    image = decode_image(scene.read_bytes())
    settings = apply_preset(Settings(), preset)
    return run_stages(image, network, settings, forward=Engine().runner()).labels


def truth_of(scene):
    return decode_truth(examples.mask_of(scene).read_bytes(), None, (256, 256)).ids


def overall_miou(network, preset):
    count = len(examples.CLASS_NAMES)
    matrices = [
        confusion_matrix(labels_of(network, scene, preset).ids, truth_of(scene), count, 255)
        for scene in examples.SCENES
    ]
    return mean_iou(iou_per_class(np.sum(matrices, axis=0)))


def test_the_file_is_saved_as_people_save_theirs():
    states = torch.load(examples.CHECKPOINT, weights_only=True)

    assert states.keys() == {"model", "optimizer", "epoch"}
    assert all(key.startswith("module.") for key in states["model"])
    assert examples.CHECKPOINT.stat().st_size <= 8e6


def test_at_least_six_held_out_scenes_have_a_ground_truth():
    assert len(examples.SCENES) >= 6
    assert all(examples.mask_of(scene).exists() for scene in examples.SCENES)
    assert len(examples.CLASS_NAMES) >= 5


def test_under_its_own_convention_the_network_is_right(network):
    assert overall_miou(network, examples.TRAINED_WITH) >= 0.85


@pytest.mark.parametrize("scene", examples.SCENES, ids=lambda scene: scene.stem)
def test_fed_with_plain_0_to_1_every_scene_comes_out_black(network, scene):
    assert labels_of(network, scene, "unit").shares()[0] >= 0.9


def test_a_scene_is_the_same_each_time_it_is_rendered():
    first, again = render_scene(7), render_scene(7)

    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])


def test_the_committed_scenes_are_the_first_held_out_ones():
    for seed, scene in enumerate(examples.SCENES):
        assert np.array_equal(truth_of(scene), render_scene(seed)[1])
