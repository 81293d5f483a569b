"""A semantic network laid out as Ultralytics' public configuration says, written a second time.

Classes and attributes have the names that their pickled modules have; what they compute is written
from the documentation, and in another way than in `core/architectures/families/yolo`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import torch
import torch.nn.functional as F
from torch import nn

CONV, BLOCK = "ultralytics.nn.modules.conv", "ultralytics.nn.modules.block"
HEAD, TASKS = "ultralytics.nn.modules.head", "ultralytics.nn.tasks"


class Conv(nn.Module):
    def __init__(self, c1, c2, k=1, s=1, g=1, act=True):
        super().__init__()
        self.conv = nn.Conv2d(c1, c2, k, s, k // 2, groups=g, bias=False)
        self.bn = nn.BatchNorm2d(c2, eps=1e-3, momentum=0.03)
        self.act = nn.SiLU(inplace=True) if act else nn.Identity()

    def forward(self, x):
        return self.act(self.bn(self.conv(x)))


class Bottleneck(nn.Module):
    def __init__(self, c, e, shortcut=True):
        super().__init__()
        self.cv1, self.cv2 = Conv(c, int(c * e), 3), Conv(int(c * e), c, 3)
        self.add = shortcut

    def forward(self, x):
        return self.cv2(self.cv1(x)) + (x if self.add else 0)


class C3k(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.cv1, self.cv2, self.cv3 = Conv(c, c // 2), Conv(c, c // 2), Conv(c, c)
        self.m = nn.Sequential(*(Bottleneck(c // 2, 1.0) for _ in range(2)))

    def forward(self, x):
        return self.cv3(torch.cat((self.m(self.cv1(x)), self.cv2(x)), 1))


class C3k2(nn.Module):
    def __init__(self, c1, c2, n, c3k, e=0.5, shortcut=True):
        super().__init__()
        self.c = int(c2 * e)
        self.cv1, self.cv2 = Conv(c1, 2 * self.c), Conv((2 + n) * self.c, c2)
        make = C3k if c3k else lambda c: Bottleneck(c, 0.5, shortcut)
        self.m = nn.ModuleList(make(self.c) for _ in range(n))

    def forward(self, x):
        wide = self.cv1(x)
        last, all_of_them = wide[:, self.c :], wide
        for block in self.m:
            last = block(last)
            all_of_them = torch.cat((all_of_them, last), 1)
        return self.cv2(all_of_them)


class SPPF(nn.Module):
    def __init__(self, c1, c2, k=5, n=3, shortcut=True, act=False):
        super().__init__()
        self.cv1, self.cv2 = Conv(c1, c1 // 2, act=act), Conv(c1 // 2 * (n + 1), c2)
        self.m, self.n, self.add = nn.MaxPool2d(k, 1, k // 2), n, shortcut and c1 == c2

    def forward(self, x):
        y = self.cv1(x)
        wider = [F.max_pool2d(y, s, 1, s // 2) for s in (5, 9, 13)]  # the same, one by one
        y = self.cv2(torch.cat((y, *wider), 1))
        return y + x if self.add else y


class Attention(nn.Module):
    def __init__(self, dim, num_heads):
        super().__init__()
        self.num_heads, self.head_dim = num_heads, dim // num_heads
        self.key_dim = self.head_dim // 2
        self.scale = self.key_dim**-0.5
        self.qkv = Conv(dim, dim + 2 * self.key_dim * num_heads, act=False)
        self.proj, self.pe = Conv(dim, dim, act=False), Conv(dim, dim, 3, g=dim, act=False)

    def forward(self, x):
        b, c, h, w = x.shape
        step, wide = 2 * self.key_dim + self.head_dim, self.qkv(x)
        seen, values = [], []
        for head in range(self.num_heads):
            part = wide[:, head * step : (head + 1) * step].flatten(2)
            q, k, v = part.split((self.key_dim, self.key_dim, self.head_dim), 1)
            weights = torch.softmax(torch.einsum("bci,bcj->bij", q, k) * self.scale, 2)
            seen.append(torch.einsum("bij,bcj->bci", weights, v))
            values.append(v)
        seen, values = (torch.cat(all_, 1).view(b, c, h, w) for all_ in (seen, values))
        return self.proj(seen + self.pe(values))


class PSABlock(nn.Module):
    def __init__(self, c, num_heads):
        super().__init__()
        self.attn, self.add = Attention(c, num_heads), True
        self.ffn = nn.Sequential(Conv(c, 2 * c), Conv(2 * c, c, act=False))

    def forward(self, x):
        x = x + self.attn(x)
        return x + self.ffn(x)


class C2PSA(nn.Module):
    def __init__(self, c1, n, num_heads=0):
        super().__init__()
        self.c = c1 // 2
        self.cv1, self.cv2 = Conv(c1, c1), Conv(c1, c1)
        heads = num_heads or max(1, self.c // 64)
        self.m = nn.Sequential(*(PSABlock(self.c, heads) for _ in range(n)))

    def forward(self, x):
        wide = self.cv1(x)
        return self.cv2(torch.cat((wide[:, : self.c], self.m(wide[:, self.c :])), 1))


class Concat(nn.Module):
    def __init__(self):
        super().__init__()
        self.d = 1

    def forward(self, x):
        return torch.cat(x, self.d)


class SemanticSegment(nn.Module):
    """The classifier on the finer map; the other one is of use in training."""

    def __init__(self, nc, fine, coarse):
        super().__init__()
        self.nc = nc
        self.classifier = nn.Sequential(
            Conv(fine, fine, 3), Conv(fine, fine, 3, g=fine), nn.Conv2d(fine, nc, 1)
        )
        self.aux = nn.Sequential(Conv(coarse, fine, 3), nn.Conv2d(fine, nc, 1))

    def forward(self, x):
        return self.classifier(x[0])


class SemanticSegmentationModel(nn.Module):
    """yolo26-sem.yaml: what feeds which layer stands beside the modules, as in the pickled ones.

    Args:
        widths: channels of the five halvings of the picture.
        n: blocks in a row.
        nc: classes.
        c3k: whether also the shallow blocks go two ways, as in the larger networks.
    """

    def __init__(self, widths, n=1, nc=3, c3k=False, num_heads=0, act=False):
        super().__init__()
        a, b, c, d, e = widths
        rows = [
            (-1, Conv(3, a, 3, 2)),
            (-1, Conv(a, b, 3, 2)),
            (-1, C3k2(b, c, n, c3k, 0.25)),
            (-1, Conv(c, c, 3, 2)),
            (-1, C3k2(c, d, n, c3k, 0.25)),
            (-1, Conv(d, d, 3, 2)),
            (-1, C3k2(d, d, n, True)),
            (-1, Conv(d, e, 3, 2)),
            (-1, C3k2(e, e, n, True)),
            (-1, SPPF(e, e, act=act)),
            (-1, C2PSA(e, n, num_heads)),
            (-1, nn.Upsample(None, 2, "nearest")),
            ([-1, 6], Concat()),
            (-1, C3k2(e + d, d, n, True)),
            (-1, nn.Upsample(None, 2, "nearest")),
            ([-1, 4], Concat()),
            (-1, C3k2(2 * d, c, n, True)),
            ([16, 13], SemanticSegment(nc, c, d)),
        ]
        for i, (f, module) in enumerate(rows):
            module.i, module.f = i, f
            module.type = f"{type(module).__module__}.{type(module).__qualname__}"
        self.model = nn.Sequential(*(module for _, module in rows))
        self.yaml = {"nc": nc, "scale": "n"}
        self.names = {k: f"class {k}" for k in range(nc)}

    def forward(self, x):
        out = []
        for module in self.model:
            feeding = [module.f] if isinstance(module.f, int) else module.f
            inputs = [x if not out else out[f] for f in feeding]
            out.append(module(inputs[0] if isinstance(module.f, int) else inputs))
        return out[-1]


@contextmanager
def as_ultralytics() -> Iterator[None]:
    """The classes above can be pickled under the names that they have there."""
    of_blocks = (Bottleneck, C3k, C3k2, SPPF, Attention, PSABlock, C2PSA)
    places = {CONV: (Conv, Concat), BLOCK: of_blocks, HEAD: (SemanticSegment,),
              TASKS: (SemanticSegmentationModel,)}  # fmt: skip
    names = {".".join(p.split(".")[:k]) for p in places for k in range(1, 5)}
    own = {cls: cls.__module__ for classes in places.values() for cls in classes}
    sys.modules |= {name: ModuleType(name) for name in names}
    for place, classes in places.items():
        for cls in classes:
            cls.__module__ = place
            setattr(sys.modules[place], cls.__name__, cls)
    try:
        yield
    finally:
        for cls, before in own.items():
            cls.__module__ = before
        for name in names:
            sys.modules.pop(name, None)
