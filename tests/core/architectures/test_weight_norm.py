"""Weights saved as length and direction are the weights that the network had."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from core.architectures.weight_norm import folded


@pytest.mark.filterwarnings("ignore")  # the older one is deprecated, and still in people's files
@pytest.mark.parametrize(
    "norm", [nn.utils.parametrizations.weight_norm, nn.utils.weight_norm], ids=["new", "old"]
)
@pytest.mark.parametrize("dim", [0, 1, None])
def test_both_ways_of_saving_give_the_weight(norm, dim):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    wanted = {key: tensor.clone() for key, tensor in net.state_dict().items()}
    norm(net[0], dim=dim)

    plain = folded(net.state_dict())

    assert plain.keys() == wanted.keys()
    assert all(torch.allclose(plain[key], wanted[key], atol=1e-6) for key in wanted)


@pytest.mark.parametrize(
    "tensors",
    [
        {"a.weight_g": torch.ones(4)},
        {"a.weight_g": torch.ones(4), "a.weight_v": torch.ones(4, 3)},
        {"a.weight_g": torch.ones(4, 1), "a.weight_v": torch.ones(5, 3)},
        {"w_g": torch.ones(4, 1), "w_v": torch.ones(4, 3), "w": torch.ones(4, 3)},
    ],
)
def test_what_only_looks_like_a_pair_stays(tensors):
    assert folded(tensors).keys() == tensors.keys()
