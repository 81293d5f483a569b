"""What was used last is kept, within a number of bytes: values in memory, files in a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

from cachetools import LRUCache

V = TypeVar("V")


class Recent(Generic[V]):
    """A dictionary that forgets what was not used for longest; safe between threads."""

    def __init__(self, max_bytes: int, size_of: Callable[[V], int]) -> None:
        """Args: max_bytes, what all values may weigh; size_of, the bytes of one value."""
        # A value that alone is over the limit counts as the limit: it stays, and no other does.
        self._values: LRUCache[str, V] = LRUCache(
            max_bytes, getsizeof=lambda value: min(size_of(value), max_bytes)
        )
        self._turns: WeakValueDictionary[str, Lock] = WeakValueDictionary()  # kept by who waits
        self._lock = Lock()

    def get(self, key: str) -> V | None:
        """The value under this key, which is now the most recent one."""
        with self._lock:
            return self._values.get(key)

    def put(self, key: str, value: V) -> None:
        """Keep a value; the newest one stays even if it alone is over the limit."""
        with self._lock:
            self._values[key] = value

    def get_or_make(self, key: str, make: Callable[[], V]) -> V:
        """Take the value, or make it: two who ask for one key wait for one, others go on."""
        if (value := self.get(key)) is not None:
            return value
        with self._lock:
            turn = self._turns.setdefault(key, Lock())
        with turn:
            if (value := self.get(key)) is None:
                self.put(key, value := make())
            return value


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
