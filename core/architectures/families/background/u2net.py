"""U2-Net, U2-NetP and IS-Net: a U of blocks that are U's themselves.

Facts: github.com/xuebinqin/U-2-Net (https://arxiv.org/abs/2005.09007) and github.com/xuebinqin/DIS
(https://arxiv.org/abs/2203.03041), which has the same blocks behind a convolution of stride 2, and
no fusion of its maps. Each ends in a sigmoid.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import nn

from core.architectures.class_scores import ending_in
from core.architectures.families.blocks import upsample
from core.architectures.families.repositories.repository_source import repository_source
from core.architectures.finish import finish
from core.architectures.network import Choice, Network, Source, Tensors, choose
from core.architectures.shapes import has, size
from core.checkpoint import Checkpoint

MAP = "output map"
FUSED, FINEST = "d0 (fused)", "d1 (finest)"
MAPS = (FINEST, "d2", "d3", "d4", "d5", "d6 (coarsest)")
DOWN = tuple(f"stage{k}" for k in range(1, 7))
UP = tuple(f"stage{k}d" for k in (5, 4, 3, 2, 1))
DILATED = ("stage5", "stage6", "stage5d")  # these blocks get wider rates instead of smaller maps
RATES = (1, 2, 4, 8)  # of a dilated block


def matches(checkpoint: Checkpoint) -> bool:
    """Whether the keys are laid out as in these repositories."""
    starts = (f"{stage}.rebnconvin.conv_s1." for stage in (*DOWN, *UP))
    return has(checkpoint.tensors, *starts, "side1.", "side6.")


def build(checkpoint: Checkpoint, chosen: Mapping[str, str]) -> Network:
    """Rebuild the network; which of its maps is looked at is a choice.

    Raises:
        ArchitectureError: tensors are missing or have another shape.
    """
    tensors = checkpoint.tensors
    fuses = has(tensors, "outconv.")
    taken = choose(MAP, (FUSED, *MAPS) if fuses else MAPS, chosen)
    name = "U2-Net" if fuses else "IS-Net"
    network = finish(
        lambda: NestedU(tensors, taken.options.index(taken.taken)),
        checkpoint,
        f"{name}P" if fuses and _is_small(tensors) else name,
        first="stage1.rebnconvin.conv_s1.weight" if fuses else "conv_in.weight",
        last="side1",
        choices=(taken,),
        source=_source(tensors, fuses, taken),
    )
    return replace(network, scores=ending_in("sigmoid"))


def _source(tensors: Tensors, fuses: bool, taken: Choice) -> Source:
    """The author's own class, which returns all maps."""
    classes = size(tensors, "side1.weight", 0, 1)
    place = taken.options.index(taken.taken)
    if not fuses:
        source = repository_source(
            "github.com/xuebinqin/DIS", "models.isnet", "ISNetDIS",
            str(size(tensors, "conv_in.weight", 1, 3)), str(classes),
        )  # fmt: skip
        return replace(source, heads={"out": f"network(x)[0][{place}]"})
    source = repository_source(
        "github.com/xuebinqin/U-2-Net", "model", "U2NETP" if _is_small(tensors) else "U2NET",
        str(size(tensors, "stage1.rebnconvin.conv_s1.weight", 1, 3)), str(classes),
    )  # fmt: skip
    return replace(source, heads={"out": f"network(x)[{place}]"})


def _is_small(tensors: Tensors) -> bool:
    """U2-NetP has as many channels at all depths."""
    ends = {size(tensors, f"{stage}.rebnconvin.conv_s1.weight", 0, 0) for stage in (*DOWN, *UP)}
    return len(ends) == 1


