"""The JSON of an exported program to a checked list of nodes; nothing is computed here.

The file is hostile until proven otherwise: every kind of argument is of a closed list, every name
is defined before it is used, every operator stands in `aten`. The format: torch's own
`torch/_export/serde/schema.py`, schema version 8.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from core.architectures.aten import ATEN, Operator, arguments_of, operator_named
from core.errors import ArchitectureError

MAX_NODES = 20_000
MAX_LIST = 10_000  # entries of one argument
MAX_DEPTH = 16  # of graphs in graphs, and of the output's structure
MAX_NAME = 1000  # characters
DTYPES = {  # torch/_export/serde/schema.py, ScalarType
    1: torch.uint8,
    2: torch.int8,
    3: torch.int16,
    4: torch.int32,
    5: torch.int64,
    6: torch.float16,
    7: torch.float32,
    8: torch.float64,
    12: torch.bool,
    13: torch.bfloat16,
}
MEMORY_FORMATS = {
    1: torch.contiguous_format,
    2: torch.channels_last,
    3: torch.channels_last_3d,
    4: torch.preserve_format,
}
STRIDED = 7  # the one layout that is dense
WORDS = {  # every text that an allowed operator understands
    *("none", "tanh", "floor", "trunc", "ij", "xy", "same", "valid"),
    *("constant", "reflect", "replicate", "circular"),
}
EQUATION = re.compile(r"[a-zA-Z., >-]{1,100}")  # of einsum
FLOATS = {"Infinity": float("inf"), "-Infinity": float("-inf"), "NaN": float("nan")}
SYMBOL = re.compile(
    r"(?:Mul\(Integer\((\d{1,9})\), )?Symbol\('(\w+)'[^()]*\)\)?|(\d{1,9})\*(\w+)|(\w+)"
)
WITHOUT_GRADIENTS = "torch.ops.higher_order.wrap_with_set_grad_enabled"


class MalformedError(ValueError):
    """What torch would not have written; its text ends a sentence."""


@dataclass(frozen=True)
class Reference:
    """The value of this name, when the program runs."""

    name: str


DEVICE = Reference("")  # where the input is, whatever the program says; no value has this name


@dataclass(frozen=True)
class Node:
    """One operator with its arguments."""

    name: str  # of its first result
    target: str  # "torch.ops.aten.conv2d.default"
    operator: Operator
    inputs: Mapping[str, Any]  # argument -> a constant, a Reference, or a list of them
    outputs: tuple[str | tuple[str, ...] | None, ...]  # a name, or the names of a list
    writes: tuple[str, ...] = ()  # arguments that it changes in place
    frees: tuple[str, ...] = ()  # values that nobody needs after it

    @property
    def defines(self) -> tuple[str, ...]:
        """The names of all its results."""
        return tuple(_flat(self.outputs))


@dataclass(frozen=True)
class Dimension:
    """Which sizes one dimension of the input may have."""

    size: int  # that of the exporter's example
    low: int
    high: int | None  # None: any
    step: int = 1
    symbol: str = ""  # dimensions with the same symbol have the same size

    def takes(self, size: int) -> bool:
        """Whether the program can be run with this size."""
        return (
            self.low <= size and (self.high is None or size <= self.high) and not size % self.step
        )


@dataclass(frozen=True, eq=False)
class Program:
    """A program, checked; shared and never changed."""

    nodes: tuple[Node, ...]
    weights: Mapping[str, str]  # value name -> the tensor's name in the file
    constants: Mapping[str, Any]  # value name -> plain value
    input: str
    shape: tuple[Dimension, Dimension, Dimension, Dimension]  # n c h w
    dtype: torch.dtype  # of the input
    channels_last: bool
    outputs: tuple[Reference | None, ...]
    structure: Any  # of the output: None for a tensor, a dict or a tuple of structures

    def __deepcopy__(self, memo: dict[int, Any]) -> Program:
        return self


# --- arguments ------------------------------------------------------------------------------------


def _integer(value: Any) -> int:
    if type(value) is not int or not -(2**63) <= value < 2**63:
        raise MalformedError("a number is none")
    return value


def _boolean(value: Any) -> bool:
    if type(value) is not bool:
        raise MalformedError("a truth value is none")
    return value


def _float(value: Any) -> float:
    if isinstance(value, str) and value in FLOATS:
        return FLOATS[value]
    if type(value) not in (int, float):
        raise MalformedError("a number is none")
    return float(value)


def _word(value: Any) -> str:
    if not isinstance(value, str) or not (value in WORDS or EQUATION.fullmatch(value)):
        raise MalformedError("a text is none that an operator knows")
    return value


def _name(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_NAME:
        raise MalformedError("a name is none")
    return value


def _one(value: Any) -> tuple[str, Any]:
    """A union: a dict with one entry, whose key tells the kind."""
    if not isinstance(value, dict) or len(value) != 1:
        raise MalformedError("an argument has no kind")
    return next(iter(value.items()))


def _reference(value: Any) -> Reference:
    return Reference(_name(value["name"]))


def _nothing(value: Any) -> None:
    return None


def _device(value: Any) -> Reference:
    return DEVICE


def _dtype(value: Any) -> torch.dtype:
    return DTYPES[_integer(value)]


def _layout(value: Any) -> torch.layout:
    if value != STRIDED:
        raise MalformedError("a layout is not dense")
    return torch.strided


def _memory_format(value: Any) -> torch.memory_format:
    return MEMORY_FORMATS[_integer(value)]


def _symbolic(constant: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        kind, content = _one(value)
        return Reference(_name(content)) if kind == "as_name" else constant(content)

    return read


def _optional_tensor(value: Any) -> Reference | None:
    kind, content = _one(value)
    return None if kind == "as_none" else _reference(content)


def _list(read: Callable[[Any], Any]) -> Callable[[Any], tuple[Any, ...]]:
    def read_list(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list) or len(value) > MAX_LIST:
            raise MalformedError("a list is none, or too long")
        return tuple(read(entry) for entry in value)

    return read_list


_SINGLE: dict[str, Callable[[Any], Any]] = {
    "as_tensor": _reference,
    "as_int": _integer,
    "as_float": _float,
    "as_bool": _boolean,
    "as_sym_int": _symbolic(_integer),
    "as_sym_float": _symbolic(_float),
    "as_sym_bool": _symbolic(_boolean),
    "as_optional_tensor": _optional_tensor,
}
KINDS: dict[str, Callable[[Any], Any]] = {
    **_SINGLE,
    **{f"{kind}s": _list(read) for kind, read in _SINGLE.items()},
    "as_none": _nothing,
    "as_string": _word,
    "as_scalar_type": _dtype,
    "as_memory_format": _memory_format,
    "as_layout": _layout,
    "as_device": _device,
}


def _argument(value: Any) -> Any:
    kind, content = _one(value)
    if kind not in KINDS:
        raise MalformedError(f"an argument is of the kind {kind[:40]!r}")
    return KINDS[kind](content)


# --- nodes ----------------------------------------------------------------------------------------


@dataclass
class _Graph:
    """Reads nodes in their order; what is not defined yet cannot be used."""

    defined: set[str]
    nodes: list[Node] = field(default_factory=list)
    refused: dict[str, None] = field(default_factory=dict)  # in their order
    read: int = 0

    def add(self, graph: Any, scope: dict[str, str], prefix: str, depth: int) -> None:
        """Args: scope, the graph's names -> ours; prefix, for the names that it defines."""
        for node in graph["nodes"]:
            self.read += 1
            if self.read > MAX_NODES or depth > MAX_DEPTH:
                raise MalformedError(f"it has more than {MAX_NODES} nodes")
            target = _name(node["target"])
            if target == WITHOUT_GRADIENTS:
                self._inline(node, scope, prefix, depth)
            elif (operator := operator_named(target)) is None:
                self.refused[target] = None
                self._define(_outputs(node), scope, prefix)
            else:
                self._add_node(node, target, operator, scope, prefix)

    def _add_node(
        self, node: Any, target: str, operator: Operator, scope: dict[str, str], prefix: str
    ) -> None:
        inputs, writes = _inputs(node, target)
        inputs = {name: self._resolved(value, scope) for name, value in inputs.items()}
        outputs = self._define(_outputs(node), scope, prefix)
        name = next(iter(_flat(outputs)), "")
        self.nodes.append(Node(name, target, operator, inputs, outputs, writes))

    def _inline(self, node: Any, scope: dict[str, str], prefix: str, depth: int) -> None:
        """A part under `torch.no_grad()` is a graph of its own; here no gradients exist at all."""
        _, graph, *given = [entry["arg"] for entry in node["inputs"]]
        kind, content = _one(graph)
        if kind != "as_graph":
            raise MalformedError("a part of the graph is none")
        inner, inside = content["graph"], f"{prefix}{self.read}/"
        names = [_argument(entry).name for entry in inner["inputs"]]
        values = [self._resolved(_argument(entry), scope).name for entry in given]
        own = dict(zip(names, values, strict=True))
        self.add(inner, own, inside, depth + 1)
        results = [self._resolved(_argument(entry), own).name for entry in inner["outputs"]]
        scope.update(zip(_flat(_outputs(node)), results, strict=True))

    def _resolved(self, value: Any, scope: dict[str, str]) -> Any:
        if isinstance(value, tuple):
            return [self._resolved(entry, scope) for entry in value]
        if not isinstance(value, Reference) or value is DEVICE:
            return value
        if value.name not in scope:
            raise MalformedError(f"the value {value.name[:40]!r} is used and not defined before")
        return Reference(scope[value.name])

    def _define(self, outputs: tuple[Any, ...], scope: dict[str, str], prefix: str) -> Any:
        for name in _flat(outputs):
            if prefix + name in self.defined:
                raise MalformedError(f"the value {name[:40]!r} is defined twice")
            scope[name] = prefix + name
            self.defined.add(prefix + name)
        return _named(outputs, prefix)


