"""An ONNX graph that also returns what its layers give; runs in the process of the graph."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from core.sketch import apart, sketch

KINDS = {  # operators whose results are compared; the names are those of core/deployed/layers.py
    "Conv": "convolution",
    "ConvTranspose": "convolution",
    "BatchNormalization": "normalization",
    "MatMul": "linear",
    "Gemm": "linear",
    "LayerNormalization": "layer norm",
    "Resize": "resize",
    "Upsample": "resize",
    "Concat": "concatenation",
    "MaxPool": "pooling",
}
QUANTIZE, DEQUANTIZE = "QuantizeLinear", "DequantizeLinear"


class TappedGraph:
    """A session whose outputs are those of all layers too."""

    def __init__(self, path: str) -> None:
        """Args: path, of the file; raises what onnx and onnxruntime raise."""
        import onnx
        import onnxruntime

        model = onnx.load(path)
        self.own = [value.name for value in model.graph.output]
        self.layers = list(_layers(model.graph))
        self.rounded = list(_rounded(model.graph))
        asked = [name for _, _, name in self.layers]
        asked += [name for _, before, after in self.rounded for name in (before, after)]
        fed = {value.name for value in model.graph.input}
        fed |= {tensor.name for tensor in model.graph.initializer}
        added = [name for name in dict.fromkeys(asked) if name not in {*self.own, *fed}]
        model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in added)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        # What is fused away cannot be returned, and what is computed should be what is written.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        self.session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def run(self, values: np.ndarray) -> tuple[dict[str, np.ndarray], list[dict[str, Any]]]:
        """All outputs by name, and a head for each layer with its samples as Float32[n]."""
        names = [output.name for output in self.session.get_outputs()]
        given = self.session.run(None, {self.session.get_inputs()[0].name: values})
        found = dict(zip(names, given, strict=True))
        heads = [
            {"kind": kind, "name": name, **_head(found[value])}
            for kind, name, value in self.layers
            if value in found
        ]
        heads += [
            {"kind": "quantization", "name": name, **_loss(found[before], found[after])}
            for name, before, after in self.rounded
            if before in found and after in found
        ]
        return {name: found[name] for name in self.own}, heads


def _layers(graph: Any) -> Iterator[tuple[str, str, str]]:
    """Kind, name of the node, and name of its result, in the order in which they are computed.

    A linear layer is a MatMul and the Add of its bias.
    """
    biased = _with_bias(graph)
    for node in graph.node:
        if node.op_type in KINDS and node.output and not node.domain:
            value = node.output[0]
            yield KINDS[node.op_type], node.name or value, biased.get(value, value)


def _with_bias(graph: Any) -> dict[str, str]:
    """Of what a MatMul gives: the same with a bias that the file holds."""
    stored = {tensor.name for tensor in graph.initializer}
    stored |= {node.output[0] for node in graph.node if node.op_type == "Constant"}
    products = {node.output[0] for node in graph.node if node.op_type == "MatMul"}
    found: dict[str, str] = {}
    for node in graph.node:
        if node.op_type == "Add" and len(stored & set(node.input)) == 1:
            found |= {value: node.output[0] for value in products & set(node.input)}
    return found


def _rounded(graph: Any) -> Iterator[tuple[str, str, str]]:
    """Of each tensor that is quantized and back: its name, and both values."""
    back = {n.input[0]: n.output[0] for n in graph.node if n.op_type == DEQUANTIZE}
    for node in graph.node:
        if node.op_type == QUANTIZE and node.output[0] in back:
            yield node.input[0], node.input[0], back[node.output[0]]


def _head(values: np.ndarray) -> dict[str, Any]:
    seen = sketch(values)
    return {
        "shape": list(seen.shape),
        "mean": seen.mean,
        "std": seen.std,
        "least": seen.least,
        "most": seen.most,
        "non_finite": seen.non_finite,
        "samples": seen.samples,
    }


def _loss(before: np.ndarray, after: np.ndarray) -> dict[str, Any]:
    """What is left of a tensor, and how far rounding moved it."""
    return {**_head(after), "error": apart(sketch(before), sketch(after))}