class Unit(nn.Module):
    """Convolution, BatchNorm, ReLU, under the author's names.

    Args:
        tensors: of the file.
        name: of this unit in it.
        rate: of the dilation.
    """

    def __init__(self, tensors: Tensors, name: str, rate: int = 1) -> None:
        super().__init__()
        out = size(tensors, f"{name}.conv_s1.weight", 0, 16)
        entering = size(tensors, f"{name}.conv_s1.weight", 1, 16)
        self.conv_s1 = nn.Conv2d(entering, out, 3, padding=rate, dilation=rate)
        self.bn_s1 = nn.BatchNorm2d(out)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n c h w], the size stays."""
        made: torch.Tensor = F.relu(self.bn_s1(self.conv_s1(x)))
        return made


class Block(nn.Module):
    """A U with a bridge around it (RSU): as deep as its units, the lowest one dilated.

    Args:
        tensors: of the file.
        name: of this block in it.
    """

    def __init__(self, tensors: Tensors, name: str) -> None:
        super().__init__()
        self.depth = sum(f"{name}.rebnconv{k}.conv_s1.weight" in tensors for k in range(1, 10))
        self.shrinks = name not in DILATED
        self.rebnconvin = Unit(tensors, f"{name}.rebnconvin")
        for k in range(1, self.depth + 1):
            self.add_module(f"rebnconv{k}", Unit(tensors, f"{name}.rebnconv{k}", self._rate(k)))
        for k in range(self.depth - 1, 0, -1):
            self.add_module(f"rebnconv{k}d", Unit(tensors, f"{name}.rebnconv{k}d", self._rate(k)))

    def _rate(self, k: int) -> int:
        if not self.shrinks:
            return RATES[min(k, len(RATES)) - 1]
        return 2 if k == self.depth else 1

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n c h w], the size stays."""
        entered: torch.Tensor = self.rebnconvin(x)
        levels, y = [], entered
        for k in range(1, self.depth):
            y = self.get_submodule(f"rebnconv{k}")(y)
            levels.append(y)
            if self.shrinks and k < self.depth - 1:
                y = shrunk(y)
        y = self.get_submodule(f"rebnconv{self.depth}")(y)
        for k in range(self.depth - 1, 0, -1):
            level = levels[k - 1]
            if y.shape[2:] != level.shape[2:]:
                y = upsample(y, level, align_corners=False)
            y = self.get_submodule(f"rebnconv{k}d")(torch.cat((y, level), 1))
        made: torch.Tensor = y + entered
        return made


def shrunk(x: torch.Tensor) -> torch.Tensor:
    """Half the size; a last odd row or column stays."""
    return F.max_pool2d(x, 2, 2, ceil_mode=True)


class NestedU(nn.Module):
    """Six blocks down, five up, and a map from each of them.

    Args:
        tensors: of the file.
        place: which map is returned, in the order of the author's output.
    """

    def __init__(self, tensors: Tensors, place: int) -> None:
        super().__init__()
        self.place = place
        if has(tensors, "conv_in."):
            entering, out = (size(tensors, "conv_in.weight", axis, 64) for axis in (1, 0))
            self.conv_in = nn.Conv2d(entering, out, 3, 2, 1)
        for stage in (*DOWN, *UP):
            self.add_module(stage, Block(tensors, stage))
        for k in range(1, 7):
            out, entering = (size(tensors, f"side{k}.weight", axis, 1) for axis in (0, 1))
            self.add_module(f"side{k}", nn.Conv2d(entering, out, 3, padding=1))
        if has(tensors, "outconv."):
            out, entering = (size(tensors, "outconv.weight", axis, 1) for axis in (0, 1))
            self.outconv = nn.Conv2d(entering, out, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n c h w] to one map, Float32[n classes h w] of 0..1."""
        features = self._features(self.conv_in(x) if hasattr(self, "conv_in") else x)
        if not hasattr(self, "outconv"):
            side = self.get_submodule(f"side{self.place + 1}")
            made: torch.Tensor = upsample(side(features[self.place]), x, align_corners=False)
            return made.sigmoid()
        if self.place:
            return self._side(features, self.place - 1, x).sigmoid()
        sides = [self._side(features, k, x) for k in range(6)]
        fused: torch.Tensor = self.outconv(torch.cat(sides, 1))
        return fused.sigmoid()

    def _side(self, features: list[torch.Tensor], k: int, x: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self.get_submodule(f"side{k + 1}")(features[k])
        return made if made.shape[2:] == x.shape[2:] else upsample(made, x, align_corners=False)

    def _features(self, x: torch.Tensor) -> list[torch.Tensor]:
        """What each of the six levels ends with, the finest first."""
        down = []
        for k, stage in enumerate(DOWN):
            x = self.get_submodule(stage)(shrunk(x) if k else x)
            down.append(x)
        ends = [x]
        for stage, level in zip(UP, down[-2::-1], strict=True):
            x = upsample(x, level, align_corners=False)
            x = self.get_submodule(stage)(torch.cat((x, level), 1))
            ends.insert(0, x)
        return ends
