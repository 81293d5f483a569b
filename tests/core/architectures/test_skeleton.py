"""A network without numbers has the layers, names and shapes of one with them."""

import pytest
import segmentation_models_pytorch as smp
import torch
from torchvision.models.segmentation import lraspp_mobilenet_v3_large

from core.architectures.skeleton import without_numbers

MAKERS = {
    "torchvision": lambda: lraspp_mobilenet_v3_large(weights=None, weights_backbone=None),
    "drop rates": lambda: smp.Unet("mit_b0", encoder_weights=None),
}


@pytest.mark.parametrize("maker", MAKERS.values(), ids=MAKERS)
def test_it_has_every_tensor_and_no_number(maker):
    with without_numbers():
        skeleton = maker()
    shapes = {name: tensor.shape for name, tensor in maker().state_dict().items()}

    assert {name: tensor.shape for name, tensor in skeleton.state_dict().items()} == shapes
    assert {tensor.device.type for tensor in skeleton.state_dict().values()} == {"meta"}


def test_outside_of_it_numbers_are_drawn_as_ever():
    with without_numbers():
        torch.nn.Conv2d(3, 8, 3)

    assert torch.nn.Conv2d(3, 8, 3).weight.std() > 0
