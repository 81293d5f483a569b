"""Backbones of mmsegmentation: ResNet with either stem, and the Mix Transformer of SegFormer.

Each returns its four features, the shallow ones first. Names of children are those of its
checkpoints.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import nn

from core.architectures.network import Tensors
from core.architectures.shapes import count, has, size

STRIDES = {"8": (1, 2, 1, 1), "16": (1, 2, 2, 1), "32": (1, 2, 2, 2)}  # of the stages


class Block(nn.Module):
    """A residual block of two (3x3, 3x3) or three (1x1, 3x3, 1x1) convolutions.

    Args:
        channels: that come in.
        width: of the 3x3 convolution.
        out: that go out; with three convolutions four times the width.
        stride: of the first 3x3 convolution.
        rate: its dilation.
    """

    def __init__(self, channels: int, width: int, out: int, stride: int, rate: int) -> None:
        super().__init__()
        deep = out != width
        sizes = [(channels, width, 1), (width, width, 3), (width, out, 1)]
        if not deep:
            sizes = [(channels, width, 3), (width, out, 3)]
        self.last = len(sizes)
        for number, (before, after, kernel) in enumerate(sizes, start=1):
            spread = rate if kernel == 3 and (deep or number == 1) else 1
            step = stride if number == (2 if deep else 1) else 1
            conv = nn.Conv2d(
                before, after, kernel, step, spread * (kernel // 2), spread, bias=False
            )
            self.add_module(f"conv{number}", conv)
            self.add_module(f"bn{number}", nn.BatchNorm2d(after))
        self.downsample = None
        if stride != 1 or channels != out:
            wider = nn.Conv2d(channels, out, 1, stride, bias=False)
            self.downsample = nn.Sequential(wider, nn.BatchNorm2d(out))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n channels h w] to Float32[n out h/stride w/stride]."""
        y = x
        for number in range(1, self.last + 1):
            y = self.get_submodule(f"bn{number}")(self.get_submodule(f"conv{number}")(y))
            y = F.relu(y) if number < self.last else y
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    """ResNet, or V1c with three 3x3 convolutions in front (`stem`).

    Args:
        tensors: of the backbone, without its prefix.
        stride: a key of `STRIDES`: how much smaller the last feature is than the picture.
    """

    def __init__(self, tensors: Tensors, stride: str) -> None:
        super().__init__()
        deep = has(tensors, "layer1.0.conv3.")
        channels = self._front(tensors)
        self.channels = []
        rate = 1
        for stage, step in enumerate(STRIDES[stride], start=1):
            before, rate = rate, rate * (2 if stage > 2 and step == 1 else 1)
            width = size(tensors, f"layer{stage}.0.conv1.weight", 0, 64 * 2 ** (stage - 1))
            out = 4 * width if deep else width
            blocks = []
            for block in range(count(tensors, f"layer{stage}.")):
                first = block == 0  # mmseg: contract_dilation, the first has the rate before
                blocks.append(Block(channels, width, out, step if first else 1,
                                    before if first else rate))  # fmt: skip
                channels = out
            self.add_module(f"layer{stage}", nn.Sequential(*blocks))
            self.channels.append(channels)

    def _front(self, tensors: Tensors) -> int:
        """The layers before the first stage; returns the channels that come out."""
        if not has(tensors, "stem."):
            channels = size(tensors, "conv1.weight", 0, 64)
            entering = size(tensors, "conv1.weight", 1, 3)
            self.conv1 = nn.Conv2d(entering, channels, 7, 2, 3, bias=False)
            self.bn1 = nn.BatchNorm2d(channels)
            return channels
        widths = [size(tensors, f"stem.{place}.weight", 0, 32) for place in (0, 3, 6)]
        layers: list[nn.Module] = []
        before = size(tensors, "stem.0.weight", 1, 3)
        for width, step in zip(widths, (2, 1, 1), strict=True):
            conv = nn.Conv2d(before, width, 3, step, 1, bias=False)
            layers += [conv, nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
            before = width
        self.stem = nn.Sequential(*layers)
        return before

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Float32[n c h w] to four features."""
        x = self.stem(x) if hasattr(self, "stem") else F.relu(self.bn1(self.conv1(x)))
        x = F.max_pool2d(x, 3, 2, 1)
        features = []
        for stage in range(1, 5):
            x = self.get_submodule(f"layer{stage}")(x)
            features.append(x)
        return features


# --- Mix Transformer ------------------------------------------------------------------------------


class MixTransformer(nn.Module):
    """Four stages of overlapping patches, attention on a shrunk copy, and a mixing MLP.

    Args:
        tensors: of the backbone, without its prefix.
        heads: of the attention, per stage.
    """

    def __init__(self, tensors: Tensors, heads: Sequence[int]) -> None:
        super().__init__()
        self.layers = nn.ModuleList()
        self.channels = []
        before = size(tensors, "layers.0.0.projection.weight", 1, 3)
        for stage in range(count(tensors, "layers.")):
            start = f"layers.{stage}."
            width = size(tensors, f"{start}0.projection.weight", 0, 32)
            kernel = size(tensors, f"{start}0.projection.weight", 2, 3)
            shrunk = size(tensors, f"{start}1.0.attn.sr.weight", 2, 1)
            hidden = size(tensors, f"{start}1.0.ffn.layers.0.weight", 0, 4 * width)
            blocks = nn.ModuleList(
                MixBlock(width, heads[stage], shrunk, hidden)
                for _ in range(count(tensors, f"{start}1."))
            )
            patches = Patches(before, width, kernel, 4 if stage == 0 else 2)
            self.layers.append(nn.ModuleList([patches, blocks, nn.LayerNorm(width, eps=1e-6)]))
            self.channels.append(width)
            before = width

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Float32[n c h w] to four features."""
        features = []
        for stage in self.layers:
            patches, blocks, norm = cast(nn.ModuleList, stage)
            x = patches(x)
            h, w = x.shape[-2:]
            tokens = cast(Patches, patches).norm(x.flatten(2).transpose(1, 2))
            for block in cast(nn.ModuleList, blocks):
                tokens = block(tokens, (h, w))
            x = as_map(norm(tokens), (h, w))
            features.append(x)
        return features


def as_map(tokens: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
    """Float32[n h*w c] to Float32[n c h w]."""
    return tokens.transpose(1, 2).reshape(len(tokens), -1, *shape)


class Patches(nn.Module):
    """A strided convolution; its LayerNorm is applied to the tokens by the caller."""

    def __init__(self, channels: int, out: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.projection = nn.Conv2d(channels, out, kernel, stride, kernel // 2)
        self.norm = nn.LayerNorm(out, eps=1e-6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n channels h w] to Float32[n out h/stride w/stride]."""
        patches: torch.Tensor = self.projection(x)
        return patches


class MixBlock(nn.Module):
    """Attention and MLP, each on what LayerNorm gives, each added."""

    def __init__(self, width: int, heads: int, shrunk: int, hidden: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
        self.attn = ShrunkAttention(width, heads, shrunk)
        self.ffn = MixMLP(width, hidden)

    def forward(self, x: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
        """Float32[n h*w width] to the same."""
        x = x + self.attn(self.norm1(x), shape)
        mixed: torch.Tensor = x + self.ffn(self.norm2(x), shape)
        return mixed


class ShrunkAttention(nn.Module):
    """Attention whose keys and values come from a copy that is `shrunk` times smaller a side."""

    def __init__(self, width: int, heads: int, shrunk: int) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)
        if shrunk > 1:
            self.sr = nn.Conv2d(width, width, shrunk, shrunk)
            self.norm = nn.LayerNorm(width, eps=1e-6)

    def forward(self, x: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
        """Float32[n h*w width] to the same."""
        seen = x
        if hasattr(self, "sr"):
            seen = self.norm(self.sr(as_map(x, shape)).flatten(2).transpose(1, 2))
        answer: torch.Tensor = self.attn(x, seen, seen, need_weights=False)[0]
        return answer


class MixMLP(nn.Module):
    """Widen, mix neighbors by a 3x3 convolution of each channel, GELU, narrow."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        alone = nn.Conv2d(hidden, hidden, 3, 1, 1, groups=hidden)
        # 3 is mmseg's dropout, which has no numbers and does nothing here.
        self.layers = nn.Sequential(
            nn.Conv2d(width, hidden, 1),
            alone,
            nn.GELU(),
            nn.Identity(),
            nn.Conv2d(hidden, width, 1),
        )

    def forward(self, x: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
        """Float32[n h*w width] to the same."""
        mixed: torch.Tensor = self.layers(as_map(x, shape)).flatten(2).transpose(1, 2)
        return mixed
