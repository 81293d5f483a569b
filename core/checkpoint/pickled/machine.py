"""The pickle machine: opcodes of protocols 0 to 5 to inert records, within limits.

`pickletools.genops` of the standard library reads the opcodes and their arguments; it runs nothing.
"""

from __future__ import annotations

import pickletools
import time
from collections.abc import Callable
from typing import Any

from core.checkpoint.pickled.records import Call, Global, Items, Pairs, Reference
from core.checkpoint.text import REPLACEMENT, without_surrogates
from core.checkpoint.window import Damaged, TooMuch, Window

MAX_OPCODES = 2_000_000  # ResNet-101 with Adam's state has about 60,000
MAX_MEMO = 1_000_000
MAX_SECONDS = 6.0  # of computing; a busy machine takes none away
MAX_NAME = 300  # characters
MAX_NAMES = 10_000  # different ones; each is judged
MAX_INT = 8 * 1024  # bits
COMPUTED = "a name that it computes"  # anything else than two texts, or the result of a call
PARTIAL = "functools.partial"  # makes its first argument a call


class Machine:
    """One run over one or several pickles of a file; keeps every name they ask for."""

    def __init__(self) -> None:
        """Start with an empty stack."""
        self.called: dict[str, None] = {}  # names that would be called, or whose objects be made
        self.invoked: dict[str, None] = {}  # of these, what Python's own machine calls at once
        self.named: dict[str, None] = {}  # all names
        self.references: list[Reference] = []  # storages, in the order of the file
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self._steps = 0
        self._cleaned: dict[str, str] = {}  # -> as the file has it
        self._deadline = time.process_time() + MAX_SECONDS

    def run(self, window: Window) -> Any:
        """Read one pickle and return what it describes.

        Raises:
            Damaged: the stream breaks off or contradicts itself.
            TooMuch: a limit.
        """
        self.stack, self.marks, self.memo = [], [], {}
        try:
            for opcode, argument, _ in pickletools.genops(window):  # type: ignore[arg-type]
                self._steps += 1
                if self._steps % 4096 == 0 or self._steps > MAX_OPCODES:
                    self._check_limits()
                if opcode.name == "STOP":
                    return self.pop()
                OPERATIONS[opcode.name](self, argument)
        except (ValueError, KeyError, IndexError, TypeError, OverflowError) as exc:
            raise Damaged(str(exc)) from exc
        raise Damaged("a pickle without its end")

    def _check_limits(self) -> None:
        if self._steps > MAX_OPCODES:
            raise TooMuch(f"it has more than {MAX_OPCODES:,} steps")
        if len(self.memo) > MAX_MEMO:
            raise TooMuch(f"its memo holds more than {MAX_MEMO:,} values")
        if time.process_time() > self._deadline:
            raise TooMuch(f"it takes more than {MAX_SECONDS:.0f} s to read")

    def text(self, text: str) -> None:
        """Push a text as it can be written; two must not become one by that."""
        cleaned = without_surrogates(text)
        if REPLACEMENT in cleaned and self._cleaned.setdefault(cleaned, text) != text:
            raise Damaged("two names differ only by characters that cannot be written")
        self.stack.append(cleaned)

    def pop(self) -> Any:
        """Take the value on top."""
        if self.marks and self.marks[-1] >= len(self.stack):
            raise IndexError("nothing above the mark")
        return self.stack.pop()

    def top(self) -> Any:
        """The value on top, which stays."""
        return self.stack[-1]

    def above_mark(self) -> list[Any]:
        """Take everything above the last mark."""
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def name(self, module: Any, name: Any) -> None:
        """Push a class or function by its name."""
        known = isinstance(module, str) and isinstance(name, str)
        full = f"{module}.{name}" if known else COMPUTED
        if len(full) > MAX_NAME:
            raise TooMuch(f"it has a name of more than {MAX_NAME} characters")
        if full.startswith("__builtin__."):  # what Python 2 called it
            full = "builtins." + full.removeprefix("__builtin__.")
        self.named[full] = None
        if len(self.named) > MAX_NAMES:
            raise TooMuch(f"it names more than {MAX_NAMES:,} classes and functions")
        self.stack.append(Global(full))

    def call(self, function: Any, arguments: Any) -> None:
        """Push what a call would return."""
        self.invoked[function.name if isinstance(function, Global) else COMPUTED] = None
        self.make(function, arguments)

    def make(self, function: Any, arguments: Any) -> None:
        """Push an object of a class, which is made without a call of the class."""
        self.called[function.name if isinstance(function, Global) else COMPUTED] = None
        call = Call(function, arguments)
        if call.name == PARTIAL and isinstance(arguments, tuple) and arguments:
            first = arguments[0]
            self.called[first.name if isinstance(first, Global) else COMPUTED] = None
        self.stack.append(call)

    def refer(self, value: Any) -> None:
        """Push a storage; of a class with its source, as old files have them, only the class."""
        if isinstance(value, tuple) and len(value) > 1 and value[0] == "module":
            self.stack.append(value[1])
            return
        self.references.append(Reference(value))
        self.stack.append(self.references[-1])

    def set_pairs(self, flat: list[Any]) -> None:
        """Put keys and values into the dict on top."""
        if len(flat) % 2:
            raise ValueError("a key without a value")
        target = self.top()
        pairs = list(zip(flat[::2], flat[1::2], strict=True))
        if isinstance(target, Pairs):
            target.pairs += pairs
        elif isinstance(target, Call):
            if target.pairs is None:
                target.pairs = []
            target.pairs += pairs
        else:
            raise ValueError("entries for an object that is not a dict")

    def append(self, items: list[Any]) -> None:
        """Put items into the list on top."""
        target = self.top()
        if isinstance(target, Items):
            target.items += items
        elif isinstance(target, Call):
            if target.items is None:
                target.items = []
            target.items += items
        else:
            raise ValueError("items for an object that is not a list")

    def build(self) -> None:
        """Give the object on top its attributes."""
        state = self.pop()
        target = self.top()
        if not isinstance(target, Call):
            raise ValueError("attributes for a value that has none")
        target.state = state


