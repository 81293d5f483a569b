"""Layers by number, each with the numbers of those that feed it, as a file's modules say it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from core.architectures.families.yolo import yolo_blocks as blocks
from core.architectures.families.yolo.told import Told
from core.architectures.network import Tensors
from core.architectures.shapes import has
from core.errors import ArchitectureError

ENLARGE, JOIN = "Upsample", "Concat"  # the classes of layers without tensors
# Of yolo26-sem.yaml, where no module tells more: layers without tensors, and what feeds a layer.
KINDS = {11: ENLARGE, 12: JOIN, 14: ENLARGE, 15: JOIN}
FED_BY = {12: (-1, 6), 15: (-1, 4), 17: (16, 13)}
MOST = 200  # layers; the longest published configuration has 36
EXPORT_IT = (
    "Export it where it was trained (yolo export format=onnx) and upload the .onnx; it runs where "
    "the host allows ONNX."
)
FACTOR = 2  # how much larger a map is made


@dataclass(frozen=True)
class Plan:
    """Which layers there are."""

    kinds: tuple[str, ...]  # ENLARGE, JOIN, or "" for one with tensors
    fed_by: tuple[tuple[int, ...], ...]  # numbers of layers; -1 is the picture

    @property
    def head(self) -> int:
        """The number of the last one."""
        return len(self.kinds) - 1

    @property
    def needed_later(self) -> set[int]:
        """The layers that feed another one than the next."""
        return {each for n, fed in enumerate(self.fed_by) for each in fed if each != n - 1}


def plan_of(tensors: Tensors, told: Told) -> Plan:
    """The layers of this file.

    Raises:
        ArchitectureError: a layer is of an unknown class, or fed by one that comes later.
    """
    numbers = {int(key.partition(".")[0]) for key in tensors if re.match(r"\d{1,3}\.", key)}
    last = max(numbers)
    if last >= MOST:
        raise _unknown(last, "there are too many layers")
    kinds = tuple("" if n in numbers else _kind(n, told) for n in range(last + 1))
    return Plan(kinds, tuple(_feeding(n, told) for n in range(last + 1)))


def _kind(number: int, told: Told) -> str:
    stated = told.text(f"{number}.type").rpartition(".")[2]
    kind = stated or KINDS.get(number, "")
    if kind not in (ENLARGE, JOIN):
        raise _unknown(number, f"it has no tensors and is {kind or 'of no known class'}")
    return kind


def _feeding(number: int, told: Told) -> tuple[int, ...]:
    """The layers before it that feed it; numbers below zero count backwards from it."""
    stated = told.numbers(f"{number}.f", FED_BY.get(number, (-1,)))
    fed_by = tuple(number + each if each < 0 else each for each in stated)
    if not fed_by or not all(-1 <= each < number for each in fed_by):
        raise _unknown(number, f"it is fed by {', '.join(map(str, stated))}")
    return fed_by


def _unknown(number: int, why: str) -> ArchitectureError:
    return ArchitectureError(
        f"Layer {number} of this YOLO network cannot be rebuilt: {why}.", remedy=EXPORT_IT
    )


def layer(
    tensors: Tensors, number: int, kind: str, entering: list[int], told: Told, *, pools_active: bool
) -> tuple[nn.Module, int]:
    """One layer, and how many channels come out of it.

    Args:
        tensors: of the network.
        number: of the layer; the beginning of its names.
        kind: as in `Plan`.
        entering: channels of each of its inputs.
        told: what the file says of it.
        pools_active: whether the unit before the pooling has an activation.
    """
    if kind == JOIN:
        return nn.Identity(), sum(entering)
    if kind == ENLARGE:
        return nn.Upsample(scale_factor=FACTOR), entering[0]
    name, channels = str(number), entering[0]
    if has(tensors, f"{name}.conv."):
        stride = told.number(f"{name}.conv.stride", FACTOR)
        unit = blocks.Unit(tensors, name, channels, stride)
        return unit, unit.out
    if not has(tensors, f"{name}.m."):
        pool = blocks.Pooling(tensors, name, channels, told, active=pools_active)
        return pool, pool.out
    made = _of_blocks(tensors, name)(tensors, name, channels, told)
    return made, made.out


def _of_blocks(
    tensors: Tensors, name: str
) -> type[blocks.HalfAttending | blocks.TwoWays | blocks.Split]:
    if has(tensors, f"{name}.m.0.attn."):
        return blocks.HalfAttending
    return blocks.TwoWays if has(tensors, f"{name}.cv3.") else blocks.Split


def run(
    layers: Mapping[int, nn.Module], plan: Plan, picture: torch.Tensor, wanted: int
) -> torch.Tensor:
    """What comes out of one layer.

    Args:
        layers: by number.
        plan: what feeds which.
        picture: Float32[n c h w].
        wanted: the number of the layer.
    """
    kept, last = {-1: picture}, picture
    for number in range(wanted + 1):
        inputs = [last if each == number - 1 else kept[each] for each in plan.fed_by[number]]
        joined = torch.cat(inputs, dim=1) if plan.kinds[number] == JOIN else inputs[0]
        last = layers[number](joined)
        if number in plan.needed_later:
            kept[number] = last
    return last
