"""The Swin transformer as its authors named its layers, and as mmsegmentation renamed them.

Facts: https://arxiv.org/abs/2103.14030, github.com/SwinTransformer, mmseg/models/backbones/swin.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isqrt

import torch
import torch.nn.functional as F
from torch import nn

from core.architectures.network import Tensors
from core.architectures.shapes import count, has, size


@dataclass(frozen=True)
class Names:
    """What the layers are called, and in which order four neighbors are merged."""

    patches: str  # the convolution
    patch_norm: str
    stages: str
    attention: str
    mlp: tuple[str, str]
    interleaves: bool  # merged by nn.Unfold, channel by channel


AUTHORS = Names("patch_embed.proj", "patch_embed.norm", "layers", "attn", ("mlp.fc1", "mlp.fc2"),
                interleaves=False)  # fmt: skip
MMSEG = Names("patch_embed.projection", "patch_embed.norm", "stages", "attn.w_msa",
              ("ffn.layers.0.0", "ffn.layers.1"), interleaves=True)  # fmt: skip


def put(module: nn.Module, name: str, child: nn.Module) -> None:
    """Add a layer under a name with dots; what is on the way is made."""
    for part in name.split(".")[:-1]:
        if not hasattr(module, part):
            module.add_module(part, nn.Module())
        module = module.get_submodule(part)
    module.add_module(name.rpartition(".")[2], child)


def linear(tensors: Tensors, name: str) -> nn.Linear:
    """A layer of the file's sizes."""
    out, entering = (size(tensors, f"{name}.weight", axis, 1) for axis in (0, 1))
    return nn.Linear(entering, out, bias=f"{name}.bias" in tensors)


class WindowAttention(nn.Module):
    """Attention among the pixels of a window, with a bias for each distance.

    Args:
        tensors: of the file.
        name: of this layer in it.
    """

    relative_position_index: torch.Tensor

    def __init__(self, tensors: Tensors, name: str) -> None:
        super().__init__()
        places, self.heads = (
            size(tensors, f"{name}.relative_position_bias_table", axis, 1) for axis in (0, 1)
        )
        self.side = (isqrt(places) + 1) // 2
        self.relative_position_bias_table = nn.Parameter(torch.zeros(places, self.heads))
        index = torch.zeros(self.side**2, self.side**2, dtype=torch.int64)
        self.register_buffer("relative_position_index", index)
        self.qkv = linear(tensors, f"{name}.qkv")
        self.proj = linear(tensors, f"{name}.proj")

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """Float32[windows pixels c]; mask Float32[windows pixels pixels], -100 where it is cut."""
        windows, pixels, channels = x.shape
        qkv = self.qkv(x).view(windows, pixels, 3, self.heads, channels // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        bias = self.relative_position_bias_table[self.relative_position_index.view(-1)]
        bias = bias.view(pixels, pixels, -1).permute(2, 0, 1)
        scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1) + bias
        if mask is not None:
            scores = scores + mask[:, None]
        made: torch.Tensor = self.proj(
            (scores.softmax(-1) @ v).transpose(1, 2).reshape(windows, pixels, channels)
        )
        return made


class Block(nn.Module):
    """Attention in windows that every second block shifts by half, and an MLP.

    Args:
        tensors: of the file.
        name: of this block in it.
        names: what its layers are called.
        shifts: whether the windows are shifted.
    """

    def __init__(self, tensors: Tensors, name: str, names: Names, *, shifts: bool) -> None:
        super().__init__()
        width = size(tensors, f"{name}.norm1.weight", 0, 96)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self._attention, self._mlp = names.attention, names.mlp
        attention = WindowAttention(tensors, f"{name}.{names.attention}")
        put(self, names.attention, attention)
        for part in names.mlp:
            put(self, part, linear(tensors, f"{name}.{part}"))
        self.side, self.shift = attention.side, attention.side // 2 if shifts else 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n h w c], the size stays."""
        x = x + self._windowed(self.norm1(x))
        first, second = (self.get_submodule(part) for part in self._mlp)
        made: torch.Tensor = x + second(F.gelu(first(self.norm2(x))))
        return made

    def _windowed(self, x: torch.Tensor) -> torch.Tensor:
        n, h, w, c = x.shape
        side = self.side
        x = F.pad(x, (0, 0, 0, -w % side, 0, -h % side))
        rows, columns = x.shape[1] // side, x.shape[2] // side
        mask = None
        if self.shift:
            x = x.roll((-self.shift, -self.shift), (1, 2))
            mask = self._mask(x.shape[1], x.shape[2], x).repeat(n, 1, 1)
        parts = x.view(n, rows, side, columns, side, c).transpose(2, 3).reshape(-1, side**2, c)
        parts = self.get_submodule(self._attention)(parts, mask)
        x = parts.view(n, rows, columns, side, side, c).transpose(2, 3).reshape(n, *x.shape[1:])
        x = x.roll((self.shift, self.shift), (1, 2)) if self.shift else x
        return x[:, :h, :w]

    def _mask(self, h: int, w: int, like: torch.Tensor) -> torch.Tensor:
        """-100 between pixels of one window that were no neighbors before the shift."""
        rows, columns = (self._regions(length, like) for length in (h, w))
        region = (rows[:, None] * 3 + columns).view(
            h // self.side, self.side, w // self.side, self.side
        )
        region = region.transpose(1, 2).reshape(-1, self.side**2)
        apart = region[:, None] != region[:, :, None]
        return apart.to(like.dtype) * -100.0

    def _regions(self, length: int, like: torch.Tensor) -> torch.Tensor:
        region = torch.zeros(length, dtype=torch.int64, device=like.device)
        region[length - self.side :] = 1
        region[length - self.shift :] = 2
        return region


