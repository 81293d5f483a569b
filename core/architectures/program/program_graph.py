"""The JSON of an exported program to a checked list of nodes; nothing is computed here.

The file is hostile until proven otherwise: every kind of argument is of a closed list, every name
is defined before it is used, every operator stands in `aten`. The format: torch's own
`torch/_export/serde/schema.py`, schema version 8.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from core.architectures.program.arguments import (
    DTYPES,
    Reference,
    argument_of,
    name_of,
    one_of,
    reference_of,
)
from core.architectures.program.dimensions import shape_of
from core.architectures.program.nodes import GraphReader, Node, with_last_uses
from core.architectures.program.output_structure import structure_of
from core.architectures.program.refusals import MalformedError, refusal, refuse_operators
from core.architectures.sizes import Dimension
from core.errors import ArchitectureError


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
        raise refusal(f"takes {len(inputs)} inputs", "Export a network that takes one picture.")
    known = {*weights, *constants, *inputs}
    reader, scope = GraphReader(set(known)), {name: name for name in known}
    reader.add(graph, scope, "", 0)
    refuse_operators(reader.refused)
    outputs = tuple(_output(entry, reader, scope) for entry in _wanted(signature, graph))
    kept = {*known, *(entry.name for entry in outputs if entry)}
    described = graph["tensor_values"][inputs[0]]
    shape = shape_of(described["sizes"], content["range_constraints"])
    return Program(
        nodes=with_last_uses(reader.nodes, kept),
        weights=weights,
        constants=constants,
        input=inputs[0],
        shape=shape,
        dtype=DTYPES[described["dtype"]],
        channels_last=described["strides"][1] == {"as_int": 1} and shape[1].size > 1,
        outputs=outputs,
        structure=structure_of(module["module_call_graph"], len(outputs)),
    )


def _inputs_of(specs: Any) -> tuple[dict[str, str], dict[str, Any], list[str]]:
    """Weights, plain constants and pictures among the graph's inputs."""
    weights, constants, inputs = {}, {}, []
    keys = {
        "parameter": "parameter_name",
        "buffer": "buffer_name",
        "tensor_constant": "tensor_constant_name",
    }
    for kind, spec in map(one_of, specs):
        if kind in keys:
            weights[reference_of(spec["arg"]).name] = name_of(spec[keys[kind]])
        elif kind == "constant_input":
            constants[name_of(spec["name"])] = (
                None if "as_string" in spec["value"] else argument_of(spec["value"])
            )
        elif kind == "user_input":
            inputs.append(name_of(argument_of(spec["arg"]).name))
        else:
            raise refusal(f"takes a {kind[:40]}", "Export a network that takes one picture.")
    if len({*weights, *constants, *inputs}) != len(specs):
        raise MalformedError("two inputs have the same name")
    return weights, constants, inputs


def _wanted(signature: Any, graph: Any) -> list[Any]:
    """The outputs that the network returns; the others are what training would store."""
    pairs = zip(signature["output_specs"], graph["outputs"], strict=True)
    return [entry for spec, entry in pairs if one_of(spec)[0] == "user_output"]


def _output(entry: Any, reader: GraphReader, scope: dict[str, str]) -> Reference | None:
    found = reader._resolved(argument_of(entry), scope)
    return found if isinstance(found, Reference) else None
