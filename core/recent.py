"""What was used last is kept, within a number of bytes: values in memory, files in a folder."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
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


def forget_oldest(folder: Path, pattern: str, max_bytes: int, *, keep: str) -> None:
    """Delete the least recently used files until the others fit.

    Args:
        folder: where they are.
        pattern: of the files that count; what has the same stem goes with them.
        max_bytes: of all that count together.
        keep: the name of the one that stays whatever its size.
    """
    files = sorted(folder.glob(pattern), key=lambda path: path.stat().st_mtime)
    total = sum(path.stat().st_size for path in files)
    for path in files:
        if total <= max_bytes:
            return
        if path.name != keep:
            total -= path.stat().st_size
            for part in (path, *folder.glob(f"{path.stem}.*")):
                part.unlink(missing_ok=True)
