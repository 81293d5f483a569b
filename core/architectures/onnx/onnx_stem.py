"""What BatchNorm near the input of an ONNX graph stored, and the layers up to it as a module.

The graph runs in another process, where no operator can be tapped. Its first convolution and the
BatchNorm behind it are made anew, so that they can be.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from core.architectures.network import Stem

FOLDED = (
    "No BatchNorm is left in the ONNX graph: exporters fold it into the convolutions, and with it "
    "goes what it stored of the training's input"
)


class FirstLayers(nn.Module):
    """Convolution and BatchNorm; its output is of no use, what reaches BatchNorm is."""

    def __init__(self, stem: Stem, facts: Mapping[str, Any]) -> None:
        """Args: stem, its numbers; facts, of the graph: pads, strides and dilations."""
        super().__init__()
        self.stem, self.strides, self.dilations = stem, facts["strides"], facts["dilations"]
        self.pads = tuple(facts["pads"])  # top, left, bottom, right
        self.eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float[1 c h w] to Float[1 k h w]."""
        top, left, bottom, right = self.pads
        stem, padding = self.stem, (top, left)
        if padding != (bottom, right):
            x, padding = F.pad(x, (left, right, top, bottom)), (0, 0)
        x = F.conv2d(x, stem.weight, stem.bias, self.strides, padding, self.dilations)
        return F.batch_norm(x, stem.mean, stem.var)


def first_layers(
    facts: Mapping[str, Any], tensors: Mapping[str, torch.Tensor], prefix: str
) -> FirstLayers | None:
    """The pair that the graph joins; None where there is none, or its numbers are not read.

    Args:
        facts: of the graph.
        tensors: of the file.
        prefix: that was taken off their names.
    """
    if not (named := facts.get("stem")):
        return None
    weight, bias, mean, var = (
        tensors.get(named[part].removeprefix(prefix)) for part in ("weight", "bias", "mean", "var")
    )
    if weight is None or mean is None or var is None or (bias is None and named["bias"]):
        return None
    if weight.ndim != 4 or not len(mean) == len(var) == len(weight):
        return None
    bias = torch.zeros(len(weight)) if bias is None else bias
    numbers = (part.float() for part in (weight, bias, mean, var))
    return FirstLayers(Stem(named["weight"].removeprefix(prefix), *numbers), named)


def is_folded(facts: Mapping[str, Any]) -> bool:
    """Whether convolutions are all that is left of what may have been normalized by batches."""
    operators = facts["operators"]
    return "Conv" in operators and not any("Normalization" in name for name in operators)
