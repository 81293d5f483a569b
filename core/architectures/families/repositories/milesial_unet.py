"""The U-Net of github.com/milesial/Pytorch-UNet, in its present and its first (2018) layout."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import nn

from core.architectures.families.repositories.repository_source import repository_source
from core.architectures.finish import finish
from core.architectures.network import Network, Source, Tensors
from core.architectures.shapes import count, has, outputs, size
from core.checkpoint import Checkpoint

# Where the two convolutions of each part lie, by layout; its beginning in the keys of `inc` first.
NEW = {"inc": "double_conv", "down": "maxpool_conv.1.double_conv", "up": "conv.double_conv"}
OLD = {"inc": "conv.conv", "down": "mpconv.1.conv", "up": "conv.conv"}


def matches(checkpoint: Checkpoint) -> bool:
    """Whether the keys are laid out as in that repository."""
    tensors = checkpoint.tensors
    return any(
        has(tensors, f"inc.{at['inc']}.", f"down1.{at['down']}.", f"up1.{at['up']}.", "outc.conv.")
        for at in (NEW, OLD)
    )


def build(checkpoint: Checkpoint, chosen: Mapping[str, str]) -> Network:
    """Rebuild the network; width, depth, biases and the way up are in the keys and shapes.

    Raises:
        ArchitectureError: tensors are missing or have another shape.
    """
    tensors = checkpoint.tensors
    at = NEW if has(tensors, f"inc.{NEW['inc']}.") else OLD
    way = "transposed convolutions" if has(tensors, "up1.up.") else "bilinear"
    title = f"U-Net, {way}" + (" (layout of 2018)" if at is OLD else "")
    first = f"inc.{at['inc']}.0.weight"
    return finish(
        lambda: UNet(tensors, at),
        checkpoint,
        title,
        first=first,
        last="outc.conv",
        source=_source(tensors, first) if at is NEW else None,
    )


def _source(tensors: Tensors, first: str) -> Source | None:
    """The author's own class, where width and depth are the author's."""
    if count(tensors, "down") != 4 or size(tensors, first, 0, 0) != 64:
        return None
    return repository_source(
        "github.com/milesial/Pytorch-UNet",
        "unet",
        "UNet",
        f"n_channels={size(tensors, first, 1, 3)}",
        f"n_classes={outputs(tensors, 'outc.conv', 2)}",
        f"bilinear={not has(tensors, 'up1.up.')}",
    )


class UNet(nn.Module):
    """Halve the picture level by level, then double it again beside what was there before.

    Args:
        tensors: their shapes tell all sizes.
        at: NEW or OLD.
    """

    def __init__(self, tensors: Tensors, at: Mapping[str, str]) -> None:
        super().__init__()
        levels = count(tensors, "down")
        self.inc = _named(at["inc"], _two_convolutions(tensors, f"inc.{at['inc']}"))
        for level in range(1, levels + 1):
            convs = _two_convolutions(tensors, f"down{level}.{at['down']}")
            self.add_module(f"down{level}", _down(at["down"], convs))
        for level in range(1, levels + 1):
            convs = _two_convolutions(tensors, f"up{level}.{at['up']}")
            self.add_module(f"up{level}", Up(at["up"], _doubling(tensors, f"up{level}.up"), convs))
        joined = size(tensors, "outc.conv.weight", 1, 64)
        self.outc = _named("conv", nn.Conv2d(joined, outputs(tensors, "outc.conv", 2), 1))
        self.levels = levels

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n c h w] to the logits Float32[n num_classes h w]."""
        kept = [self.inc(x)]
        for level in range(1, self.levels + 1):
            kept.append(self.get_submodule(f"down{level}")(kept[-1]))
        x = kept.pop()
        for level in range(1, self.levels + 1):
            x = self.get_submodule(f"up{level}")(x, kept.pop())
        logits: torch.Tensor = self.outc(x)
        return logits


class Up(nn.Module):
    """Double the deeper features, pad them to the size of the shallower, and join both."""

    def __init__(self, path: str, up: nn.Module, convs: nn.Module) -> None:
        super().__init__()
        self.up = up
        self.conv = _named(path.removeprefix("conv."), convs)

    def forward(self, deep: torch.Tensor, shallow: torch.Tensor) -> torch.Tensor:
        """Both Float32[n c h w]; the result is as large as the shallower."""
        deep = self.up(deep)
        rows, columns = (a - b for a, b in zip(shallow.shape[2:], deep.shape[2:], strict=True))
        borders = [columns // 2, columns - columns // 2, rows // 2, rows - rows // 2]
        joined: torch.Tensor = self.conv(torch.cat([shallow, F.pad(deep, borders)], dim=1))
        return joined


def _down(path: str, convs: nn.Module) -> nn.Sequential:
    """Halve, then the two convolutions as child 1."""
    outer, _, inner = path.split(".")
    return _named(outer, nn.Sequential(nn.MaxPool2d(2), _named(inner, convs)))


def _named(path: str, layer: nn.Module) -> nn.Sequential:
    """A layer whose keys begin with a path of names: "conv.conv"."""
    for name in reversed(path.split(".")):
        layer = nn.Sequential(OrderedDict([(name, layer)]))
    return layer  # type: ignore[return-value]  # a path has at least one name


def _two_convolutions(tensors: Tensors, start: str) -> nn.Sequential:
    layers: list[nn.Module] = []
    for place in (0, 3):
        weight, norm = f"{start}.{place}.weight", f"{start}.{place + 1}"
        out = size(tensors, weight, 0, outputs(tensors, norm, 64))
        conv = nn.Conv2d(size(tensors, weight, 1, 64), out, 3, padding=1, bias=_has_biases(tensors))
        layers += [conv, nn.BatchNorm2d(out), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


def _has_biases(tensors: Tensors) -> bool:
    """Whether the convolutions before a BatchNorm have biases: in the versions before 2022."""
    return any(key.endswith((".0.bias", ".3.bias")) for key in tensors)


def _doubling(tensors: Tensors, key: str) -> nn.Module:
    if not has(tensors, "up1.up."):
        return nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
    weight, bias = f"{key}.weight", f"{key}.bias"
    out = size(tensors, weight, 1, size(tensors, bias, 0, 64))
    return nn.ConvTranspose2d(size(tensors, weight, 0, 64), out, 2, stride=2)
