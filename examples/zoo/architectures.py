"""Narrow networks with the names and shapes of known ones, and two that keep their own graph."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import torch
from torch import nn
from torchvision.models.segmentation import FCN, LRASPP
from torchvision.models.segmentation.fcn import FCNHead

from examples.network import build_network

WIDTHS = (8, 16, 32, 48)
LOW = 4  # of MobileNetV3's blocks: the last one at 1/8 of the input


class UNet(nn.Module):
    """The U-Net of milesial/Pytorch-UNet, its bilinear form, three levels deep.

    Args:
        channels: of the input.
        classes: of the logits.
        norm: makes the layer behind a convolution.
    """

    def __init__(self, channels: int, classes: int, norm: Callable[[int], nn.Module]) -> None:
        super().__init__()
        a, b, c, d = WIDTHS
        self.inc = _double(channels, a, norm)
        self.down1, self.down2 = _down(a, b, norm), _down(b, c, norm)
        self.down3 = _down(c, d, norm)
        self.up1, self.up2 = _Up(d + c, c, norm), _Up(c + b, b, norm)
        self.up3 = _Up(b + a, a, norm)
        self.outc = nn.Sequential(OrderedDict(conv=nn.Conv2d(a, classes, 1)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n c h w], sides that 8 divides, to the logits Float32[n classes h w]."""
        first = self.inc(x)
        second = self.down1(first)
        third = self.down2(second)
        x = self.up1(self.down3(third), third)
        logits: torch.Tensor = self.outc(self.up3(self.up2(x, second), first))
        return logits


def _double(
    before: int, after: int, norm: Callable[[int], nn.Module], name: str = "double_conv"
) -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels in (before, after):
        bias = norm is not nn.BatchNorm2d
        layers += [nn.Conv2d(channels, after, 3, padding=1, bias=bias), norm(after), nn.ReLU()]
    return nn.Sequential(OrderedDict([(name, nn.Sequential(*layers))]))


def _down(before: int, after: int, norm: Callable[[int], nn.Module]) -> nn.Sequential:
    halved = nn.Sequential(nn.MaxPool2d(2), _double(before, after, norm))
    return nn.Sequential(OrderedDict(maxpool_conv=halved))


class _Up(nn.Module):
    def __init__(self, before: int, after: int, norm: Callable[[int], nn.Module]) -> None:
        super().__init__()
        self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.conv = _double(before, after, norm)

    def forward(self, deep: torch.Tensor, shallow: torch.Tensor) -> torch.Tensor:
        joined: torch.Tensor = self.conv(torch.cat([shallow, self.up(deep)], dim=1))
        return joined


def _fcn(channels: int, classes: int) -> nn.Module:
    example = build_network(classes)
    width = list(example.backbone.children())[-1].out_channels
    network: nn.Module = FCN(example.backbone, FCNHead(width, classes))
    return network


def _lraspp(channels: int, classes: int) -> nn.Module:
    from torchvision.models._utils import IntermediateLayerGetter

    features = build_network(classes).backbone
    last = len(features) - 1
    low, high = features[str(LOW)].out_channels, features[str(last)].out_channels
    both = IntermediateLayerGetter(features, {str(LOW): "low", str(last): "high"})
    network: nn.Module = LRASPP(both, low, high, classes, 32)
    return network


BUILDERS: dict[str, Callable[[int, int], nn.Module]] = {
    "unet": lambda channels, classes: UNet(channels, classes, nn.BatchNorm2d),
    "plain": lambda channels, classes: UNet(channels, classes, lambda _: nn.Identity()),
    "group": lambda channels, classes: UNet(channels, classes, lambda c: nn.GroupNorm(4, c)),
    "deeplab": lambda channels, classes: build_network(classes),
    "fcn": _fcn,
    "lraspp": _lraspp,
}