class Merging(nn.Module):
    """Four neighbors to one pixel of twice the channels."""

    def __init__(self, tensors: Tensors, name: str, *, interleaves: bool) -> None:
        super().__init__()
        self.reduction = linear(tensors, f"{name}.reduction")
        self.norm = nn.LayerNorm(self.reduction.in_features)
        self.interleaves = interleaves

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n h w c] to Float32[n h/2 w/2 2c]."""
        x = F.pad(x, (0, 0, 0, x.shape[2] % 2, 0, x.shape[1] % 2))
        n, h, w, c = x.shape
        four = x.view(n, h // 2, 2, w // 2, 2, c)
        order = (0, 1, 3, 5, 2, 4) if self.interleaves else (0, 1, 3, 4, 2, 5)
        four = four.permute(order).reshape(n, h // 2, w // 2, 4 * c)
        made: torch.Tensor = self.reduction(self.norm(four))
        return made


class Stage(nn.Module):
    """Blocks, and the merging that the next stage begins with."""

    downsample: Merging | None

    def __init__(self, tensors: Tensors, name: str, names: Names) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            Block(tensors, f"{name}.blocks.{k}", names, shifts=bool(k % 2))
            for k in range(count(tensors, f"{name}.blocks."))
        )
        self.downsample = None
        if has(tensors, f"{name}.downsample."):
            self.downsample = Merging(tensors, f"{name}.downsample", interleaves=names.interleaves)


class Swin(nn.Module):
    """The backbone.

    Args:
        tensors: of the backbone, without its prefix.
        names: what its layers are called.
    """

    def __init__(self, tensors: Tensors, names: Names) -> None:
        super().__init__()
        self._names = names
        key = f"{names.patches}.weight"
        width, entering, patch = (size(tensors, key, axis, 1) for axis in (0, 1, 2))
        put(self, names.patches, nn.Conv2d(entering, width, patch, patch))
        self.patch = patch
        if has(tensors, f"{names.patch_norm}."):
            put(self, names.patch_norm, nn.LayerNorm(width))
        stages = range(count(tensors, f"{names.stages}."))
        put(self, names.stages, nn.ModuleList(
            Stage(tensors, f"{names.stages}.{k}", names) for k in stages
        ))  # fmt: skip
        self.channels = [size(tensors, f"norm{k}.weight", 0, width * 2**k) for k in stages]
        for k in stages:
            if f"norm{k}.weight" in tensors:
                self.add_module(f"norm{k}", nn.LayerNorm(self.channels[k]))

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Float32[n c h w] to a feature of each stage, Float32[n c h w]."""
        x = F.pad(x, (0, -x.shape[3] % self.patch, 0, -x.shape[2] % self.patch))
        x = self.get_submodule(self._names.patches)(x).permute(0, 2, 3, 1)
        children: Mapping[str, nn.Module] = dict(self.named_modules())
        if (norm := children.get(self._names.patch_norm)) is not None:
            x = norm(x)
        features = []
        for k, stage in enumerate(self.get_submodule(self._names.stages).children()):
            for block in stage.get_submodule("blocks").children():
                x = block(x)
            if (norm := children.get(f"norm{k}")) is not None:
                features.append(norm(x).permute(0, 3, 1, 2).contiguous())
            if isinstance(stage, Stage) and stage.downsample is not None:
                x = stage.downsample(x)
        return features
