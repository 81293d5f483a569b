"""What a pickle describes, as inert records: nothing is imported, called, hashed or compared.

Numbers, texts, bytes, None and tuples are themselves. Everything else is one of the records below,
which hold each other by reference, so a file may be cyclic; whoever walks them keeps a visited set.
"""

from __future__ import annotations

from typing import Any


class Global:
    """A class or a function by its name: "collections.OrderedDict"."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        """Args: name, module and qualified name with a dot between."""
        self.name = name


class Reference:
    """A persistent id: in torch's files always a storage."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        """Args: value, what the file says about it."""
        self.value = value


class Pairs:
    """A dict as it was written: keys may repeat, be of any kind, and are not looked up."""

    __slots__ = ("pairs",)

    def __init__(self, pairs: list[tuple[Any, Any]] | None = None) -> None:
        """Args: pairs, key and value in the file's order."""
        self.pairs = [] if pairs is None else pairs


class Items:
    """A list or a set."""

    __slots__ = ("items",)

    def __init__(self, items: list[Any] | None = None) -> None:
        """Args: items, in the file's order."""
        self.items = [] if items is None else items


class Call:
    """An object that the file would make by a call, and what it would put into it."""

    __slots__ = ("arguments", "attributes", "function", "items", "pairs", "state")

    def __init__(self, function: Any, arguments: Any) -> None:
        """Args: function, mostly a Global; arguments, mostly a tuple."""
        self.function, self.arguments = function, arguments
        self.state: Any = None
        self.attributes: list[tuple[Any, Any]] | None = None  # of a state in two parts
        self.pairs: list[tuple[Any, Any]] | None = None
        self.items: list[Any] | None = None

    @property
    def name(self) -> str:
        """The function's name; "" where it is computed."""
        return self.function.name if isinstance(self.function, Global) else ""


DICTS = frozenset(
    {"collections.OrderedDict", "builtins.dict", "collections.defaultdict", "collections.Counter"}
)
OBJECTS = frozenset({"copyreg._reconstructor", "copy_reg._reconstructor", "copyreg.__newobj__"})


def pairs_of(value: Any) -> list[tuple[Any, Any]] | None:
    """The entries of a dict of any class, None for everything else."""
    if isinstance(value, Pairs):
        return value.pairs
    if not isinstance(value, Call):
        return None
    if value.pairs is not None:
        return value.pairs
    if value.name not in DICTS:
        return None
    for argument in value.arguments if isinstance(value.arguments, tuple) else ():
        if isinstance(argument, Items):  # protocols 0 and 1: OrderedDict([[key, value], ...])
            found = (_pair(item) for item in argument.items)
            value.pairs = [pair for pair in found if pair is not None]  # once, however often asked
            return value.pairs
    return []


def _pair(item: Any) -> tuple[Any, Any] | None:
    parts = item.items if isinstance(item, Items) else item
    return (parts[0], parts[1]) if isinstance(parts, tuple | list) and len(parts) == 2 else None


def items_of(value: Any) -> list[Any] | tuple[Any, ...] | None:
    """The parts of a list, set or tuple, None for everything else."""
    if isinstance(value, Items):
        return value.items
    return value if isinstance(value, tuple) else None


def class_of(value: Call) -> str:
    """The class of an object, however the protocol wrote it."""
    if value.name in OBJECTS and isinstance(value.arguments, tuple) and value.arguments:
        first = value.arguments[0]
        return first.name if isinstance(first, Global) else ""
    return value.name


def state_of(value: Call) -> list[tuple[Any, Any]] | None:
    """The attributes of an object by name."""
    state = value.state
    if isinstance(state, tuple) and len(state) == 2:  # __dict__ and __slots__
        if value.attributes is None:  # once, however often asked
            value.attributes = (pairs_of(state[0]) or []) + (pairs_of(state[1]) or [])
        return value.attributes
    return pairs_of(state)
