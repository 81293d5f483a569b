"""Weights saved in parts (weight_norm, spectral_norm, pruning) are the weights the network had."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from core.checkpoint.stored.merged import merged, notes_on_merged


def layer():
    torch.manual_seed(0)
    return nn.Conv2d(3, 4, 3)


@pytest.mark.filterwarnings("ignore")  # the older one is deprecated, and still in people's files
@pytest.mark.parametrize(
    "norm", [nn.utils.parametrizations.weight_norm, nn.utils.weight_norm], ids=["new", "old"]
)
@pytest.mark.parametrize("dim", [0, 1, None])
def test_weight_norm_is_multiplied_out(norm, dim):
    net = nn.Sequential(layer(), nn.BatchNorm2d(4))
    wanted = {key: tensor.clone() for key, tensor in net.state_dict().items()}
    norm(net[0], dim=dim)

    plain, how = merged(net.state_dict())

    assert plain.keys() == wanted.keys()
    assert all(torch.allclose(plain[key], wanted[key], atol=1e-6) for key in wanted)
    assert "length times direction" in how["0.weight"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "norm", [nn.utils.parametrizations.spectral_norm, nn.utils.spectral_norm], ids=["new", "old"]
)
@pytest.mark.parametrize("made", [layer, lambda: nn.ConvTranspose2d(3, 4, 3)])
def test_spectral_norm_is_divided_out(norm, made):
    conv = norm(made()).eval()
    conv(torch.zeros(1, 3, 5, 5))

    plain, how = merged(conv.state_dict())

    assert set(plain) == {"weight", "bias"}
    assert torch.allclose(plain["weight"], conv.weight, atol=1e-6)
    assert "spectral_norm" in how["weight"]


def test_a_pruned_weight_is_the_product_with_its_mask_and_that_is_told():
    conv = layer()
    prune.l1_unstructured(conv, "weight", 0.5)
    prune.random_unstructured(conv, "bias", 1)

    plain, how = merged({f"a.{key}": tensor for key, tensor in conv.state_dict().items()})

    assert torch.equal(plain["a.weight"], conv.weight) and torch.equal(plain["a.bias"], conv.bias)
    assert notes_on_merged(plain, how) == (
        "2 weights are kept in parts: the weight times its pruning mask (a.weight, a.bias)",
    )


def test_a_parametrization_whose_code_is_not_in_the_file_is_told():
    linear = nn.utils.parametrizations.orthogonal(nn.Linear(4, 4))

    plain, how = merged(linear.state_dict())

    assert "remove_parametrizations" in notes_on_merged(plain, how)[0]


@pytest.mark.parametrize(
    "tensors",
    [
        {"a.weight_g": torch.ones(4)},
        {"a.weight_g": torch.ones(4), "a.weight_v": torch.ones(4, 3)},
        {"a.weight_g": torch.ones(4, 1), "a.weight_v": torch.ones(5, 3)},
        {"w_g": torch.ones(4, 1), "w_v": torch.ones(4, 3), "w": torch.ones(4, 3)},
        {"a.weight_orig": torch.ones(4, 3), "a.weight_mask": torch.ones(4)},
        {"w_orig": torch.ones(4, 3), "w_u": torch.ones(3), "w_v": torch.ones(3)},
    ],
)
def test_what_only_looks_like_parts_stays(tensors):
    assert merged(tensors)[0].keys() == tensors.keys()


@pytest.mark.parametrize("name", ["a.weight_scale", "a.scale_weight", "a.scale"])
@pytest.mark.parametrize("scale", [torch.tensor(0.5), torch.rand(4, 1)])
def test_8_bit_weights_beside_a_scale_are_multiplied(name, scale):
    stored = torch.randn(4, 3, 3, 3)

    plain, how = merged({"a.weight": stored, name: scale}, small={"a.weight"})

    assert torch.allclose(plain["a.weight"], stored * scale.reshape(-1, 1, 1, 1))
    assert list(plain) == ["a.weight"] and "scale" in how["a.weight"]


def test_numbers_with_a_zero_point_are_left_as_they_are():
    tensors = {"a.weight": torch.ones(4, 3, dtype=torch.int8), "a.scale": torch.tensor(0.5)}
    tensors["a.zero_point"] = torch.tensor(3)

    assert merged(tensors)[0].keys() == tensors.keys()


def test_a_scale_beside_a_weight_of_full_size_is_another_parameter():
    tensors = {"a.weight": torch.ones(4, 3), "a.weight_scale": torch.ones(4)}

    assert merged(tensors)[0].keys() == tensors.keys()
