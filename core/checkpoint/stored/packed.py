"""Quantized layers: torch keeps their weight and bias together, as one packed value.

"fc._packed_params._packed_params": (weight, bias)     in a state dict
a ScriptObject whose state holds both                  in a pickled module and in TorchScript
a module whose state is a tuple with both              a pickled quantized convolution
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from core.checkpoint.pickled.rebuilt import tensor_of
from core.checkpoint.pickled.records import Call, class_of, items_of, state_of
from core.checkpoint.tensors import LeftOut, Storage, TensorRecord

PACKED = "_packed_params"
QUANTIZED_CLASSES = ".quantized."  # torch.ao.nn.quantized.modules.conv.Conv2d, older: torch.nn...
MAX_DEPTH = 8  # of tuples and lists in each other
MAX_PARTS = 100  # a packed convolution has some ten


def unpacked(
    value: Any, storages: Mapping[str, Storage]
) -> dict[str, TensorRecord | LeftOut] | None:
    """Weight and bias of a packed value by these names; None where it holds no tensor.

    Args:
        value: an inert record.
        storages: by key, as the container found them.
    """
    tensors = [tensor for tensor in _tensors(value, storages) if not _is_padding(tensor)]
    return dict(zip(("weight", "bias"), tensors, strict=False)) or None


def is_packed(name: Any, value: Any) -> bool:
    """Whether an entry of a dict or of a module is such a value."""
    if isinstance(name, str) and name.rpartition(".")[2] == PACKED:
        return isinstance(value, tuple) or (isinstance(value, Call) and not _has_state(value))
    return (
        isinstance(value, Call)
        and QUANTIZED_CLASSES in class_of(value)
        and isinstance(value.state, tuple)
        and not _has_state(value)
    )


def layer_of(name: str) -> str:
    """The layer's name without what packing added: "fc._packed_params._packed_params" -> "fc"."""
    return ".".join(part for part in name.split(".") if part != PACKED)


def _has_state(value: Call) -> bool:
    """Whether a module has its attributes by name, as modules that are not packed have."""
    return bool(state_of(value))


def _tensors(value: Any, storages: Mapping[str, Storage]) -> Iterator[TensorRecord | LeftOut]:
    todo, parts = [(value, 0)], 0
    while todo and parts < MAX_PARTS:
        part, depth = todo.pop()
        parts += 1
        if (tensor := tensor_of(part, storages)) is not None:
            yield tensor
            continue
        inner = [part.arguments, part.state] if isinstance(part, Call) else items_of(part) or ()
        if depth < MAX_DEPTH:
            todo += [(one, depth + 1) for one in reversed(inner[:MAX_PARTS])]


def _is_padding(tensor: TensorRecord | LeftOut) -> bool:
    """A convolution of TorchScript also packs its sizes, as whole numbers."""
    whole = isinstance(tensor, TensorRecord) and tensor.dtype.code[0] in "IU"
    return whole and isinstance(tensor, TensorRecord) and tensor.quantizer is None
