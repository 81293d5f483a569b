"""Arguments of an exported program's nodes: every kind is of a closed list."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from core.architectures.program.refusals import MalformedError

MAX_LIST = 10_000  # entries of one argument
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


@dataclass(frozen=True)
class Reference:
    """The value of this name, when the program runs."""

    name: str


DEVICE = Reference("")  # where the input is, whatever the program says; no value has this name


def integer_of(value: Any) -> int:
    """A whole number of 64 bits; MalformedError for anything else."""
    if type(value) is not int or not -(2**63) <= value < 2**63:
        raise MalformedError("expected an integer of 64 bits")
    return value


def _boolean(value: Any) -> bool:
    if type(value) is not bool:
        raise MalformedError("expected a boolean")
    return value


def _float(value: Any) -> float:
    if isinstance(value, str) and value in FLOATS:
        return FLOATS[value]
    if type(value) not in (int, float):
        raise MalformedError("expected a number")
    return float(value)


def _word(value: Any) -> str:
    if not isinstance(value, str) or not (value in WORDS or EQUATION.fullmatch(value)):
        raise MalformedError("expected a text that an operator accepts")
    return value


def name_of(value: Any) -> str:
    """The name of a value or of an argument; MalformedError for anything else."""
    if not isinstance(value, str) or not 0 < len(value) <= MAX_NAME:
        raise MalformedError(f"expected a name of 1 to {MAX_NAME} characters")
    return value


def one_of(value: Any) -> tuple[str, Any]:
    """A union: a dict with one entry, whose key tells the kind."""
    if not isinstance(value, dict) or len(value) != 1:
        raise MalformedError("expected an argument with exactly one kind")
    return next(iter(value.items()))


def reference_of(value: Any) -> Reference:
    """The value that an argument names."""
    return Reference(name_of(value["name"]))


def _nothing(value: Any) -> None:
    return None


def _device(value: Any) -> Reference:
    return DEVICE


def _dtype(value: Any) -> torch.dtype:
    return DTYPES[integer_of(value)]


def _layout(value: Any) -> torch.layout:
    if value != STRIDED:
        raise MalformedError("expected a dense tensor layout")
    return torch.strided


def _memory_format(value: Any) -> torch.memory_format:
    return MEMORY_FORMATS[integer_of(value)]


def _symbolic(constant: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        kind, content = one_of(value)
        return Reference(name_of(content)) if kind == "as_name" else constant(content)

    return read


def _optional_tensor(value: Any) -> Reference | None:
    kind, content = one_of(value)
    return None if kind == "as_none" else reference_of(content)


def list_of(read: Callable[[Any], Any]) -> Callable[[Any], tuple[Any, ...]]:
    """A reader of lists whose entries `read` reads."""

    def read_list(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list) or len(value) > MAX_LIST:
            raise MalformedError(f"expected a list of at most {MAX_LIST} entries")
        return tuple(read(entry) for entry in value)

    return read_list


_SINGLE: dict[str, Callable[[Any], Any]] = {
    "as_tensor": reference_of,
    "as_int": integer_of,
    "as_float": _float,
    "as_bool": _boolean,
    "as_sym_int": _symbolic(integer_of),
    "as_sym_float": _symbolic(_float),
    "as_sym_bool": _symbolic(_boolean),
    "as_optional_tensor": _optional_tensor,
}
KINDS: dict[str, Callable[[Any], Any]] = {
    **_SINGLE,
    **{f"{kind}s": list_of(read) for kind, read in _SINGLE.items()},
    "as_none": _nothing,
    "as_string": _word,
    "as_scalar_type": _dtype,
    "as_memory_format": _memory_format,
    "as_layout": _layout,
    "as_device": _device,
}


def argument_of(value: Any) -> Any:
    """An argument of any kind that stands in `KINDS`; MalformedError for another."""
    kind, content = one_of(value)
    if kind not in KINDS:
        raise MalformedError(f"an argument is of the kind {kind[:40]!r}")
    return KINDS[kind](content)
