"""How the outputs of an exported program are nested: tuples, lists and dicts of tensors."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from core.architectures.program.refusals import MalformedError

MAX_DEPTH = 16  # of graphs in graphs, and of the output's structure


def structure_of(entries: Any, count: int) -> Any:
    """What the network returns, with None for every tensor in it: {"out": None, "aux": None}."""
    whole = next((entry["signature"] for entry in entries if entry["fqn"] == ""), None)
    if whole is None:
        return (None,) * count if count != 1 else None
    _, spec = json.loads(whole["out_spec"])
    structure = _nested(spec, 0)
    if len(list(_leaves(structure))) != count:
        raise MalformedError("its outputs differ from those in its signature")
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
