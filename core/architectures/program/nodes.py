"""Nodes of an exported program, checked one by one: each name is defined before it is used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from core.architectures.program.arguments import DEVICE, Reference, argument_of, name_of, one_of
from core.architectures.program.aten import ATEN, Operator, arguments_of, operator_named
from core.architectures.program.output_structure import MAX_DEPTH
from core.architectures.program.refusals import MalformedError

MAX_NODES = 20_000
WITHOUT_GRADIENTS = "torch.ops.higher_order.wrap_with_set_grad_enabled"


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


@dataclass
class GraphReader:
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
            target = name_of(node["target"])
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
        kind, content = one_of(graph)
        if kind != "as_graph":
            raise MalformedError("expected a graph as the first input of a higher-order operator")
        inner, inside = content["graph"], f"{prefix}{self.read}/"
        names = [argument_of(entry).name for entry in inner["inputs"]]
        values = [self._resolved(argument_of(entry), scope).name for entry in given]
        own = dict(zip(names, values, strict=True))
        self.add(inner, own, inside, depth + 1)
        results = [self._resolved(argument_of(entry), own).name for entry in inner["outputs"]]
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
        name = name_of(entry["name"]) if known is not None else str(position)
        if name in inputs or (known is not None and name not in known):
            raise MalformedError(f"{target[:80]} has no argument {name[:40]!r}, or has it twice")
        if name == "pin_memory" or (_is_assertion(target) and "as_string" in entry["arg"]):
            continue  # for other devices; the words of an assertion
        inputs[name] = argument_of(entry["arg"])
    if known is not None and "device" in known:
        inputs["device"] = DEVICE  # also where the program names none: torch would take the CPU
    return inputs, tuple(name for name in inputs if known and known[name])


def _is_assertion(target: str) -> bool:
    return target.startswith(f"{ATEN}_assert")


def _outputs(node: Any) -> tuple[str | tuple[str, ...] | None, ...]:
    return tuple(_result(entry) for entry in node["outputs"])


def _result(entry: Any) -> str | tuple[str, ...] | None:
    """A name, the names of a list, or None for what an operator may leave out."""
    value = argument_of(entry)
    if isinstance(value, tuple):
        return tuple(name_of(part.name) for part in value)
    return name_of(value.name) if value is not None else None


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


def with_last_uses(nodes: list[Node], kept: set[str]) -> tuple[Node, ...]:
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
