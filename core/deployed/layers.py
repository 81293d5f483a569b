"""What the layers of a network give on one input, as sketches in the order of their computation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from core.sketch import Sketch, sketch

if TYPE_CHECKING:
    import torch

    from core.architectures import Network

# Of PyTorch's operators; those of ONNX are in core/onnx_graph/tap.py. Activations are left out:
# exporters take them apart in many ways.
KINDS = {
    "convolution": "convolution",
    "native_batch_norm": "normalization",
    "_native_batch_norm_legit_no_training": "normalization",
    "_native_batch_norm_legit": "normalization",
    "cudnn_batch_norm": "normalization",
    "addmm": "linear",
    "mm": "linear",
    "linear": "linear",
    "native_layer_norm": "layer norm",
    "upsample_bilinear2d": "resize",
    "_upsample_bilinear2d_aa": "resize",
    "upsample_nearest2d": "resize",
    "cat": "concatenation",
    "max_pool2d_with_indices": "pooling",
}
WEIGHT = {"convolution": 1, "native_batch_norm": 1, "linear": 1, "addmm": 2, "mm": 1,
          "native_layer_norm": 2}  # place of the weight among the arguments  # fmt: skip


@dataclass(frozen=True, eq=False)
class Layer:
    """The output of one layer."""

    kind: str  # a value of KINDS
    name: str  # as its program calls it
    seen: Sketch

    @property
    def token(self) -> tuple[str, int]:
        """What the same layer has in both programs, whatever it is called."""
        return self.kind, self.seen.size


@dataclass(frozen=True)
class Rounded:
    """A tensor that a graph quantizes and takes back."""

    name: str
    error: float  # how far that moves it, see `core.sketch.apart`
    least: float  # of what is left
    most: float


def layers_of(network: Network, x: torch.Tensor) -> tuple[Layer, ...]:
    """Run a network and keep a sketch of each layer.

    Args:
        network: whose operators can be tapped.
        x: Float32[1 c h w].

    Raises:
        ForwardError: the network stops on this input.
    """
    from core.operators import tap

    names = _names(network.module)
    found: list[Layer] = []

    def collect(func: Any, args: tuple[Any, ...], result: Any) -> None:
        operator = func.name().removeprefix("aten::").split(".")[0].rstrip("_")
        if operator == "add" and _adds_bias(args, found, names):
            found[-1] = replace(found[-1], seen=sketch(result.detach().float().numpy()))
        if (kind := KINDS.get(operator)) is None:
            return
        value = result[0] if isinstance(result, tuple | list) else result
        place = WEIGHT.get(operator, len(args))
        weight = args[place] if place < len(args) else None
        name = names.get(_key(weight), "") or _behind(kind, found)
        found.append(Layer(kind, name, sketch(value.detach().float().numpy())))

    tap(network.module, x, collect)
    return folded(found)


def _adds_bias(
    args: tuple[Any, ...], found: Sequence[Layer], names: Mapping[tuple[int, int], str]
) -> bool:
    """Whether this is the bias of the linear layer before, which some inputs get apart from it."""
    biases = [arg for arg in args[:2] if _key(arg) in names and getattr(arg, "ndim", 0) == 1]
    return bool(biases and found and found[-1].kind == "linear")


def layers_from(heads: Sequence[Mapping[str, Any]]) -> tuple[Layer, ...]:
    """The layers of an ONNX graph, by what its process sent (`core/onnx_graph/tap.py`)."""
    read = [Layer(h["kind"], str(h["name"]), _sketch(h)) for h in heads if h["kind"] in _KNOWN]
    return folded(read)


def rounded_from(heads: Sequence[Mapping[str, Any]]) -> tuple[Rounded, ...]:
    """The quantized tensors of an ONNX graph, in the order of their computation."""
    return tuple(
        Rounded(str(h["name"]), float(h["error"]), float(h["least"]), float(h["most"]))
        for h in heads
        if h["kind"] == "quantization"
    )


def folded(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """A convolution and the BatchNorm right behind it as one layer, as exporters fold them."""
    found: list[Layer] = []
    for layer in layers:
        if layer.kind != "normalization":
            found.append(layer)
        elif found and found[-1].token == ("convolution", layer.seen.size):
            found[-1] = replace(found[-1], seen=layer.seen)
    return tuple(found)


_KNOWN = {*KINDS.values()}


def _sketch(head: Mapping[str, Any]) -> Sketch:
    names = ("mean", "std", "least", "most", "non_finite")
    numbers = {name: float(head[name]) for name in names}
    return Sketch(shape=tuple(head["shape"]), samples=head["samples"], **numbers)


def _names(module: torch.nn.Module) -> dict[tuple[int, int], str]:
    """Names of layers by where their weights lie in memory; a view of a weight lies there too."""
    state = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    return {_key(tensor): name.removesuffix(".weight") for name, tensor in state.items()}


def _key(tensor: Any) -> tuple[int, int]:
    return (tensor.data_ptr(), tensor.numel()) if hasattr(tensor, "data_ptr") else (0, 0)


def _behind(kind: str, found: Sequence[Layer]) -> str:
    """What has no weights is called after the last layer that has."""
    named = next((layer.name for layer in reversed(found) if " behind " not in layer.name), "")
    return f"{kind} behind {named}" if named else kind