def _push(machine: Machine, argument: Any) -> None:
    if isinstance(argument, int) and argument.bit_length() > MAX_INT:
        raise TooMuch(f"it has a number of more than {MAX_INT} bits")
    if isinstance(argument, str):
        machine.text(argument)
    else:
        machine.stack.append(argument)


def _constant(value: Any) -> Callable[[Machine, Any], None]:
    return lambda machine, _: machine.stack.append(value)


def _made(kind: Callable[[], Any]) -> Callable[[Machine, Any], None]:
    return lambda machine, _: machine.stack.append(kind())


def _mark(machine: Machine, _: Any) -> None:
    machine.marks.append(len(machine.stack))


def _pop(machine: Machine, _: Any) -> None:
    if machine.marks and machine.marks[-1] == len(machine.stack):
        machine.marks.pop()  # POP takes a mark too
    else:
        machine.stack.pop()


def _pop_mark(machine: Machine, _: Any) -> None:
    machine.above_mark()


def _tuple(size: int) -> Callable[[Machine, Any], None]:
    def operation(machine: Machine, _: Any) -> None:
        parts = [machine.pop() for _ in range(size)]
        machine.stack.append(tuple(reversed(parts)))

    return operation


def _dict(machine: Machine, _: Any) -> None:
    flat = machine.above_mark()
    machine.stack.append(Pairs())
    machine.set_pairs(flat)


def _set_item(machine: Machine, _: Any) -> None:
    value, key = machine.pop(), machine.pop()
    machine.set_pairs([key, value])


def _append(machine: Machine, _: Any) -> None:
    machine.append([machine.pop()])


