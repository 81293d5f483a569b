"""What is odd about weights: told where it is so, and silent where it is not."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

import examples
from core.checkpoint import read_checkpoint
from core.checkpoint.clean import write_clean
from core.checkpoint.health import (
    examine,
    heads_in,
    histogram_of,
    looked_at,
    reason_for,
    statistics_of,
)
from core.checkpoint.health.layers import is_fresh
from tests.support.networks import deeplab_mobilenet, milesial_unet, seeded, smp_unet


def trained(model):
    """As after training: no head, filter or statistic is as it was made."""
    seeded(model)
    for parameter in model.parameters():
        if parameter.ndim == 4:
            nn.init.normal_(parameter.data, 0, (2 / parameter[0].numel()) ** 0.5)
    return model.state_dict()


@pytest.fixture
def state():
    torch.manual_seed(0)
    return trained(deeplab_mobilenet())


def found(state):
    return {fact.id: fact for fact in examine(state, heads_in(state))}


def example():
    return read_checkpoint(examples.CHECKPOINT, name="example", digest="d").tensors


# --- heads ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "name", "classes"),
    [
        (deeplab_mobilenet, "classifier.4", 4),
        (smp_unet, "segmentation_head.0", 3),
        (milesial_unet, "outc.conv", 2),
    ],
)
def test_the_main_head_is_found_by_its_name(make, name, classes):
    head = heads_in(make().state_dict())[0]

    assert (head.name, head.main, head.classes, head.known) == (name, True, classes, True)
    assert len(head.bias) == classes


def test_an_auxiliary_head_is_another_one(state):
    main, aux = heads_in(state)

    assert (aux.name, aux.main, aux.classes) == ("aux_classifier.4", False, 4)
    assert main.channels != aux.channels


def test_in_an_unknown_network_the_last_convolution_is_taken_and_said_so():
    state = {"a.weight": torch.ones(8, 3, 3, 3), "last.weight": torch.ones(5, 8, 1, 1)}
    (head,) = heads_in(state)

    assert (head.name, head.classes, head.bias, head.known) == ("last", 5, (), False)


def test_weights_without_a_convolution_have_no_head():
    assert heads_in({"fc.weight": torch.ones(3, 4)}) == ()


def test_of_a_classifier_no_convolution_is_called_a_head():
    layers = {"layer4.conv2.weight": torch.ones(8, 8, 3, 3), "fc.weight": torch.ones(10, 8)}

    assert heads_in(layers) == ()
    assert [head.name for head in heads_in(dict(reversed(layers.items())))] == ["layer4.conv2"]


# --- health ---------------------------------------------------------------------------------------


def test_a_trained_network_has_nothing_to_tell(state):
    assert found(state) == {}


def test_the_examples_network_has_nothing_to_tell():
    assert found(example()) == {}


def test_a_fresh_head_is_told_and_a_fresh_network_too():
    torch.manual_seed(0)
    facts = found(deeplab_mobilenet().state_dict())

    assert facts["fresh head"].keys in [("classifier.4",), ("aux_classifier.4",)]
    torch.manual_seed(0)
    untouched = nn.Conv2d(256, 5, 1).state_dict()
    assert is_fresh(untouched["weight"])


@pytest.mark.parametrize("seed", range(20))
def test_any_head_as_pytorch_makes_it_is_fresh(seed):
    torch.manual_seed(seed)
    assert is_fresh(nn.Conv2d(64, 3, 1).weight.data)


@pytest.mark.parametrize("steps", [5, 50])
def test_a_head_that_was_trained_for_a_few_steps_is_not_fresh(steps):
    torch.manual_seed(0)
    conv = nn.Conv2d(64, 3, 1)
    optimizer = torch.optim.Adam(conv.parameters(), lr=1e-2)
    for _ in range(steps):
        optimizer.zero_grad()
        x = torch.randn(4, 64, 8, 8)
        nn.functional.cross_entropy(conv(x), (x[:, 0] > 0).long()).backward()
        optimizer.step()

    assert not is_fresh(conv.weight.data)


def test_batchnorm_that_was_never_updated_is_told(state):
    name = "backbone.0.1"
    state[f"{name}.running_mean"] = torch.zeros_like(state[f"{name}.running_mean"])
    state[f"{name}.running_var"] = torch.ones_like(state[f"{name}.running_var"])
    state[f"{name}.num_batches_tracked"] = torch.tensor(0)
    fact = found(state)["never updated"]

    assert fact.keys == (name,)
    assert fact.numbers["layers"] == 1
    assert "1 of " in fact.words


@pytest.mark.parametrize("value", [-1.0, 1e12])
def test_absurd_variances_are_told(state, value):
    state["backbone.0.1.running_var"] = state["backbone.0.1.running_var"].clone()
    state["backbone.0.1.running_var"][3] = value

    assert found(state)["absurd statistics"].keys == ("backbone.0.1",)


def test_dead_filters_are_counted(state):
    state["backbone.0.0.weight"] = state["backbone.0.0.weight"].clone()
    state["backbone.0.0.weight"][:2] = 0
    fact = found(state)["dead filters"]

    assert fact.numbers["filters"] == 2
    assert fact.keys == ("backbone.0.0.weight",)


def test_channels_that_batchnorm_multiplies_by_zero_are_counted(state):
    state["backbone.0.1.weight"] = state["backbone.0.1.weight"].clone()
    state["backbone.0.1.weight"][:3] = 0
    fact = found(state)["dead filters"]

    assert fact.numbers["filters"] == 3
    assert fact.keys == ("backbone.0.1",)


def test_what_could_be_looked_at_is_said_and_no_more():
    state = {"last.weight": torch.ones(2, 3, 1, 1)}

    assert looked_at(state, heads_in(state)) == (
        "the numbers of 1 tensors, 2 filters, 0 BatchNorm layers, 1 head (1 too small to judge)"
    )


def test_numbers_that_are_none_are_told_by_name(state):
    state["backbone.0.0.weight"] = state["backbone.0.0.weight"].clone()
    state["backbone.0.0.weight"][0, 0, 0, 0] = float("nan")

    assert found(state)["not finite"].keys == ("backbone.0.0.weight",)


def test_an_auxiliary_head_with_other_classes_is_told(state):
    state["aux_classifier.4.weight"] = torch.randn(21, 10, 1, 1)
    fact = found(state)["aux classes"]

    assert fact.numbers == {"aux": 21, "main": 4}


# --- names and numbers ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prefix", "says"),
    [
        ("module.", "All keys start with module.: written from DataParallel"),
        ("_orig_mod.", "torch.compile"),
        ("module.model.", "DataParallel or DistributedDataParallel, and written by Lightning"),
    ],
)
def test_the_beginning_of_all_keys_has_its_reason(prefix, says):
    assert says in reason_for(prefix)


def test_no_prefix_needs_no_reason():
    assert reason_for("") == ""


def test_statistics_leave_out_what_is_no_number():
    measured = statistics_of(torch.tensor([1.0, 3.0, 0.0, float("nan"), float("inf")]))

    assert (measured.low, measured.high, measured.not_finite) == (0.0, 3.0, 2)
    assert measured.mean == pytest.approx(4 / 3)
    assert measured.zeros == pytest.approx(1 / 3)


@pytest.mark.parametrize("tensor", [torch.tensor(7), torch.ones(0), torch.tensor([True, False])])
def test_every_kind_of_tensor_can_be_measured(tensor):
    assert statistics_of(tensor).known == bool(tensor.numel())
    assert histogram_of(tensor)[0].sum() == tensor.numel()


# --- downloads ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["safetensors", "pth"])
def test_the_clean_file_has_every_tensor_bit_for_bit_without_the_prefix(kind, tmp_path):
    wanted = {"a.weight": torch.randn(3, 4), "a.n": torch.tensor(7), "half": torch.rand(3).half()}
    source = {"state_dict": {f"module.{key}": value for key, value in wanted.items()}, "epoch": 3}
    torch.save(source, tmp_path / "w.pth")
    checkpoint = read_checkpoint(tmp_path / "w.pth", name="w.pth", digest="d" * 64)
    path = write_clean(checkpoint, kind, tmp_path / "clean")

    again = load_file(path) if kind == "safetensors" else torch.load(path, weights_only=True)
    assert again.keys() == wanted.keys()
    for key, value in wanted.items():
        assert again[key].dtype == value.dtype
        assert torch.equal(again[key], value)
    assert write_clean(checkpoint, kind, tmp_path / "clean") == path


def test_two_places_of_one_file_never_share_a_clean_file(tmp_path):
    source = {"a-b": {"w": torch.ones(9)}, "a": {"b": {"w": torch.zeros(9)}}}
    torch.save(source, tmp_path / "w.pth")
    for place, wanted in (("a-b", 1.0), ("a/b", 0.0)):
        checkpoint = read_checkpoint(tmp_path / "w.pth", name="w", digest="d" * 64, choice=place)
        path = write_clean(checkpoint, "safetensors", tmp_path / "clean")
        assert load_file(path)["w"].unique().tolist() == [wanted]