def _inputs(node: Any, target: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The arguments by name, and which of them are changed; names are those of the schema."""
    known, inputs = arguments_of(target), {}
    for position, entry in enumerate(node["inputs"]):
        name = _name(entry["name"]) if known is not None else str(position)
        if name in inputs or (known is not None and name not in known):
            raise MalformedError(f"{target[:80]} has no argument {name[:40]!r}, or has it twice")
        if name == "pin_memory" or (_is_assertion(target) and "as_string" in entry["arg"]):
            continue  # for other devices; the words of an assertion
        inputs[name] = _argument(entry["arg"])
    if known is not None and "device" in known:
        inputs["device"] = DEVICE  # also where the program names none: torch would take the CPU
    return inputs, tuple(name for name in inputs if known and known[name])


def _is_assertion(target: str) -> bool:
    return target.startswith(f"{ATEN}_assert")


def _outputs(node: Any) -> tuple[str | tuple[str, ...] | None, ...]:
    return tuple(_result(entry) for entry in node["outputs"])


def _result(entry: Any) -> str | tuple[str, ...] | None:
    """A name, the names of a list, or None for what an operator may leave out."""
    value = _argument(entry)
    if isinstance(value, tuple):
        return tuple(_name(part.name) for part in value)
    return _name(value.name) if value is not None else None


def _named(outputs: Iterable[Any], prefix: str) -> tuple[Any, ...]:
    return tuple(
        _named(entry, prefix) if isinstance(entry, tuple) else entry and prefix + entry
        for entry in outputs
    )


def _flat(outputs: Iterable[Any]) -> Iterable[str]:
    for entry in outputs:
        if isinstance(entry, tuple):
            yield from entry
        elif entry is not None:
            yield entry


def references_in(value: Any) -> Iterable[str]:
    """The names of the values in an argument."""
    if isinstance(value, list):
        for entry in value:
            yield from references_in(entry)
    elif isinstance(value, Reference) and value is not DEVICE:
        yield value.name


def _with_last_uses(nodes: list[Node], kept: set[str]) -> tuple[Node, ...]:
    """Tell every node which values are needed by none after it.

    Args:
        nodes: in their order.
        kept: names that are needed to the end.
    """
    seen, freed = set(kept), []
    for node in reversed(nodes):
        used = [name for value in node.inputs.values() for name in references_in(value)]
        last = [name for name in dict.fromkeys([*used, *node.defines]) if name not in seen]
        seen.update(last)
        freed.append(replace(node, frees=tuple(last)))
    return tuple(reversed(freed))


# --- the whole program ----------------------------------------------------------------------------


def read_program(content: Any) -> Program:
    """Check a program and bring it into the order in which it runs.

    Args:
        content: the parsed JSON of `models/model.json`.

    Raises:
        ArchitectureError: damaged, or with operators, inputs or outputs that are not run.
    """
    try:
        return _read(content)
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as exc:
        why = (
            str(exc)
            if isinstance(exc, MalformedError)
            else f"it is not as torch writes it ({exc!r:.80})"
        )
        raise ArchitectureError(
            f"The graph of this exported program cannot be read: {why}.",
            remedy="Export it again with torch.export.export(model, (x,)) and torch.export.save, "
            "or upload its state_dict.",
        ) from exc


def _read(content: Any) -> Program:
    module = content["graph_module"]
    graph, signature = module["graph"], module["signature"]
    weights, constants, inputs = _inputs_of(signature["input_specs"])
    if len(inputs) != 1:
        raise _refusal(f"takes {len(inputs)} inputs", "Export a network that takes one picture.")
    known = {*weights, *constants, *inputs}
    reader, scope = _Graph(set(known)), {name: name for name in known}
    reader.add(graph, scope, "", 0)
    _refuse_operators(reader.refused)
    outputs = tuple(_output(entry, reader, scope) for entry in _wanted(signature, graph))
    kept = {*known, *(entry.name for entry in outputs if entry)}
    described = graph["tensor_values"][inputs[0]]
    shape = _shape(described["sizes"], content["range_constraints"])
    return Program(
        nodes=_with_last_uses(reader.nodes, kept),
        weights=weights,
        constants=constants,
        input=inputs[0],
        shape=shape,
        dtype=DTYPES[described["dtype"]],
        channels_last=described["strides"][1] == {"as_int": 1} and shape[1].size > 1,
        outputs=outputs,
        structure=_structure(module["module_call_graph"], len(outputs)),
    )


def _refusal(what: str, remedy: str) -> ArchitectureError:
    return ArchitectureError(f"The exported program {what}.", remedy=remedy)


def _refuse_operators(refused: Mapping[str, None]) -> None:
    if refused:
        names = ", ".join(name.removeprefix("torch.ops.")[:80] for name in [*refused][:5])
        raise _refusal(
            f"uses operators that are not run here: {names}{', ...' * (len(refused) > 5)}",
            "Export only the part from the picture to the logits, in eval mode, or upload the "
            "network's state_dict.",
        )


def _inputs_of(specs: Any) -> tuple[dict[str, str], dict[str, Any], list[str]]:
    """Weights, plain constants and pictures among the graph's inputs."""
    weights, constants, inputs = {}, {}, []
    keys = {
        "parameter": "parameter_name",
        "buffer": "buffer_name",
        "tensor_constant": "tensor_constant_name",
    }
    for kind, spec in map(_one, specs):
        if kind in keys:
            weights[_reference(spec["arg"]).name] = _name(spec[keys[kind]])
        elif kind == "constant_input":
            constants[_name(spec["name"])] = (
                None if "as_string" in spec["value"] else _argument(spec["value"])
            )
        elif kind == "user_input":
            inputs.append(_name(_argument(spec["arg"]).name))
        else:
            raise _refusal(f"takes a {kind[:40]}", "Export a network that takes one picture.")
    if len({*weights, *constants, *inputs}) != len(specs):
        raise MalformedError("two inputs have the same name")
    return weights, constants, inputs


def _wanted(signature: Any, graph: Any) -> list[Any]:
    """The outputs that the network returns; the others are what training would store."""
    pairs = zip(signature["output_specs"], graph["outputs"], strict=True)
    return [entry for spec, entry in pairs if _one(spec)[0] == "user_output"]


def _output(entry: Any, reader: _Graph, scope: dict[str, str]) -> Reference | None:
    found = reader._resolved(_argument(entry), scope)
    return found if isinstance(found, Reference) else None


# --- the input's shape ----------------------------------------------------------------------------


def _shape(sizes: Any, ranges: Any) -> tuple[Dimension, Dimension, Dimension, Dimension]:
    if len(sizes) != 4:
        raise _refusal(
            f"takes an input of {len(sizes)} dimensions",
            "Export it with a picture of the shape (1, channels, height, width).",
        )
    n, c, h, w = (_dimension(size, ranges) for size in sizes)
    if not n.takes(1):
        raise _refusal(
            f"takes {n.size} pictures at once",
            "Export it with a picture of the shape (1, channels, height, width).",
        )
    return n, c, h, w


def _dimension(size: Any, ranges: Any) -> Dimension:
    kind, content = _one(size)
    if kind == "as_int":
        return Dimension(_integer(content), _integer(content), _integer(content))
    match = SYMBOL.fullmatch(content["expr_str"])
    step, symbol = _multiple(match) if match else (1, "")
    low, high = _range(ranges, symbol, step)
    hint = (content.get("hint") or {}).get("as_int")
    fallback = -(-max(low, 64) // step) * step  # torch has always told a size so far
    return Dimension(_integer(hint or fallback), low, high, step, symbol)


def _multiple(match: re.Match[str]) -> tuple[int, str]:
    """How torch wrote `s0` and `32*s0` in its versions."""
    step = int(match[1] or match[3] or 1)
    return max(step, 1), match[2] or match[4] or match[5]


def _range(ranges: Any, symbol: str, step: int) -> tuple[int, int | None]:
    found = ranges.get(symbol) or {}
    low, high = found.get("min_val"), found.get("max_val")
    low = 1 if low is None or low <= 2 else _integer(low)  # torch writes 2 for any size
    return low * step, None if high is None else _integer(high) * step


# --- the output's structure -----------------------------------------------------------------------


def _structure(entries: Any, count: int) -> Any:
    """What the network returns, with None for every tensor in it: {"out": None, "aux": None}."""
    whole = next((entry["signature"] for entry in entries if entry["fqn"] == ""), None)
    if whole is None:
        return (None,) * count if count != 1 else None
    _, spec = json.loads(whole["out_spec"])
    structure = _nested(spec, 0)
    if len(list(_leaves(structure))) != count:
        raise MalformedError("its outputs are not those that it announces")
    return structure


def _nested(spec: Any, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise MalformedError("its output is nested too deeply")
    if spec["type"] is None:
        return None
    children = [_nested(child, depth + 1) for child in spec["children_spec"]]
    keys = json.loads(spec["context"]) if isinstance(spec["context"], str) else None
    if isinstance(keys, list) and len(keys) == len(children) and all(map(_is_key, keys)):
        return dict(zip(keys, children, strict=True))
    return tuple(children)


def _is_key(key: Any) -> bool:
    return isinstance(key, str | int)


def _leaves(structure: Any) -> Iterable[None]:
    if structure is None:
        yield None
    else:
        for child in structure.values() if isinstance(structure, dict) else structure:
            yield from _leaves(child)


def filled(structure: Any, values: Iterable[Any]) -> Any:
    """The structure with values in the places of None; takes them from an iterator in order."""
    if structure is None:
        return next(iter(values))
    if isinstance(structure, dict):
        return {key: filled(child, values) for key, child in structure.items()}
    return tuple(filled(child, values) for child in structure)
