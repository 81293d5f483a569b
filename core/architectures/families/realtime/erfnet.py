"""ERFNet of github.com/Eromera/erfnet_pytorch: residual blocks of rows and columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import nn

from core.architectures.families.realtime.parts import built
from core.architectures.families.repositories.repository_source import repository_source
from core.architectures.network import Network, Tensors
from core.architectures.shapes import count, has, outputs, size
from core.architectures.sizes import Sizes
from core.checkpoint import Checkpoint

EPSILON = 1e-3  # of every BatchNorm there
RATES = (2, 4, 8, 16)  # of the blocks at an eighth of the size, over and over
STEP = 8  # its halvings round differently: height and width are multiples of it
DEEP = 128  # channels of those blocks
FIRST, LAST = "encoder.initial_block.conv.weight", "decoder.output_conv"
ENCODED = "encoder.output_conv"  # the head of the encoder's own training


def matches(checkpoint: Checkpoint) -> bool:
    """Whether the keys are laid out as in that repository."""
    return has(
        checkpoint.tensors, "encoder.initial_block.", "encoder.layers.1.conv3x1_1.", f"{LAST}."
    )


def build(checkpoint: Checkpoint, chosen: Mapping[str, str]) -> Network:
    """Rebuild the network; widths and depths are in the keys and shapes.

    Raises:
        ArchitectureError: tensors are missing or have another shape.
    """
    classes = _classes(checkpoint.tensors)
    network = built(
        ERFNet,
        checkpoint,
        "ERFNet",
        first=FIRST,
        last=LAST,
        idle=(f"{ENCODED}.",),
        source=repository_source(
            "github.com/Eromera/erfnet_pytorch", "train.erfnet", "Net", f"num_classes={classes}"
        ),
    )
    return replace(network, num_classes=classes, sizes=Sizes().in_steps(STEP))


def _classes(tensors: Tensors) -> int:
    """Of a transposed convolution, whose weight has them second; or of its bias."""
    return size(tensors, f"{LAST}.weight", 1, size(tensors, f"{LAST}.bias", 0, 20))


class ERFNet(nn.Module):
    """Three halvings with residual blocks between them, and three doublings.

    Args:
        tensors: their names and shapes tell all sizes.
    """

    def __init__(self, tensors: Tensors) -> None:
        super().__init__()
        self.encoder = Encoder(tensors)
        self.decoder = Decoder(tensors)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n c h w] to logits of the same size; it fits multiples of 8."""
        logits: torch.Tensor = self.decoder(self.encoder(x))
        return logits


class Encoder(nn.Module):
    """From the picture to features of an eighth of the size."""

    def __init__(self, tensors: Tensors) -> None:
        super().__init__()
        self.initial_block = Halving(tensors, "encoder.initial_block")
        self.layers = nn.ModuleList()
        dilated = 0
        for number in range(count(tensors, "encoder.layers.")):
            name = f"encoder.layers.{number}"
            if has(tensors, f"{name}.conv."):
                self.layers.append(Halving(tensors, name))
                continue
            deep = size(tensors, f"{name}.conv3x1_1.weight", 0, 64) == DEEP
            self.layers.append(Block(tensors, name, RATES[dilated % len(RATES)] if deep else 1))
            dilated += deep
        if has(tensors, f"{ENCODED}."):
            weight = f"{ENCODED}.weight"
            entering = size(tensors, weight, 1, DEEP)
            self.output_conv = nn.Conv2d(entering, outputs(tensors, ENCODED, 20), 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n c h w] to features of an eighth of the size."""
        x = self.initial_block(x)
        for layer in self.layers:
            x = layer(x)
        return x


class Decoder(nn.Module):
    """Back to the size of the picture."""

    def __init__(self, tensors: Tensors) -> None:
        super().__init__()
        self.layers = nn.ModuleList()
        for number in range(count(tensors, "decoder.layers.")):
            name = f"decoder.layers.{number}"
            doubles = has(tensors, f"{name}.conv.")
            self.layers.append(Doubling(tensors, name) if doubles else Block(tensors, name, 1))
        channels = size(tensors, f"{LAST}.weight", 0, 16)
        self.output_conv = nn.ConvTranspose2d(channels, _classes(tensors), 2, stride=2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features of an eighth of the size to logits of all of it."""
        for layer in self.layers:
            x = layer(x)
        logits: torch.Tensor = self.output_conv(x)
        return logits


class Halving(nn.Module):
    """A convolution beside the largest value, both of half the size."""

    def __init__(self, tensors: Tensors, name: str) -> None:
        super().__init__()
        weight = f"{name}.conv.weight"
        more, channels = size(tensors, weight, 0, 13), size(tensors, weight, 1, 3)
        self.conv = nn.Conv2d(channels, more, 3, 2, 1)
        self.bn = nn.BatchNorm2d(more + channels, EPSILON)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n c h w] to features of half the size."""
        return F.relu(self.bn(torch.cat([self.conv(x), F.max_pool2d(x, 2, 2)], dim=1)))


class Doubling(nn.Module):
    """A transposed convolution to twice the size."""

    def __init__(self, tensors: Tensors, name: str) -> None:
        super().__init__()
        weight = f"{name}.conv.weight"
        channels, out = size(tensors, weight, 0, 64), size(tensors, weight, 1, 16)
        self.conv = nn.ConvTranspose2d(channels, out, 3, 2, 1, output_padding=1)
        self.bn = nn.BatchNorm2d(out, EPSILON)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n c h w] to features of twice the size."""
        return F.relu(self.bn(self.conv(x)))


class Block(nn.Module):
    """Columns, rows, and both again with gaps, added."""

    def __init__(self, tensors: Tensors, name: str, rate: int) -> None:
        super().__init__()
        width = size(tensors, f"{name}.conv3x1_1.weight", 0, 64)
        for number, gap in ((1, 1), (2, rate)):
            column = nn.Conv2d(width, width, (3, 1), padding=(gap, 0), dilation=(gap, 1))
            row = nn.Conv2d(width, width, (1, 3), padding=(0, gap), dilation=(1, gap))
            self.add_module(f"conv3x1_{number}", column)
            self.add_module(f"conv1x3_{number}", row)
            self.add_module(f"bn{number}", nn.BatchNorm2d(width, EPSILON))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n width h w] to the same."""
        y = x
        for number in (1, 2):
            y = F.relu(y) if number == 2 else y
            y = F.relu(self.get_submodule(f"conv3x1_{number}")(y))
            y = self.get_submodule(f"bn{number}")(self.get_submodule(f"conv1x3_{number}")(y))
        return F.relu(x + y)
