"""What a model is before we look at it, it is afterwards."""

import random

import numpy as np
import pytest
import torch

import maskscope
from core.errors import InspectionError
from maskscope.living.case import open_case
from maskscope.living.untouched import untouched
from tests.support.living import (
    Interrupted,
    Raising,
    Tiny,
    differences,
    everything_of,
    picture,
)


def in_odd_modes(model):
    """One layer trains, the others do not, and one parameter is frozen: as while fine-tuning."""
    model.eval()
    model.norm.train()
    model.first.weight.requires_grad_(False)
    model.last.register_forward_hook(lambda *_: None)
    return model


def test_a_diagnosis_leaves_the_model_as_it_was():
    model = in_odd_modes(Tiny())
    before = everything_of(model)

    maskscope.inspect(model, picture()[:96, :96])

    assert differences(before, everything_of(model)) == []


def test_a_model_that_stops_is_left_as_it_was():
    model = in_odd_modes(Raising())
    before = everything_of(model)

    with pytest.raises(InspectionError):
        maskscope.inspect(model, picture())

    assert differences(before, everything_of(model)) == []


def test_ctrl_c_passes_and_the_model_is_as_it_was():
    model = in_odd_modes(Interrupted())
    before = everything_of(model)

    with pytest.raises(KeyboardInterrupt):
        maskscope.inspect(model, picture())

    assert differences(before, everything_of(model)) == []


def test_a_model_behind_a_function_is_as_it_was_though_it_trains():
    """The function runs over a shadow: no running statistics move, no dropout draws a number."""
    model = Tiny().train()
    before = everything_of(model)

    open_case(lambda x: model(x) * 2, picture())

    assert differences(before, everything_of(model)) == []


def test_buffers_modes_and_switches_are_put_back_after_an_exception():
    model = in_odd_modes(Tiny())
    before = everything_of(model)
    wanted = {name: before[name] for name in before if name != "versions"}  # written back

    with pytest.raises(RuntimeError), untouched([model]):
        model.train()(torch.rand(1, 3, 8, 8))
        model.requires_grad_(False)
        model.last.register_forward_hook(lambda *_: None)
        raise RuntimeError

    assert differences(wanted, everything_of(model)) == []


def test_the_random_numbers_go_on_as_if_nothing_had_been():
    states = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()

    with untouched():
        torch.rand(3), np.random.rand(3), random.random()

    assert torch.equal(torch.get_rng_state(), states[0])
    assert (np.random.get_state()[1] == states[1]).all()
    assert random.getstate() == states[2]


def test_weights_that_a_step_changes_are_the_shadow_s_too():
    model = Tiny().eval()
    network = open_case(model, picture()).case.network
    with torch.no_grad():
        model.last.bias.add_(1.0)

    assert torch.equal(network.module.last.bias, model.last.bias)
    assert network.module.last.bias.data_ptr() == model.last.bias.data_ptr()
