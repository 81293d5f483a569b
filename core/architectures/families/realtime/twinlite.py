"""TwinLiteNet of github.com/chequanghuy/TwinLiteNet: drivable area and lane lines, of one body.

Each of its two heads has two classes; which one is looked at is a choice.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import nn

from core.architectures.families.realtime.parts import Layers, built
from core.architectures.families.repositories.repository_source import repository_source
from core.architectures.network import Network, Tensors, choose
from core.architectures.shapes import count, has, size
from core.checkpoint import Checkpoint

EPSILON = 1e-3  # of every BatchNorm there
RATES = (1, 2, 4, 8, 16)  # of the five filters of a block
OUTPUT = "output"
HEADS = {"drivable area": 1, "lane lines": 2}  # number in the names of its layers


def matches(checkpoint: Checkpoint) -> bool:
    """Whether the keys are laid out as in that repository."""
    return has(checkpoint.tensors, "encoder.level2_0.d16.", "encoder.sa.", "up_1_1.", "up_1_2.")


def build(checkpoint: Checkpoint, chosen: Mapping[str, str]) -> Network:
    """Rebuild the network; widths and depths are in the keys and shapes.

    Raises:
        ArchitectureError: tensors are missing or have another shape.
    """
    tensors = checkpoint.tensors
    head = choose(OUTPUT, tuple(HEADS), chosen)
    number = HEADS[head.taken]
    return built(
        lambda tensors: TwinLiteNet(tensors, number),
        checkpoint,
        f"TwinLiteNet, {head.taken}",
        first="encoder.level1.conv.weight",
        last=f"classifier_{number}.bn",
        choices=(head,),
        source=repository_source(
            "github.com/chequanghuy/TwinLiteNet",
            "model.TwinLite",
            "TwinLiteNet",
            f"p={count(tensors, 'encoder.level2.')}",
            f"q={count(tensors, 'encoder.level3.')}",
            head=f"network(x)[{number - 1}]",
        ),
    )


class TwinLiteNet(nn.Module):
    """The body, and both ways up.

    Args:
        tensors: their names and shapes tell all sizes.
        head: 1 or 2, the one that runs.
    """

    def __init__(self, tensors: Tensors, head: int) -> None:
        super().__init__()
        self.head = head
        self.encoder = Encoder(tensors)
        for number in HEADS.values():
            for name in (f"up_1_{number}", f"up_2_{number}", f"classifier_{number}"):
                self.add_module(name, Doubling(tensors, name))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n c h w] to logits of the same size; it fits multiples of 8."""
        x = self.encoder(x)
        for name in (f"up_1_{self.head}", f"up_2_{self.head}", f"classifier_{self.head}"):
            x = self.get_submodule(name)(x)
        return x


class Encoder(nn.Module):
    """To an eighth of the size, then attention over places and over channels."""

    def __init__(self, tensors: Tensors) -> None:
        super().__init__()
        names = ("level1", "b1", "b2", "b3", "conv_sa", "conv_sc", "classifier")
        for name in names:
            step = 2 if name == "level1" else 1
            self.add_module(name, filtering(tensors, f"encoder.{name}", step))
        for level in (2, 3):
            start = f"encoder.level{level}"
            self.add_module(f"level{level}_0", Pyramid(tensors, f"{start}_0", halves=True))
            blocks = count(tensors, f"{start}.")
            pyramids = (Pyramid(tensors, f"{start}.{n}", halves=False) for n in range(blocks))
            self.add_module(f"level{level}", nn.Sequential(*pyramids))
        self.sa = Places(tensors, "encoder.sa")
        self.sc = Channels()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n c h w] to features of an eighth of the size."""
        run = self.get_submodule
        half = F.avg_pool2d(x, 3, 2, 1)
        y = run("b1")(torch.cat([run("level1")(x), half], dim=1))
        first = run("level2_0")(y)
        quarter = F.avg_pool2d(half, 3, 2, 1)
        y = run("b2")(torch.cat([run("level2")(first), first, quarter], dim=1))
        first = run("level3_0")(y)
        y = run("b3")(torch.cat([first, run("level3")(first)], dim=1))
        both = run("conv_sa")(self.sa(y)) + run("conv_sc")(self.sc(y))
        features: torch.Tensor = run("classifier")(both)
        return features


def filtering(
    tensors: Tensors, name: str, stride: int = 1, rate: int = 1, *, alone: bool = False
) -> Layers:
    """Convolution, BatchNorm, PReLU of each channel; or the convolution alone."""
    channels = size(tensors, f"{name}.conv.weight", 1, 12)
    return Layers(tensors, name, channels, stride, rate, has_norm=not alone, epsilon=EPSILON)


class Doubling(nn.Module):
    """A transposed convolution to twice the size, BatchNorm, PReLU."""

    def __init__(self, tensors: Tensors, name: str) -> None:
        super().__init__()
        weight = f"{name}.deconv.weight"
        channels, out = size(tensors, weight, 0, 16), size(tensors, weight, 1, 2)
        self.deconv = nn.ConvTranspose2d(channels, out, 2, 2, bias=False)
        self.bn, self.act = nn.BatchNorm2d(out, EPSILON), nn.PReLU(out)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n channels h w] to Float32[n out 2h 2w]."""
        y: torch.Tensor = self.act(self.bn(self.deconv(x)))
        return y


