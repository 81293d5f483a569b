"""An encoder that was never loaded is told where the rest is trained, and only there."""

import copy

import torch

from core.diagnosis import diagnose
from core.diagnosis.checks import encoder
from core.diagnosis.checks.encoder import never_loaded
from core.diagnosis.measure.initial import is_initial
from core.diagnosis.measure.measurements import measure
from core.diagnosis.progress import Progress
from core.image import decode_image
from core.preprocess import preprocess
from examples import SCENES
from tests.support.cases import TRAINED, example_checkpoint, healthy, with_tensors


def initial(shape, *, normal=True):
    made = torch.empty(shape)
    generator = torch.Generator().manual_seed(sum(shape))
    if normal:
        return torch.nn.init.kaiming_normal_(made, mode="fan_out", generator=generator)
    return torch.nn.init.kaiming_uniform_(made, a=5**0.5, generator=generator)


def with_new(part, *, normal=True):
    """The example, the convolutions of this part as libraries initialize them."""
    tensors = {
        key: initial(tensor.shape, normal=normal)
        if key.startswith(part) and tensor.ndim == 4
        else tensor
        for key, tensor in example_checkpoint().tensors.items()
    }
    return with_tensors(tensors)


def told(case):
    return [found.cause for found in never_loaded(measure(case), Progress())]


def test_an_encoder_as_initialized_before_a_trained_head_is_told():
    findings = [f for f in diagnose(with_new("backbone")).findings if f.cause == "W3"]

    assert len(findings) == 1
    assert "backbone" in findings[0].evidence[0].words
    assert "strict=False" in findings[0].fix


def test_both_ways_of_initializing_are_known():
    assert told(with_new("backbone", normal=False)) == ["W3"]


def test_a_trained_encoder_and_an_untrained_network_are_not_told_so():
    assert told(healthy()) == []
    assert told(with_new("")) == []  # head and all: other findings say so


def test_a_step_of_training_is_seen_and_few_numbers_tell_nothing():
    weight = initial((32, 16, 3, 3))

    assert is_initial(weight)
    assert is_initial(1.3 * weight) is False
    assert is_initial(torch.zeros(64, 16, 3, 3)) is False
    assert is_initial(initial((4, 1, 3, 3))) is None


def trained_through(case):
    """The same, its BatchNorm statistics estimated again with the numbers that it has."""
    network = copy.deepcopy(case.network.module).train()
    fed = [preprocess(decode_image(scene.read_bytes()), TRAINED.preprocessing) for scene in SCENES]
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = 1.0  # as all that is fed at once has them
    with torch.no_grad():
        network(torch.cat([one.tensor for one in fed]))
    return with_tensors(dict(network.state_dict()))


def test_numbers_that_a_training_ran_through_were_loaded():
    assert told(with_new("backbone")) == ["W3"]
    assert told(trained_through(with_new("backbone"))) == []


def test_a_ground_truth_with_a_fair_mask_speaks_for_the_numbers(monkeypatch):
    """Mixed up statistics of a short training: its weights still look as initialized."""
    monkeypatch.setattr(encoder, "masks_are_fair", lambda measured: True)

    assert told(with_new("backbone")) == []
