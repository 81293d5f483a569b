"""The blocks that Ultralytics' semantic networks are made of; all sizes are the tensors' own.

Facts: docs.ultralytics.com/guides/yolo-architecture, https://arxiv.org/abs/2405.14458 (attention),
and the TensorRT networks of github.com/wang-xinyu/tensorrtx (MIT). None of Ultralytics' code.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from core.architectures.families.yolo.told import Told
from core.architectures.network import Tensors
from core.architectures.shapes import count, has, size

EPSILON = 1e-3  # of every BatchNorm there; a pickled module says the same
HEAD_WIDTH = 64  # channels of an attention head, where no module tells how many heads there are
POOLED = 5  # side of the pooling's window, where no module tells it


class Unit(nn.Module):
    """Convolution (`conv`), BatchNorm (`bn`) and SiLU.

    Args:
        tensors: of the network.
        name: of this unit in it.
        channels: that come in; fewer in the weight mean groups.
        stride: 1 or 2.
        active: whether SiLU follows.
    """

    def __init__(
        self, tensors: Tensors, name: str, channels: int, stride: int = 1, *, active: bool = True
    ) -> None:
        super().__init__()
        weight = f"{name}.conv.weight"
        self.out = size(tensors, weight, 0, size(tensors, f"{name}.bn.weight", 0, 64))
        kernel = size(tensors, weight, 2, 3)
        groups = max(1, channels // size(tensors, weight, 1, channels))
        if channels % groups or self.out % groups:
            groups = 1  # no convolution has these sizes: the account names the tensor
        self.conv = nn.Conv2d(
            channels, self.out, kernel, stride, kernel // 2, groups=groups, bias=False
        )
        self.bn = nn.BatchNorm2d(self.out, EPSILON)
        self.active = active

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n channels h w] to Float32[n out h/stride w/stride]."""
        y: torch.Tensor = self.bn(self.conv(x))
        return F.silu(y) if self.active else y


