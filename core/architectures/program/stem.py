"""The first convolution of a program and the BatchNorm right behind it, as the graph joins them.

In the file parameters come first and buffers after them, so no order of tensors tells which
BatchNorm follows which convolution; which value feeds which operator does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch

from core.architectures.network import Stem
from core.architectures.program.arguments import Reference
from core.architectures.program.aten import ATEN
from core.architectures.program.nodes import Node
from core.architectures.program.program_graph import Program

CONVOLUTIONS = {
    f"{ATEN}{name}"
    for name in ("conv2d.default", "conv2d.padding", "convolution.default", "_convolution.default")
}
BATCH_NORMS = {  # the last three after `run_decompositions`
    f"{ATEN}{name}"
    for name in (
        "batch_norm.default",
        "native_batch_norm.default",
        "_native_batch_norm_legit_no_training.default",
        "_native_batch_norm_legit.default",
    )
}
_SAME_NUMBERS = """
clone.default contiguous.default detach.default alias.default lift_fresh_copy.default
to.dtype to.device to.dtype_layout to.other to.prim_Device _to_copy.default
pad.default constant_pad_nd.default reflection_pad2d.default replication_pad2d.default
"""
# Whose result holds what they are given, in another place or with a border.
SAME_NUMBERS = {f"{ATEN}{name}" for name in _SAME_NUMBERS.split()}


def stem_of(program: Program, weights: Mapping[str, torch.Tensor]) -> Stem | None:
    """Find the first such pair; None where the picture is first changed otherwise.

    Args:
        program: checked.
        weights: by the name of their value in the graph.
    """
    return next(_pairs(program, weights), None)


def _pairs(program: Program, weights: Mapping[str, torch.Tensor]) -> Iterator[Stem]:
    same: dict[str, str] = {}  # value -> the value whose numbers it has
    convolutions: dict[str, Node] = {}  # of the picture itself, by their result

    def origin(value: Any) -> str:
        name = value.name if isinstance(value, Reference) else ""
        return same.get(name, name)

    def stored(value: Any) -> torch.Tensor | None:
        return weights.get(origin(value))

    for node in program.nodes:
        changed = {origin(node.inputs[name]) for name in node.writes}
        if program.input in changed:
            return
        for name in changed & convolutions.keys():
            del convolutions[name]
        given = node.inputs.get("input", node.inputs.get("self"))
        if node.target in SAME_NUMBERS:
            same[node.name] = origin(given)
        elif node.target in CONVOLUTIONS and origin(given) == program.input:
            convolutions[node.name] = node
        elif node.target in BATCH_NORMS and (before := convolutions.get(origin(given))):
            yield from _stem(before, node, stored, program)


def _stem(
    convolution: Node, norm: Node, stored: Callable[[Any], torch.Tensor | None], program: Program
) -> Iterator[Stem]:
    """Nothing where a group of channels goes its own way, or numbers are not in the file."""
    inside = convolution.inputs
    weight, bias = stored(inside["weight"]), stored(inside.get("bias"))
    mean, var = (stored(norm.inputs.get(name)) for name in ("running_mean", "running_var"))
    plain = inside.get("groups", 1) == 1 and not inside.get("transposed", False)
    if weight is None or mean is None or var is None or not plain or weight.ndim != 4:
        return
    if len(mean) != len(weight) or (bias is None and inside.get("bias") is not None):
        return
    name = program.weights.get(inside["weight"].name, inside["weight"].name)
    yield Stem(name, weight, torch.zeros(len(weight)) if bias is None else bias, mean, var)
