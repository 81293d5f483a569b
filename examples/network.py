"""A narrow DeepLabV3 of torchvision's own parts: MobileNetV3-Large at a quarter of its width."""

from __future__ import annotations

from functools import partial

from torch import nn
from torchvision.models._utils import IntermediateLayerGetter
from torchvision.models.mobilenetv3 import InvertedResidualConfig, MobileNetV3
from torchvision.models.segmentation import DeepLabV3
from torchvision.models.segmentation.deeplabv3 import ASPP

WIDTH = 0.25
ASPP_CHANNELS = 64
RATES = (12, 24, 36)  # of torchvision's DeepLabHead

# MobileNetV3-Large, table 1 of arXiv 1905.02244; the last three rows dilated instead of strided.
# in, kernel, expanded, out, squeeze-excitation, activation, stride, dilation
ROWS = (
    (16, 3, 16, 16, False, "RE", 1, 1),
    (16, 3, 64, 24, False, "RE", 2, 1),
    (24, 3, 72, 24, False, "RE", 1, 1),
    (24, 5, 72, 40, True, "RE", 2, 1),
    (40, 5, 120, 40, True, "RE", 1, 1),
    (40, 5, 120, 40, True, "RE", 1, 1),
    (40, 3, 240, 80, False, "HS", 2, 1),
    (80, 3, 200, 80, False, "HS", 1, 1),
    (80, 3, 184, 80, False, "HS", 1, 1),
    (80, 3, 184, 80, False, "HS", 1, 1),
    (80, 3, 480, 112, True, "HS", 1, 1),
    (112, 3, 672, 112, True, "HS", 1, 1),
    (112, 5, 672, 160, True, "HS", 2, 2),
    (160, 5, 960, 160, True, "HS", 1, 2),
    (160, 5, 960, 160, True, "HS", 1, 2),
)


def build_network(num_classes: int) -> DeepLabV3:
    """Build the network with random weights.

    Args:
        num_classes: channels of the logits.

    Returns:
        Takes Float32[n 3 h w]; gives {"out": Float32[n num_classes h w]}.
    """
    config = partial(InvertedResidualConfig, width_mult=WIDTH)
    features = MobileNetV3([config(*row) for row in ROWS], last_channel=1280).features
    backbone = IntermediateLayerGetter(features, {str(len(features) - 1): "out"})
    channels = features[-1].out_channels
    head = nn.Sequential(
        ASPP(channels, RATES, ASPP_CHANNELS),
        nn.Conv2d(ASPP_CHANNELS, ASPP_CHANNELS, 3, padding=1, bias=False),
        nn.BatchNorm2d(ASPP_CHANNELS),
        nn.ReLU(),
        nn.Conv2d(ASPP_CHANNELS, num_classes, 1),
    )
    return DeepLabV3(backbone, head)
