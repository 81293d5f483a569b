"""What was used last is kept, within a number of bytes: values in memory, files in a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Condition
from typing import Generic, TypeVar

from cachetools import LRUCache, cached

V = TypeVar("V")


class Recent(Generic[V]):
    """A dictionary that forgets what was not used for longest; safe between threads."""

    def __init__(self, max_bytes: int, size_of: Callable[[V], int]) -> None:
        """Args: max_bytes, what all values may weigh; size_of, the bytes of one value."""
        room = max(1, max_bytes)  # with none at all the newest value would find no place

        def weight(value: V) -> int:
            return min(size_of(value), room)  # so that the newest stays, with nothing beside it

        self._values: LRUCache[str, V] = LRUCache(room, weight)
        self._changing = Condition()
        made = cached(self._values, key=_key_of, condition=self._changing)
        self._made: Callable[[str, Callable[[], V]], V] = made(_made)

    def get(self, key: str) -> V | None:
        """The value under this key, which is now the most recent one."""
        with self._changing:
            return self._values.get(key)

    def put(self, key: str, value: V) -> None:
        """Keep a value; the newest one stays even if it alone is over the limit."""
        with self._changing:
            self._values.pop(key, None)  # else the old value's bytes would push others out
            self._values[key] = value

    def clear(self) -> None:
        """Forget everything."""
        with self._changing:
            self._values.clear()

    def get_or_make(self, key: str, make: Callable[[], V]) -> V:
        """Take the value, or make it: only who asks for the same one waits for it.

        Args:
            key: of the value.
            make: must not ask for the same key; where it raises, the next who asks makes it.
        """
        return self._made(key, make)


def _key_of(key: str, _: Callable[[], object]) -> str:
    return key


def _made(_: str, make: Callable[[], V]) -> V:
    return make()


def forget_oldest(folder: Path, pattern: str, max_bytes: int, *, keep: str) -> None:
    """Delete the least recently used files until the others fit.

    Args:
        folder: where they are.
        pattern: of the files that are kept; what has the same stem counts and goes with them.
        max_bytes: of all that count together.
        keep: the name of the one that stays whatever its size.
    """
    stems = {path.stem for path in folder.glob(pattern)}
    parts: dict[str, list[Path]] = {stem: [] for stem in stems}
    for path in folder.iterdir():
        if path.stem in parts:
            parts[path.stem].append(path)
    facts = {stem: list(map(_facts, paths)) for stem, paths in parts.items()}
    total = sum(size for files in facts.values() for _, size in files)
    for stem in sorted(stems, key=lambda stem: max(facts[stem], default=(0.0, 0))):
        if total <= max_bytes:
            return
        if stem != Path(keep).stem:
            total -= sum(size for _, size in facts[stem])
            for path in parts[stem]:
                path.unlink(missing_ok=True)


def _facts(path: Path) -> tuple[float, int]:
    """When a file was last used, and its bytes; another process may have deleted it."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return 0.0, 0
    return found.st_mtime, found.st_size
