"""What a pickle asks for by name, read from its opcodes; nothing is imported or called."""

from __future__ import annotations

import pickletools
import re
from dataclasses import dataclass
from typing import Any, BinaryIO

MAX_OPCODES = 3_000_000  # ResNet-101 with Adam's state has about 60,000
COMPUTED = "a name that it computes"  # STACK_GLOBAL on something else than two strings

STRING_OPS = frozenset(
    {"SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE"}
    | {"SHORT_BINSTRING", "BINSTRING", "STRING"}
)
PUT_OPS = frozenset({"PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"})
GET_OPS = frozenset({"GET", "BINGET", "LONG_BINGET"})
LEGACY_MODULE = [None, "module"]  # torch/serialization.py: ("module", class, file, source)
SILENT_OPS = frozenset({"PROTO", "FRAME"}) | PUT_OPS  # they push nothing


@dataclass(frozen=True)
class PickledNames:
    """The names in the pickles of a file, in order, each once."""

    names: tuple[str, ...]  # "posix.system"
    complete: bool  # whether the first pickle ended properly
    whole: str = ""  # the first thing in the first pickle that has one, where that is a name
    unsupported: str = ""  # an opcode of a protocol that torch.load does not read


def names_in(file: BinaryIO, *, pickles: int = 1) -> PickledNames:
    """Read the opcodes of the first pickles in a file.

    Args:
        file: positioned at the first pickle.
        pickles: how many follow each other at most; torch's legacy container has five.
    """
    names: dict[str, None] = {}
    complete, whole, unsupported = False, "", ""
    for _ in range(pickles):
        walk = _Walk()
        ended = walk.run(file)
        names.update(walk.names)
        complete, whole = complete or ended, whole or walk.whole
        unsupported = unsupported or walk.unsupported
        if not ended:
            break
    return PickledNames(tuple(names), complete, whole, unsupported)


class _Walk:
    """One pass over one pickle, remembering the strings that STACK_GLOBAL may use."""

    def __init__(self) -> None:
        self.names: dict[str, None] = {}
        self.whole, self.unsupported = "", ""
        self._recent: list[str | None] = []  # the last two pushed, None where it is no string
        self._pushed = 0
        self._memo: dict[int, str | None] = {}

    def run(self, file: BinaryIO) -> bool:
        """Walk to STOP; False where the stream breaks off or is no pickle."""
        try:
            for count, (opcode, argument, _) in enumerate(pickletools.genops(file)):
                if count > MAX_OPCODES:
                    return False
                self._step(opcode.name, argument)
        except (ValueError, KeyError, IndexError, OverflowError, MemoryError, OSError):
            return False
        return True

    def _step(self, op: str, argument: Any) -> None:
        if op in ("GLOBAL", "INST"):
            self._name(str(argument).replace(" ", "."))
        elif op == "STACK_GLOBAL":
            self.unsupported = self.unsupported or op
            module, name = self._recent if len(self._recent) == 2 else (None, None)
            self._name(f"{module}.{name}" if module and name else COMPUTED)
        elif op.startswith("EXT"):
            self._name(COMPUTED)
        elif op in PUT_OPS:
            self._put(op, argument)
            return
        if op not in SILENT_OPS:
            self._push(op, argument)

    def _name(self, name: str) -> None:
        name = re.sub("^__builtin__", "builtins", name)  # what Python 2 called it
        if self._pushed == 0 or (self._pushed == 2 and self._recent == LEGACY_MODULE):
            self.whole = name
        self.names[name] = None

    def _put(self, op: str, argument: Any) -> None:
        slot = len(self._memo) if op == "MEMOIZE" else int(argument)
        self._memo[slot] = self._recent[-1] if self._recent else None

    def _push(self, op: str, argument: Any) -> None:
        value = argument if op in STRING_OPS else None
        if op in GET_OPS:
            value = self._memo.get(int(argument))
        self._recent = [*self._recent[-1:], value]
        self._pushed += 1
