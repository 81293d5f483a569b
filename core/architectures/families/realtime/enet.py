"""ENet of github.com/davidtvs/PyTorch-ENet: maxima come back to their places."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import nn

from core.architectures.families.realtime.parts import built
from core.architectures.families.repositories.repository_source import repository_source
from core.architectures.network import Network, Source, Tensors
from core.architectures.shapes import has, size
from core.checkpoint import Checkpoint

FIRST, LAST = "initial_block.main_branch.weight", "transposed_conv"
# By the name of the file: where a block is in the network, and the dilation of its name.
BLOCK = re.compile(r"(downsample|upsample|regular|dilated|asymmetric)(\d)_(\d+)\.")
RATES = {"dilated2_2": 2, "dilated2_4": 4, "dilated2_6": 8, "dilated2_8": 16,
         "dilated3_1": 2, "dilated3_3": 4, "dilated3_5": 8, "dilated3_7": 16}  # fmt: skip


def matches(checkpoint: Checkpoint) -> bool:
    """Whether the keys are laid out as in that repository."""
    return has(
        checkpoint.tensors, "initial_block.", "downsample1_0.ext_conv1.", "upsample4_0.ext_tconv1."
    )


def build(checkpoint: Checkpoint, chosen: Mapping[str, str]) -> Network:
    """Rebuild the network; whether it has PReLU or ReLU shows in its keys.

    Raises:
        ArchitectureError: tensors are missing or have another shape.
    """
    tensors = checkpoint.tensors
    classes = size(tensors, f"{LAST}.weight", 1, 0)  # of a transposed convolution
    network = built(
        ENet, checkpoint, "ENet", first=FIRST, last=LAST, source=_source(tensors, classes)
    )
    return replace(network, num_classes=classes)


def _source(tensors: Tensors, classes: int) -> Source:
    return repository_source(
        "github.com/davidtvs/PyTorch-ENet",
        "models.enet",
        "ENet",
        f"num_classes={classes}",
        f"encoder_relu={not has(tensors, 'initial_block.out_prelu.')}",
        f"decoder_relu={not has(tensors, 'upsample4_0.out_prelu.')}",
    )


def _places(tensors: Tensors) -> list[str]:
    """The names of the blocks in the order in which they are run."""
    found = {m[0][:-1]: (int(m[2]), int(m[3])) for key in tensors if (m := BLOCK.match(key))}
    return sorted(found, key=lambda name: found[name])


class ENet(nn.Module):
    """Blocks in a row; what a halving one dropped comes back where its twin doubles.

    Args:
        tensors: their names and shapes tell all sizes.
    """

    def __init__(self, tensors: Tensors) -> None:
        super().__init__()
        self.initial_block = Initial(tensors)
        self.places = _places(tensors)
        for name in self.places:
            self.add_module(name, _block(tensors, name))
        weight = f"{LAST}.weight"
        channels, classes = size(tensors, weight, 0, 16), size(tensors, weight, 1, 2)
        self.transposed_conv = nn.ConvTranspose2d(channels, classes, 3, 2, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n c h w] to logits of the same size."""
        picture = x.shape[-2:]
        x = self.initial_block(x)
        dropped: list[tuple[torch.Tensor, torch.Size]] = []
        for name in self.places:
            block = self.get_submodule(name)
            if isinstance(block, Halving):
                before = x.shape[-2:]
                x, places = block(x)
                dropped.append((places, before))
            elif isinstance(block, Doubling):
                x = block(x, *dropped.pop())
            else:
                x = block(x)
        logits: torch.Tensor = self.transposed_conv(x, output_size=picture)
        return logits


def _block(tensors: Tensors, name: str) -> nn.Module:
    kind = {"downsample": Halving, "upsample": Doubling}
    found = BLOCK.match(f"{name}.")
    return kind.get(found[1] if found else "", Regular)(tensors, name)


def _activation(tensors: Tensors, name: str) -> nn.Module:
    """One for the whole block: PReLU where the file has its weight."""
    return nn.PReLU() if f"{name}.out_prelu.weight" in tensors else nn.ReLU()


def _units(tensors: Tensors, name: str, activation: nn.Module, **options: int) -> nn.Sequential:
    """Convolution, BatchNorm, activation: as often as the file has it under this name."""
    return nn.Sequential(*_layers(tensors, name, activation, **options))


