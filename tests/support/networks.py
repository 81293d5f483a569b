"""Networks that tests save in every way: small, with buffers as after training."""

from __future__ import annotations

import copy
import sys
import types
from functools import cache

import torch
from torch import nn

NOWHERE = """
from torch import nn

class Block(nn.Sequential):
    def __init__(self, wide, width):
        super().__init__(
            nn.Conv2d(wide, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
        )

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.body = Block(3, 8), Block(8, 16)
        self.head = nn.Conv2d(16, 5, 1)

    def forward(self, x):
        return self.head(self.body(self.stem(x)))
"""


def seeded(model: nn.Module, seed: int = 0) -> nn.Module:
    """Statistics that differ from those of a fresh network, so that eval mode matters."""
    generator = torch.Generator().manual_seed(seed)
    for layer in model.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            layer.running_mean.normal_(0, 0.1, generator=generator)
            layer.running_var.uniform_(0.5, 1.5, generator=generator)
            layer.num_batches_tracked.fill_(100)
    return model.eval()


def deeplab_mobilenet() -> nn.Module:
    from torchvision.models.segmentation import deeplabv3_mobilenet_v3_large

    return deeplabv3_mobilenet_v3_large(
        weights=None, weights_backbone=None, num_classes=4, aux_loss=True
    )


def deeplab_resnet() -> nn.Module:
    from torchvision.models.segmentation import deeplabv3_resnet50

    return deeplabv3_resnet50(weights=None, weights_backbone=None, num_classes=3)


def smp_unet() -> nn.Module:
    import segmentation_models_pytorch as smp

    return smp.Unet("mobilenet_v2", encoder_weights=None, classes=3)


def smp_deeplab() -> nn.Module:
    import segmentation_models_pytorch as smp

    return smp.DeepLabV3Plus("resnet18", encoder_weights=None, classes=2)


def milesial_unet() -> nn.Module:
    """Our own module of it; test_families.py holds that it is the author's."""
    from core.architectures.families.repositories.milesial_unet import NEW, UNet
    from tests.core.architectures.test_families import narrow_unet

    shapes = narrow_unet(channels=3, widths=(8, 16, 32), classes=2)
    return UNet(shapes, NEW)


def of_a_class_that_exists_nowhere() -> nn.Module:
    """A network whose class cannot be imported once this function has returned."""
    module = types.ModuleType("lost_project")
    exec(compile(NOWHERE, "lost_project.py", "exec"), module.__dict__)
    sys.modules["lost_project"] = module
    return module.Net()


NETWORKS = {
    "DeepLabV3 MobileNetV3": deeplab_mobilenet,
    "DeepLabV3 ResNet-50": deeplab_resnet,
    "SMP Unet": smp_unet,
    "SMP DeepLabV3+": smp_deeplab,
    "U-Net by milesial": milesial_unet,
    "a class that exists nowhere": of_a_class_that_exists_nowhere,
}


@cache
def _made(name: str) -> nn.Module:
    torch.manual_seed(0)
    return seeded(NETWORKS[name]())


def make(name: str) -> nn.Module:
    """The network of this name, always with the same numbers; it may be changed by who asks."""
    if name == "a class that exists nowhere":  # its class goes with the first that was saved
        return _made.__wrapped__(name)
    return copy.deepcopy(_made(name))  # to draw random weights takes ten times as long
