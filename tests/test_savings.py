"""Honest files: every way of saving, of every kind of network, comes out bit for bit."""

from __future__ import annotations

import pytest
import torch

from core.checkpoint import read_checkpoint
from tests.networks import NETWORKS, make
from tests.savings import SAVINGS

# A file of ResNet-50 has 168 MB; the ways that differ in how the bytes lie are enough for it.
LARGE_IN = ("state dict, legacy", "whole module", "channels last", "Lightning")
CASES = [
    (network, way)
    for network in NETWORKS
    for way in SAVINGS
    if network != "DeepLabV3 ResNet-50" or way in LARGE_IN
]


def bits(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.contiguous().reshape(-1).view(torch.uint8)


@pytest.mark.filterwarnings("ignore")  # tracing and exporting warn about the networks
@pytest.mark.parametrize(("network", "way"), CASES)
def test_every_tensor_comes_out_bit_for_bit(network, way, tmp_path):
    path = tmp_path / "file"
    wanted = SAVINGS[way](make(network), path)
    found = read_checkpoint(path, name="file", digest="d").tensors
    path.unlink()

    assert set(found) == set(wanted)
    for key, tensor in wanted.items():
        assert (found[key].dtype, found[key].shape) == (tensor.dtype, tensor.shape), key
        assert torch.equal(bits(found[key]), bits(tensor)), key
