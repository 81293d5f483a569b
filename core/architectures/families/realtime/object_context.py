"""Object context (OCR): each pixel is told what the objects that it resembles look like."""

from __future__ import annotations

import torch
from torch import nn

from core.architectures.network import Tensors
from core.architectures.shapes import size


def pixels_by_class(features: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
    """The mean feature of each class, where rough scores say how much a pixel is of it.

    Args:
        features: Float32[n c h w].
        scores: Float32[n k h w], logits.

    Returns:
        Float32[n c k 1].
    """
    shares = scores.flatten(2).softmax(dim=-1)  # n k h*w: over the pixels
    means = shares @ features.flatten(2).transpose(1, 2)  # n k c
    return means.transpose(1, 2).unsqueeze(-1)


def nested(channels: int, out: int) -> list[nn.Module]:
    """A 1x1 convolution, and BatchNorm with ReLU as one child."""
    norm = nn.Sequential(nn.BatchNorm2d(out), nn.ReLU())
    return [nn.Conv2d(channels, out, 1, bias=False), norm]


class Attention(nn.Module):
    """For every pixel the objects, weighed by how alike they are."""

    def __init__(self, tensors: Tensors, start: str, channels: int) -> None:
        super().__init__()
        width = size(tensors, f"{start}f_down.0.weight", 0, channels // 2)
        self.width = width
        self.f_pixel = nn.Sequential(*nested(channels, width), *nested(width, width))
        self.f_object = nn.Sequential(*nested(channels, width), *nested(width, width))
        self.f_down = nn.Sequential(*nested(channels, width))
        self.f_up = nn.Sequential(*nested(width, channels))

    def forward(self, x: torch.Tensor, objects: torch.Tensor) -> torch.Tensor:
        """Float32[n c h w] and Float32[n c k 1] to Float32[n c h w]."""
        query = self.f_pixel(x).flatten(2).transpose(1, 2)  # n h*w width
        key = self.f_object(objects).flatten(2)  # n width k
        value = self.f_down(objects).flatten(2).transpose(1, 2)  # n k width
        alike = (query @ key * self.width**-0.5).softmax(dim=-1)
        context = (alike @ value).transpose(1, 2).reshape(len(x), self.width, *x.shape[-2:])
        y: torch.Tensor = self.f_up(context)
        return y


class ObjectContext(nn.Module):
    """The features beside their context, brought back to their width."""

    def __init__(self, tensors: Tensors, start: str, channels: int) -> None:
        super().__init__()
        inner = f"{start}object_context_block."
        out = size(tensors, f"{start}conv_bn_dropout.0.weight", 0, channels)
        self.object_context_block = Attention(tensors, inner, channels)
        self.conv_bn_dropout = nn.Sequential(*nested(2 * channels, out))

    def forward(self, x: torch.Tensor, objects: torch.Tensor) -> torch.Tensor:
        """Float32[n c h w] and Float32[n c k 1] to Float32[n out h w]."""
        both = torch.cat([self.object_context_block(x, objects), x], dim=1)
        y: torch.Tensor = self.conv_bn_dropout(both)
        return y
