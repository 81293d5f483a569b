"""Networks of more bands than conventions have numbers for."""

from types import SimpleNamespace

import pytest
import torch

from core.architectures.network import Stem
from core.diagnosis.normalization.conventions import memory_of


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_the_memory_of_four_bands_is_compared_with_no_convention(channels):
    """It was, and numpy could not: "An unexpected error (ValueError)"."""
    torch.manual_seed(0)
    weight = torch.randn(16, channels, 3, 3)
    mean, var = weight.sum(dim=(1, 2, 3)) * 0.4, torch.full((16,), 2.0)
    measured = SimpleNamespace(
        network=SimpleNamespace(stem=Stem("w", weight, torch.zeros(16), mean, var)), tensors={}
    )

    assert (memory_of(measured) is None) == (channels == 4)
