"""The first convolution of an ONNX graph and the BatchNorm right behind it, by the names it gives.

Which value feeds which operator tells the pair; exporters name and order tensors as they like.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

# Whose result holds what they are given, in another kind of numbers or not at all changed.
SAME_NUMBERS = {"Identity", "Cast", "Dropout"}
STANDARD = ("", "ai.onnx")  # domains of the operators that are known here
LARGEST = 64  # pad, stride or dilation of a first convolution; definition


def stem_of(graph: Any, tensors: Collection[str]) -> dict[str, Any] | None:
    """Find the first such pair; None where there is none, as where BatchNorm was folded.

    Args:
        graph: GraphProto, without the numbers of its tensors.
        tensors: names of those that are read.

    Returns:
        Names of weight, bias ("" for none), mean and var; pads (top, left, bottom, right),
        strides and dilations, each (rows, columns).
    """
    whole = (pair for pair in _pairs(graph) if _is_whole(pair, tensors))
    return next(whole, None)


def _is_whole(pair: dict[str, Any], tensors: Collection[str]) -> bool:
    """Whether its numbers are in the file, and its geometry is that of a first convolution."""
    named = {pair[part] for part in ("weight", "mean", "var", "bias")} - {""}
    sides = [*pair["pads"], *pair["strides"], *pair["dilations"]]
    usual = max(sides) <= LARGEST and min(sides) >= 0 and 0 not in sides[4:]
    return usual and all(name in tensors for name in named) and bool(pair["weight"])


def _pairs(graph: Any) -> Iterator[dict[str, Any]]:
    stored = {tensor.name for tensor in graph.initializer}
    pictures = {value.name for value in graph.input} - stored
    same: dict[str, str] = {}  # value -> the value whose numbers it has
    convolutions: dict[str, Any] = {}  # of the picture itself, by their result
    for node in graph.node:
        given = [same.get(name, name) for name in node.input]
        if node.domain not in STANDARD or not given or not node.output:
            continue
        if node.op_type in SAME_NUMBERS:
            same[node.output[0]] = given[0]
        elif node.op_type == "Conv" and given[0] in pictures:
            convolutions[node.output[0]] = node
        elif node.op_type == "BatchNormalization" and given[0] in convolutions:
            before = convolutions[given[0]]
            weights = [same.get(name, name) for name in before.input]
            yield from _pair(before, [*weights[1:], ""][:2], given[3:5])


def _pair(convolution: Any, weights: list[str], statistics: list[str]) -> Iterator[dict[str, Any]]:
    """Nothing where a group of channels goes its own way, or the padding is computed."""
    said = {attribute.name: attribute for attribute in convolution.attribute}
    groups = said["group"].i if "group" in said else 1
    automatic = said["auto_pad"].s if "auto_pad" in said else b"NOTSET"
    numbers = {
        name: list(said[name].ints) if name in said else [standard] * count
        for name, standard, count in (("pads", 0, 4), ("strides", 1, 2), ("dilations", 1, 2))
    }
    lengths = [len(each) for each in numbers.values()]
    if groups != 1 or automatic not in (b"NOTSET", b"VALID") or lengths != [4, 2, 2]:
        return
    if len(weights) == 2 and len(statistics) == 2:
        names = dict(zip(("weight", "bias", "mean", "var"), [*weights, *statistics], strict=True))
        yield {**names, **numbers}
