"""BEiT as mmsegmentation names it, and the neck that makes four sizes of its one.

Facts: https://arxiv.org/abs/2106.08254, mmseg/models/backbones/beit.py, necks/featurepyramid.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt

import torch
import torch.nn.functional as F
from torch import nn

from core.architectures.families.swin import linear, put
from core.architectures.network import Tensors
from core.architectures.shapes import count, has, size

EPSILON = 1e-6  # of its LayerNorms, in all of the repository's configs
MLP = ("ffn.layers.0.0", "ffn.layers.1")
PLACES = "layers.0.attn.relative_position_bias_table"


def side_of(tensors: Tensors) -> int:
    """The only height and width of a picture, in pixels, that the tables of positions are for."""
    patches = (isqrt(max(0, size(tensors, PLACES, 0, 732) - 3)) + 1) // 2
    return patches * size(tensors, "patch_embed.projection.weight", 2, 16)


class Attention(nn.Module):
    """Attention among all patches and one token, with a bias for each distance."""

    relative_position_index: torch.Tensor

    def __init__(self, tensors: Tensors, name: str) -> None:
        super().__init__()
        table = f"{name}.relative_position_bias_table"
        places, self.heads = (size(tensors, table, axis, 1) for axis in (0, 1))
        patches = ((isqrt(max(0, places - 3)) + 1) // 2) ** 2 + 1
        self.relative_position_bias_table = nn.Parameter(torch.zeros(places, self.heads))
        index = torch.zeros(patches, patches, dtype=torch.int64)
        self.register_buffer("relative_position_index", index)
        self.qkv, self.proj = linear(tensors, f"{name}.qkv"), linear(tensors, f"{name}.proj")
        if f"{name}.q_bias" in tensors:
            for part in ("q_bias", "v_bias"):
                self.register_parameter(part, nn.Parameter(torch.zeros(self.qkv.in_features)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n tokens c], the size stays."""
        n, tokens, channels = x.shape
        bias: torch.Tensor | None = self.qkv.bias
        if hasattr(self, "q_bias"):  # keys have none
            q_bias, v_bias = self.get_parameter("q_bias"), self.get_parameter("v_bias")
            bias = torch.cat((q_bias, torch.zeros_like(q_bias), v_bias))
        qkv = F.linear(x, self.qkv.weight, bias)
        q, k, v = qkv.view(n, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        near = self.relative_position_bias_table[self.relative_position_index.view(-1)]
        near = near.view(tokens, tokens, -1).permute(2, 0, 1)
        scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1) + near
        made: torch.Tensor = self.proj(
            (scores.softmax(-1) @ v).transpose(1, 2).reshape(n, tokens, channels)
        )
        return made


class Layer(nn.Module):
    """Attention and an MLP, each scaled before it is added."""

    def __init__(self, tensors: Tensors, name: str) -> None:
        super().__init__()
        width = size(tensors, f"{name}.ln1.weight", 0, 768)
        self.ln1, self.ln2 = nn.LayerNorm(width, eps=EPSILON), nn.LayerNorm(width, eps=EPSILON)
        self.attn = Attention(tensors, f"{name}.attn")
        for part in MLP:
            put(self, part, linear(tensors, f"{name}.{part}"))
        self.gamma_1, self.gamma_2 = (nn.Parameter(torch.ones(width)) for _ in range(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n tokens c], the size stays."""
        x = x + self.gamma_1 * self.attn(self.ln1(x))
        first, second = (self.get_submodule(part) for part in MLP)
        made: torch.Tensor = x + self.gamma_2 * second(F.gelu(first(self.ln2(x))))
        return made


class BEiT(nn.Module):
    """The backbone.

    Args:
        tensors: of the backbone, without its prefix.
        read: the numbers of the layers whose output is a feature.
    """

    def __init__(self, tensors: Tensors, read: Sequence[int]) -> None:
        super().__init__()
        key = "patch_embed.projection.weight"
        width, entering, patch = (size(tensors, key, axis, 16) for axis in (0, 1, 2))
        put(self, "patch_embed.projection", nn.Conv2d(entering, width, patch, patch))
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.layers = nn.ModuleList(
            Layer(tensors, f"layers.{k}") for k in range(count(tensors, "layers."))
        )
        if has(tensors, "ln1."):
            self.ln1 = nn.LayerNorm(width, eps=EPSILON)
        self.read, self.channels = tuple(read), [width] * len(read)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Float32[n c h w] to features of one size, Float32[n c h/patch w/patch]."""
        patches = self.get_submodule("patch_embed.projection")(x)
        n, width, h, w = patches.shape
        tokens = patches.flatten(2).transpose(1, 2)
        x = torch.cat((self.cls_token.expand(n, -1, -1), tokens), 1)
        features = []
        for k, layer in enumerate(self.layers):
            x = layer(x)
            if hasattr(self, "ln1") and k == len(self.layers) - 1:
                x = self.ln1(x)
            if k in self.read:
                features.append(x[:, 1:].transpose(1, 2).reshape(n, width, h, w).contiguous())
        return features


class Pyramid(nn.Module):
    """Four features of one size to four sizes: 4 and 2 times larger, the same, half.

    Args:
        tensors: of the neck, without its prefix.
    """

    def __init__(self, tensors: Tensors) -> None:
        super().__init__()
        width = size(tensors, "upsample_2x.0.weight", 0, 768)
        self.upsample_4x = nn.Sequential(
            nn.ConvTranspose2d(width, width, 2, 2), nn.BatchNorm2d(width), nn.GELU(),
            nn.ConvTranspose2d(width, width, 2, 2),
        )  # fmt: skip
        self.upsample_2x = nn.Sequential(nn.ConvTranspose2d(width, width, 2, 2))

    def forward(self, features: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Four features of Float32[n c h w]."""
        first, second, third, fourth = features
        return [
            self.upsample_4x(first),
            self.upsample_2x(second),
            third,
            F.max_pool2d(fourth, 2, 2),
        ]