class Pyramid(nn.Module):
    """Narrow, filter with five gaps, add one after the other, side by side (ESP).

    Args:
        tensors: of the network.
        name: of the block.
        halves: it halves the size; else its input is added.
    """

    def __init__(self, tensors: Tensors, name: str, *, halves: bool) -> None:
        super().__init__()
        self.halves = halves
        self.c1 = filtering(tensors, f"{name}.c1", 2 if halves else 1, alone=True)
        for rate in RATES:
            filters = filtering(tensors, f"{name}.d{rate}", rate=rate, alone=True)
            self.add_module(f"d{rate}", filters)
        key = f"{name}.bn.weight" if halves else f"{name}.bn.bn.weight"
        out = size(tensors, key, 0, 64)
        norm, act = nn.BatchNorm2d(out, EPSILON), nn.PReLU(out)
        self.bn: nn.Module = norm if halves else Normed(norm, act)
        if halves:
            self.act = act

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n channels h w] to Float32[n out h w], or half as large."""
        narrow = self.c1(x)
        first, *others = (self.get_submodule(f"d{rate}")(narrow) for rate in RATES)
        sums = [others[0]]
        for other in others[1:]:
            sums.append(sums[-1] + other)
        y = torch.cat([first, *sums], dim=1)
        if self.halves:
            halved: torch.Tensor = self.act(self.bn(y))
            return halved
        added: torch.Tensor = self.bn(x + y)
        return added


class Normed(nn.Module):
    """BatchNorm and PReLU."""

    def __init__(self, norm: nn.Module, act: nn.Module) -> None:
        super().__init__()
        self.bn, self.act = norm, act

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n c h w] to the same."""
        y: torch.Tensor = self.act(self.bn(x))
        return y


class Places(nn.Module):
    """What every place sees at all others, weighed by likeness, times a number, added."""

    def __init__(self, tensors: Tensors, name: str) -> None:
        super().__init__()
        weight = f"{name}.query_conv.weight"
        narrow, channels = size(tensors, weight, 0, 4), size(tensors, weight, 1, 32)
        self.query_conv = nn.Conv2d(channels, narrow, 1)
        self.key_conv = nn.Conv2d(channels, narrow, 1)
        self.value_conv = nn.Conv2d(channels, channels, 1)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n c h w] to the same."""
        query, key = self.query_conv(x).flatten(2), self.key_conv(x).flatten(2)
        alike = (query.transpose(1, 2) @ key).softmax(dim=-1)  # n h*w h*w
        seen = self.value_conv(x).flatten(2) @ alike.transpose(1, 2)
        added: torch.Tensor = x + self.gamma * seen.reshape(x.shape)
        return added


class Channels(nn.Module):
    """The same for channels; the less alike two are, the more they see of each other."""

    def __init__(self) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n c h w] to the same."""
        flat = x.flatten(2)
        alike = flat @ flat.transpose(1, 2)  # n c c
        unlike = (alike.amax(dim=-1, keepdim=True) - alike).softmax(dim=-1)
        return x + self.gamma * (unlike @ flat).reshape(x.shape)
