"""Random numbers are told from trained weights by their largest singular value."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.diagnosis import diagnose
from core.diagnosis.measure.measurements import measure
from core.diagnosis.measure.spectra import chance_factor, spectra_of
from core.diagnosis.thresholds import UNTRAINED_SHARE
from examples.materials import opened, weights_file
from examples.network import build_network
from examples.scenes import render_scene
from examples.train import normalize
from examples.zoo import ZOO, available, load
from tests.support.cases import causes, example_checkpoint, healthy, with_tensors


def numbers(seed, kind, *shape):
    made = torch.Generator().manual_seed(seed)
    if kind == "uniform":
        return torch.rand(shape, generator=made) - 0.5
    return torch.randn(shape, generator=made)


@pytest.mark.parametrize("kind", ["normal", "uniform"])
@pytest.mark.parametrize("shape", [(64, 32, 3, 3), (16, 1, 3, 3), (1024, 2048), (8, 200)])
def test_random_numbers_do_not_exceed_chance(kind, shape):
    assert chance_factor(numbers(0, kind, *shape)) < 1.2


def test_a_direction_that_was_learned_does():
    ramp = torch.linspace(-1, 1, 64)
    learned = numbers(0, "normal", 64, 64) + torch.outer(ramp, ramp) * 4

    assert chance_factor(learned) > 1.2


def test_what_is_too_small_constant_or_not_finite_tells_nothing():
    silent = {
        "small": numbers(0, "normal", 3, 4),
        "constant": torch.ones(64, 64),
        "broken": torch.full((64, 64), torch.nan),
        "a vector": numbers(0, "normal", 64),
        "whole": torch.ones(64, 64, dtype=torch.int8),
    }

    assert spectra_of(silent).count == 0


@pytest.mark.parametrize("number", [0.0, 0.02])
def test_weights_of_one_number_all_over_are_told_for_certain(number):
    empty = {
        key: torch.full_like(t, number) if t.is_floating_point() and "running" not in key else t
        for key, t in example_checkpoint().tensors.items()
    }
    first = diagnose(with_tensors(empty)).faults[0]

    assert (first.cause, first.certainty) == ("W8", "certain")
    assert "one number all over" in first.evidence[0].words


@pytest.mark.parametrize("name", [member.name for member in available()])
def test_no_trained_network_of_the_zoo_looks_random(name):
    path = load(ZOO[name].name)
    checkpoint, _, _ = opened(path.read_bytes(), path.name)

    assert spectra_of(checkpoint.tensors).share < UNTRAINED_SHARE - 0.1


@pytest.mark.parametrize("kind", ["normal", "uniform"])
def test_a_network_of_noise_is_told_to_be_one_and_nothing_else(kind):
    noise = {
        key: 0.05 * numbers(k, kind, *t.shape)
        if t.is_floating_point() and "running" not in key
        else t
        for k, (key, t) in enumerate(example_checkpoint().tensors.items())
    }
    answered = diagnose(with_tensors(noise))

    assert causes(answered) == ["W8"]
    assert answered.faults[0].certainty == "likely"


def test_one_layer_that_clearly_learned_refutes_that_the_network_is_noise():
    """A minute of training from random numbers leaves most weights nearly as they began."""
    learned = "classifier.0.project.0.weight"
    tensors = {
        key: 0.05 * numbers(k, "normal", *t.shape)
        if t.is_floating_point() and "running" not in key and key != learned
        else t
        for k, (key, t) in enumerate(example_checkpoint().tensors.items())
    }
    spectra = spectra_of(tensors)

    assert spectra.share >= UNTRAINED_SHARE
    assert "W8" not in causes(diagnose(with_tensors(tensors)))


def test_noise_whose_batchnorm_follows_it_was_trained_for_a_short_time():
    """The statistics are those of these weights, so nobody damaged them afterwards."""
    torch.manual_seed(0)
    network = build_network(6).eval()
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = None
    pictures = [render_scene(seed)[0][::2, ::2] for seed in range(4)]
    with torch.no_grad():
        network.train()(normalize(np.stack(pictures), "ImageNet"))
    network.classifier[-1].weight.data *= 3  # its head is not as PyTorch makes it

    assert spectra_of(network.state_dict()).share >= UNTRAINED_SHARE
    assert "W8" not in causes(diagnose(with_tensors(network.eval().state_dict())))


def test_stages_of_an_encoder_that_no_input_reaches_are_not_asked():
    """PSPNet of SMP reads three of five stages; the others stay as they were made."""
    import segmentation_models_pytorch as smp

    model = smp.PSPNet("mobileone_s0", encoder_weights=None, encoder_depth=3, classes=3)
    with torch.no_grad():
        model.train()(torch.rand(2, 3, 64, 64))
    fresh = [not m.any() for k, m in model.state_dict().items() if k.endswith("running_mean")]
    content = weights_file(model.eval().state_dict())
    checkpoint, network, _ = opened(content, "w.pth")
    asked = replace(healthy(), checkpoint=checkpoint, network=network)

    assert any(fresh) and not all(fresh)
    assert not any(measure(asked).batchnorm.never_updated)
