"""Ultralytics' semantic networks (`*-sem.pt`), built from their files; their code is not used."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import nn

from core.architectures.families.kept import Kept, below
from core.architectures.families.realtime.parts import built
from core.architectures.families.yolo.told import Told, told_by
from core.architectures.families.yolo.yolo_blocks import Unit
from core.architectures.families.yolo.yolo_layers import EXPORT_IT, Plan, layer, plan_of, run
from core.architectures.network import Network, Tensors, choose
from core.architectures.shapes import count, has, outputs, size
from core.architectures.sizes import Sizes
from core.checkpoint import Checkpoint
from core.errors import ArchitectureError

SCORES = "classifier"  # of the head: the part that answers; all else is of use in training
FED = "its library feeds RGB from 0 to 1, without mean and std"
ACTIVE = "activation before pooling"  # differs among versions of the same block
HEAD = re.compile(rf"(\d{{1,3}})\.{SCORES}\.")


def matches(checkpoint: Checkpoint) -> bool:
    """Whether there are numbered layers, of which one is a semantic head."""
    tensors = checkpoint.tensors
    return has(tensors, "0.conv.", "0.bn.") and any(HEAD.match(key) for key in tensors)


def build(checkpoint: Checkpoint, chosen: Mapping[str, str]) -> Network:
    """Rebuild the network; its modules tell what feeds which layer, or the published layout does.

    Raises:
        ArchitectureError: tensors are missing or have another shape, or a layer is not known.
    """
    tensors, told = checkpoint.tensors, told_by(checkpoint)
    plan = plan_of(tensors, told)
    if not has(tensors, f"{plan.head}.{SCORES}."):
        raise ArchitectureError(
            "The semantic head of this YOLO network is not its last layer.", remedy=EXPORT_IT
        )
    pool = next((n for n in range(plan.head) if _pools(tensors, n)), -1)
    known = {True: "SiLU", False: "none", None: ""}[told.activation(f"{pool}.cv1")]
    active = choose(ACTIVE, ("none", "SiLU"), chosen, known)
    start = f"{plan.head}.{SCORES}."
    network = built(
        lambda tensors: Semantic(tensors, plan, told, pools_active=active.taken == "SiLU"),
        checkpoint,
        f"semantic YOLO of {size(tensors, '0.conv.weight', 0, 16)} channels",
        first="0.conv.weight",
        last=f"{start}{count(tensors, start) - 1}",
        idle=tuple(f"{plan.head}.{name}." for name in _idle(tensors, plan.head)),
        choices=(active,),
    )
    return _sized(replace(network, notes=(*network.notes, FED)))


def _sized(network: Network) -> Network:
    """Its sides are multiples of the deepest map's, else enlarged maps do not meet the others."""
    module = network.module
    halvings = sum(isinstance(m, Unit) and m.conv.stride[0] == 2 for m in module.children())
    return replace(network, sizes=Sizes().in_steps(2**halvings))


def _pools(tensors: Tensors, number: int) -> bool:
    return has(tensors, f"{number}.cv1.") and not has(tensors, f"{number}.m.")


def _idle(tensors: Tensors, head: int) -> tuple[str, ...]:
    """Children of the head that do not answer."""
    start = f"{head}."
    names = {key.removeprefix(start).partition(".")[0] for key in tensors if key.startswith(start)}
    return tuple(sorted(names - {SCORES}))


class Semantic(nn.Module):
    """Numbered layers; of the head only the classifier runs, on the first map that it is given.

    Args:
        tensors: of the network.
        plan: its layers.
        told: what the file says of them.
        pools_active: whether the unit before the pooling has an activation.
    """

    def __init__(self, tensors: Tensors, plan: Plan, told: Told, *, pools_active: bool) -> None:
        super().__init__()
        self.plan = plan
        out = {-1: size(tensors, "0.conv.weight", 1, 3)}
        for number in range(plan.head):
            entering = [out[each] for each in plan.fed_by[number]]
            made, out[number] = layer(
                tensors, number, plan.kinds[number], entering, told, pools_active=pools_active
            )
            self.add_module(str(number), made)
        name, channels = str(plan.head), out[plan.fed_by[plan.head][0]]
        head = nn.Module()
        head.add_module(SCORES, _row(tensors, f"{name}.{SCORES}", channels))
        for idle in _idle(tensors, plan.head):
            head.add_module(idle, Kept(below(tensors, f"{name}.{idle}.")))
        self.add_module(name, head)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n c h w] to logits of an eighth of the size."""
        layers = {n: self.get_submodule(str(n)) for n in range(self.plan.head)}
        features = run(layers, self.plan, x, self.plan.fed_by[self.plan.head][0])
        logits: torch.Tensor = self.get_submodule(f"{self.plan.head}.{SCORES}")(features)
        return logits


def _row(tensors: Tensors, name: str, channels: int) -> nn.Sequential:
    """Units and plain convolutions in a row, as their names say."""
    row: list[nn.Module] = []
    for number in range(count(tensors, f"{name}.")):
        if not has(tensors, f"{name}.{number}."):  # a layer without tensors may do anything
            raise ArchitectureError(
                f"Layer {name}.{number} of this YOLO network has no tensors, and is not known.",
                remedy=EXPORT_IT,
            )
        part = f"{name}.{number}"
        if has(tensors, f"{part}.conv."):
            row.append(Unit(tensors, part, channels))
            channels = size(tensors, f"{part}.conv.weight", 0, channels)
            continue
        kernel, bias = size(tensors, f"{part}.weight", 2, 1), f"{part}.bias" in tensors
        out = outputs(tensors, part, 19)
        row.append(nn.Conv2d(channels, out, kernel, padding=kernel // 2, bias=bias))
        channels = out
    return nn.Sequential(*row)