def _global(machine: Machine, argument: str) -> None:
    module, _, name = argument.partition(" ")
    machine.name(module, name)


def _stack_global(machine: Machine, _: Any) -> None:
    name, module = machine.pop(), machine.pop()
    machine.name(module, name)


def _extension(machine: Machine, _: Any) -> None:
    machine.name(None, None)
    machine.called[COMPUTED] = None


def _reduce(machine: Machine, _: Any) -> None:
    arguments, function = machine.pop(), machine.pop()
    machine.call(function, arguments)


def _new(machine: Machine, _: Any) -> None:
    arguments, function = machine.pop(), machine.pop()
    machine.make(function, arguments)


def _new_with_keywords(machine: Machine, _: Any) -> None:
    keywords, arguments, function = machine.pop(), machine.pop(), machine.pop()
    machine.make(function, (arguments, keywords))


def _instance(machine: Machine, argument: str) -> None:
    arguments = tuple(machine.above_mark())
    _global(machine, argument)
    machine.call(machine.pop(), arguments)


def _object(machine: Machine, _: Any) -> None:
    function, *arguments = machine.above_mark()
    machine.call(function, tuple(arguments))


def _put(machine: Machine, argument: int) -> None:
    machine.memo[argument] = machine.top()


def _memoize(machine: Machine, _: Any) -> None:
    machine.memo[len(machine.memo)] = machine.top()


def _get(machine: Machine, argument: int) -> None:
    machine.stack.append(machine.memo[argument])


def _buffer(machine: Machine, _: Any) -> None:
    raise ValueError("a buffer outside the file")


def _nothing(machine: Machine, _: Any) -> None:
    """PROTO and FRAME."""


_VALUES = (
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE"),
    *("BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
)
OPERATIONS: dict[str, Callable[[Machine, Any], None]] = {
    **dict.fromkeys(_VALUES, _push),
    **dict.fromkeys(("PROTO", "FRAME"), _nothing),
    **dict.fromkeys(("EXT1", "EXT2", "EXT4"), _extension),
    **dict.fromkeys(("NEXT_BUFFER", "READONLY_BUFFER"), _buffer),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), _put),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _get),
    "NONE": _constant(None),
    "NEWTRUE": _constant(True),
    "NEWFALSE": _constant(False),
    "EMPTY_TUPLE": _constant(()),
    "EMPTY_LIST": _made(Items),
    "EMPTY_SET": _made(Items),
    "EMPTY_DICT": _made(Pairs),
    "MARK": _mark,
    "POP": _pop,
    "POP_MARK": _pop_mark,
    "DUP": lambda machine, _: machine.stack.append(machine.top()),
    "TUPLE": lambda machine, _: machine.stack.append(tuple(machine.above_mark())),
    "TUPLE1": _tuple(1),
    "TUPLE2": _tuple(2),
    "TUPLE3": _tuple(3),
    "LIST": lambda machine, _: machine.stack.append(Items(machine.above_mark())),
    "FROZENSET": lambda machine, _: machine.stack.append(Items(machine.above_mark())),
    "DICT": _dict,
    "APPEND": _append,
    "APPENDS": lambda machine, _: machine.append(machine.above_mark()),
    "ADDITEMS": lambda machine, _: machine.append(machine.above_mark()),
    "SETITEM": _set_item,
    "SETITEMS": lambda machine, _: machine.set_pairs(machine.above_mark()),
    "GLOBAL": _global,
    "STACK_GLOBAL": _stack_global,
    "REDUCE": _reduce,
    "NEWOBJ": _new,
    "NEWOBJ_EX": _new_with_keywords,
    "INST": _instance,
    "OBJ": _object,
    "BUILD": lambda machine, _: machine.build(),
    "MEMOIZE": _memoize,
    "PERSID": lambda machine, argument: machine.refer(argument),
    "BINPERSID": lambda machine, _: machine.refer(machine.pop()),
}