def _layers(
    tensors: Tensors, name: str, activation: nn.Module, stride: int = 1, rate: int = 1
) -> Iterator[nn.Module]:
    for place in (0, 3):
        weight = tensors.get(f"{name}.{place}.weight")
        if weight is None:
            continue
        out, channels, *kernel = (int(side) for side in weight.shape)
        padding = [0 if stride > 1 else rate * (side // 2) for side in kernel]
        bias = f"{name}.{place}.bias" in tensors
        yield nn.Conv2d(channels, out, kernel, stride, padding, rate, bias=bias)  # type: ignore[arg-type]
        yield nn.BatchNorm2d(out)
        yield activation


class Initial(nn.Module):
    """A convolution beside the largest value, both of half the size."""

    def __init__(self, tensors: Tensors) -> None:
        super().__init__()
        out, channels = size(tensors, FIRST, 0, 13), size(tensors, FIRST, 1, 3)
        bias = "initial_block.main_branch.bias" in tensors
        self.main_branch = nn.Conv2d(channels, out, 3, 2, 1, bias=bias)
        self.batch_norm = nn.BatchNorm2d(out + channels)
        self.out_prelu = _activation(tensors, "initial_block")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n c h w] to features of half the size."""
        both = torch.cat([self.main_branch(x), F.max_pool2d(x, 3, 2, 1)], dim=1)
        y: torch.Tensor = self.out_prelu(self.batch_norm(both))
        return y


class Regular(nn.Module):
    """Narrow, filter (maybe with gaps, or by rows and columns), widen, add."""

    def __init__(self, tensors: Tensors, name: str) -> None:
        super().__init__()
        self.out_prelu = _activation(tensors, name)
        rate = RATES.get(name, 1)
        self.ext_conv1 = _units(tensors, f"{name}.ext_conv1", self.out_prelu)
        self.ext_conv2 = _units(tensors, f"{name}.ext_conv2", self.out_prelu, rate=rate)
        self.ext_conv3 = _units(tensors, f"{name}.ext_conv3", self.out_prelu)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n c h w] to the same."""
        y: torch.Tensor = self.out_prelu(x + self.ext_conv3(self.ext_conv2(self.ext_conv1(x))))
        return y


class Halving(nn.Module):
    """The largest of four, in channels filled up with zeros, plus what a narrow path says."""

    def __init__(self, tensors: Tensors, name: str) -> None:
        super().__init__()
        self.out_prelu = _activation(tensors, name)
        self.ext_conv1 = _units(tensors, f"{name}.ext_conv1", self.out_prelu, stride=2)
        self.ext_conv2 = _units(tensors, f"{name}.ext_conv2", self.out_prelu)
        self.ext_conv3 = _units(tensors, f"{name}.ext_conv3", self.out_prelu)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Float32[n c h w] to features of half the size, and the places Int64 of the maxima."""
        largest, places = F.max_pool2d(x, 2, 2, return_indices=True)
        y = self.ext_conv3(self.ext_conv2(self.ext_conv1(x)))
        more = y.shape[1] - largest.shape[1]
        return self.out_prelu(y + F.pad(largest, (0, 0, 0, 0, 0, more))), places


class Doubling(nn.Module):
    """Every value back to the place of its maximum, plus what a narrow path says."""

    def __init__(self, tensors: Tensors, name: str) -> None:
        super().__init__()
        self.out_prelu = self.ext_tconv1_activation = _activation(tensors, name)
        self.main_conv1 = _units(tensors, f"{name}.main_conv1", nn.Identity())
        self.ext_conv1 = _units(tensors, f"{name}.ext_conv1", self.out_prelu)
        narrow = size(tensors, f"{name}.ext_tconv1.weight", 0, 16)
        bias = f"{name}.ext_tconv1.bias" in tensors
        self.ext_tconv1 = nn.ConvTranspose2d(narrow, narrow, 2, 2, bias=bias)
        self.ext_tconv1_bnorm = nn.BatchNorm2d(narrow)
        self.ext_conv2 = _units(tensors, f"{name}.ext_conv2", self.out_prelu)

    def forward(self, x: torch.Tensor, places: torch.Tensor, size: torch.Size) -> torch.Tensor:
        """Float32[n c h w] to features of that size, about twice as large."""
        back = F.max_unpool2d(self.main_conv1(x), places, [2, 2], output_size=size)
        y = self.ext_tconv1_bnorm(self.ext_tconv1(self.ext_conv1(x), output_size=size))
        y = self.ext_conv2(self.ext_tconv1_activation(y))
        z: torch.Tensor = self.out_prelu(back + y)
        return z