class Bottleneck(nn.Module):
    """Two units; their input is added where the widths agree."""

    def __init__(self, tensors: Tensors, name: str, channels: int, told: Told) -> None:
        super().__init__()
        self.cv1 = Unit(tensors, f"{name}.cv1", channels)
        self.cv2 = Unit(tensors, f"{name}.cv2", self.cv1.out)
        self.out = self.cv2.out
        self.adds = bool(told.number(f"{name}.add", self.out == channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n channels h w] to Float32[n out h w]."""
        y: torch.Tensor = self.cv2(self.cv1(x))
        return x + y if self.adds else y


class TwoWays(nn.Module):
    """Bottlenecks in a row (`cv1`, `m`) beside a unit (`cv2`), joined by another (C3, C3k)."""

    def __init__(self, tensors: Tensors, name: str, channels: int, told: Told) -> None:
        super().__init__()
        self.cv1 = Unit(tensors, f"{name}.cv1", channels)
        self.cv2 = Unit(tensors, f"{name}.cv2", channels)
        width, rows = self.cv1.out, count(tensors, f"{name}.m.")
        self.m = nn.Sequential(
            *(Bottleneck(tensors, f"{name}.m.{n}", width, told) for n in range(rows))
        )
        self.cv3 = Unit(tensors, f"{name}.cv3", width + self.cv2.out)
        self.out = self.cv3.out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n channels h w] to Float32[n out h w]."""
        y: torch.Tensor = self.cv3(torch.cat([self.m(self.cv1(x)), self.cv2(x)], dim=1))
        return y


class Split(nn.Module):
    """One half goes through blocks in a row; all that comes out of each is joined (C2f, C3k2)."""

    def __init__(self, tensors: Tensors, name: str, channels: int, told: Told) -> None:
        super().__init__()
        self.cv1 = Unit(tensors, f"{name}.cv1", channels)
        width, rows = self.cv1.out // 2, count(tensors, f"{name}.m.")
        self.m = nn.ModuleList(_inner(tensors, f"{name}.m.{n}", width, told) for n in range(rows))
        self.cv2 = Unit(tensors, f"{name}.cv2", (2 + rows) * width)
        self.out = self.cv2.out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n channels h w] to Float32[n out h w]."""
        parts = list(self.cv1(x).chunk(2, dim=1))
        for block in self.m:
            parts.append(block(parts[-1]))
        y: torch.Tensor = self.cv2(torch.cat(parts, dim=1))
        return y


def _inner(tensors: Tensors, name: str, width: int, told: Told) -> nn.Module:
    """A bottleneck, two ways of them, or one with attention behind it."""
    if has(tensors, f"{name}.cv3."):
        return TwoWays(tensors, name, width, told)
    if has(tensors, f"{name}.1.attn."):
        first = Bottleneck(tensors, f"{name}.0", width, told)
        return nn.Sequential(first, Attending(tensors, f"{name}.1", width, told))
    return Bottleneck(tensors, name, width, told)


class Pooling(nn.Module):
    """The largest of larger and larger surroundings, beside what they are of (SPPF)."""

    def __init__(
        self, tensors: Tensors, name: str, channels: int, told: Told, *, active: bool
    ) -> None:
        super().__init__()
        self.cv1 = Unit(tensors, f"{name}.cv1", channels, active=active)
        joined = size(tensors, f"{name}.cv2.conv.weight", 1, 4 * self.cv1.out)
        self.times = max(0, joined // self.cv1.out - 1)
        self.cv2 = Unit(tensors, f"{name}.cv2", (1 + self.times) * self.cv1.out)
        self.out, self.side = self.cv2.out, told.number(f"{name}.m.kernel_size", POOLED)
        self.adds = bool(told.number(f"{name}.add", self.out == channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n channels h w] to Float32[n out h w]."""
        parts = [self.cv1(x)]
        for _ in range(self.times):
            parts.append(F.max_pool2d(parts[-1], self.side, 1, self.side // 2))
        y: torch.Tensor = self.cv2(torch.cat(parts, dim=1))
        return x + y if self.adds else y


class Attention(nn.Module):
    """Every place looks at all others; a filter of the values tells where they are."""

    def __init__(self, tensors: Tensors, name: str, channels: int, told: Told) -> None:
        super().__init__()
        self.heads = max(1, told.number(f"{name}.num_heads", channels // HEAD_WIDTH))
        self.qkv = Unit(tensors, f"{name}.qkv", channels, active=False)
        self.key = max(1, (self.qkv.out - channels) // (2 * self.heads))
        self.pe = Unit(tensors, f"{name}.pe", channels, active=False)
        self.proj = Unit(tensors, f"{name}.proj", channels, active=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n c h w] to the same."""
        n, channels, h, w = x.shape
        each = self.qkv(x).reshape(n, self.heads, -1, h * w)  # of a head: query, key, value
        query, key, value = each.split([self.key, self.key, channels // self.heads], dim=2)
        alike = (query.transpose(2, 3) @ key * self.key**-0.5).softmax(dim=-1)  # n heads h*w h*w
        seen = (value @ alike.transpose(2, 3)).reshape(x.shape)
        y: torch.Tensor = self.proj(seen + self.pe(value.reshape(x.shape)))
        return y


class Attending(nn.Module):
    """Attention, then two units that widen and narrow; each is added to its input (PSABlock)."""

    def __init__(self, tensors: Tensors, name: str, channels: int, told: Told) -> None:
        super().__init__()
        self.attn = Attention(tensors, f"{name}.attn", channels, told)
        wide = Unit(tensors, f"{name}.ffn.0", channels)
        self.ffn = nn.Sequential(wide, Unit(tensors, f"{name}.ffn.1", wide.out, active=False))
        self.adds = bool(told.number(f"{name}.add", 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n channels h w] to the same."""
        x = x + self.attn(x) if self.adds else self.attn(x)
        y: torch.Tensor = self.ffn(x)
        return x + y if self.adds else y


class HalfAttending(nn.Module):
    """One half of the channels goes through attention, the other stays (C2PSA)."""

    def __init__(self, tensors: Tensors, name: str, channels: int, told: Told) -> None:
        super().__init__()
        self.cv1 = Unit(tensors, f"{name}.cv1", channels)
        width, rows = self.cv1.out // 2, count(tensors, f"{name}.m.")
        self.m = nn.Sequential(
            *(Attending(tensors, f"{name}.m.{n}", width, told) for n in range(rows))
        )
        self.cv2 = Unit(tensors, f"{name}.cv2", 2 * width)
        self.out = self.cv2.out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n channels h w] to Float32[n out h w]."""
        stays, goes = self.cv1(x).chunk(2, dim=1)
        y: torch.Tensor = self.cv2(torch.cat([stays, self.m(goes)], dim=1))
        return y
