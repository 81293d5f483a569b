"""The most recently used values by key, within a number of bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

V = TypeVar("V")


class Recent(Generic[V]):
    """A dictionary that forgets what was not used for longest; safe between threads."""

    def __init__(self, max_bytes: int, size_of: Callable[[V], int]) -> None:
        """Args: max_bytes, what all values may weigh; size_of, the bytes of one value."""
        self._max_bytes, self._size_of = max_bytes, size_of
        self._values: OrderedDict[str, V] = OrderedDict()
        self._lock = threading.Lock()
        self._making = threading.Lock()

    def get(self, key: str) -> V | None:
        """The value under this key, which is now the most recent one."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def put(self, key: str, value: V) -> None:
        """Keep a value; the newest one stays even if it alone is over the limit."""
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            while len(self._values) > 1 and self._weight() > self._max_bytes:
                self._values.popitem(last=False)

    def get_or_make(self, key: str, make: Callable[[], V]) -> V:
        """Take the value, or make it, one at a time: two people who ask for one wait for one."""
        if (value := self.get(key)) is not None:
            return value
        with self._making:
            if (value := self.get(key)) is None:
                self.put(key, value := make())
            return value

    def _weight(self) -> int:
        return sum(self._size_of(value) for value in self._values.values())
