"""Plain data of a file as JSON can hold it, within a number of bytes, values and levels.

A small file can name one long text thousands of times: bytes are counted as they are added.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from core.checkpoint.pickled.records import Call, items_of, pairs_of, state_of
from core.checkpoint.text import without_surrogates

MAX_BYTES = 4 * 2**20  # of all together, written as JSON
MAX_VALUES = 20_000
MAX_LEVELS = 8
MAX_TEXT = 20_000  # characters of one text; a config of mmsegmentation has about 10,000
MAX_BITS = 64  # of a whole number; what is longer is a text, as no float could hold it
INNER = ("_content", "_val")  # where omegaconf keeps a dict's entries, and a number
LEFT_OUT = object()


class Plain:
    """Takes values until there is no room, and tells what that cost."""

    def __init__(self) -> None:
        """Start with all the room."""
        self._bytes, self._values = MAX_BYTES, MAX_VALUES
        self._shortened = 0

    @property
    def notes(self) -> list[str]:
        """Sentences about what is not whole; [] where all is."""
        notes = []
        if self._bytes < 0 or self._values < 0:
            notes.append(
                f"Of the data beside the weights only the first {MAX_BYTES >> 20} MiB or "
                f"{MAX_VALUES:,} values are shown"
            )
        if self._shortened:
            texts = "1 text" if self._shortened == 1 else f"{self._shortened:,} texts"
            notes.append(f"{texts} beside the weights shown up to {MAX_TEXT:,} characters")
        return notes

    def of(self, value: Any, level: int = 0) -> Any:
        """Numbers, texts, lists and dicts; LEFT_OUT for what is something else, or has no room.

        Args:
            value: an inert record, or what JSON described.
            level: of lists and dicts around it.
        """
        self._values -= 1
        if level > MAX_LEVELS or not self.has_room(1):
            return LEFT_OUT
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, bool) or value is None:
            return value
        if isinstance(value, int | float):
            return _number(value)
        if isinstance(value, dict):
            return self._dict(list(value.items()), level)
        if (pairs := pairs_of(value)) is not None:
            return self._dict(pairs, level)
        if isinstance(value, Call) and (state := state_of(value)) is not None:
            return self._object(state, level)
        items = value if isinstance(value, list) else items_of(value)
        return LEFT_OUT if items is None else self._list(items, level)

    def has_room(self, count: int) -> bool:
        """Take so many bytes, and say whether they and everything before them had room."""
        self._bytes -= count
        return self._bytes >= 0 and self._values >= 0

    def _text(self, text: str) -> Any:
        if len(text) > MAX_TEXT:
            self._shortened += 1
            text = text[:MAX_TEXT] + " ..."
        return without_surrogates(text) if self.has_room(_written(text)) else LEFT_OUT

    def _list(self, items: Iterable[Any], level: int) -> list[Any]:
        parts = []
        for item in items:
            part = self.of(item, level + 1)
            if not self.has_room(0):
                break
            if part is not LEFT_OUT:
                parts.append(part)
        return parts

    def _object(self, state: list[tuple[Any, Any]], level: int) -> Any:
        """The attributes of a Namespace, or of any object of a configuration; of no module."""
        self._values -= len(state)
        if not self.has_room(0):
            return LEFT_OUT
        named = {key: value for key, value in state if isinstance(key, str)}
        if "_modules" in named:
            return LEFT_OUT
        for inner in INNER:
            if inner in named:
                return self.of(named[inner], level + 1)
        own = [(key, value) for key, value in state if not str(_name(key)).startswith("_")]
        return self._dict(own, level)

    def _dict(self, pairs: list[tuple[Any, Any]], level: int) -> Any:
        parts = {}
        for key, value in pairs:
            name = _name(key)
            if name is None:
                self._values -= 1
                part = LEFT_OUT
            elif self.has_room(_written(name)):
                part = self.of(value, level + 1)
            if not self.has_room(0):
                break
            if part is not LEFT_OUT and name is not None:
                parts[name] = part
        return parts if parts or not pairs else LEFT_OUT


def _name(key: Any) -> str | None:
    if isinstance(key, str):
        return without_surrogates(key[:MAX_TEXT])
    return str(_number(key)) if isinstance(key, int | float) else str(key) if key is None else None


def _number(value: float) -> Any:
    if isinstance(value, int) and value.bit_length() > MAX_BITS:
        return f"a whole number of {value.bit_length()} bits"
    return value if math.isfinite(value) else str(value)


def _written(text: str) -> int:
    """Bytes as JSON, where another letter than those of English takes six."""
    return len(text) + 4 if text.isascii() else 6 * len(text) + 4
