"""Honest files: every way of saving, of every kind of network, comes out bit for bit, and runs."""

from __future__ import annotations

import pytest

from tests.support.networks import NETWORKS
from tests.support.savings import LARGE_IN, SAVINGS, read_back

CASES = [
    (network, way)
    for network in NETWORKS
    for way in SAVINGS
    if network != "DeepLabV3 ResNet-50" or way in LARGE_IN
]
NOWHERE = "a class that exists nowhere"


@pytest.mark.filterwarnings("ignore")  # tracing and exporting warn about the networks
@pytest.mark.parametrize(("network", "way"), CASES)
def test_every_tensor_comes_out_bit_for_bit_and_the_logits_are_the_originals(
    network, way, tmp_path
):
    back = read_back(network, way, tmp_path)

    assert back.differing == ()
    if network == NOWHERE and way != "exported program":
        assert back.built == ""
    else:
        assert back.built
        assert back.difference < 1e-4
