"""Where networks run: one forward at a time, the newest request of a person wins, results are kept.

Two forwards at once on two cores are slower than one after the other, so there is one worker
thread, and whatever runs a network goes through it: an inspection, a diagnosis, the gauge. Whoever
waits is asked every `POLL_SECONDS` whether to go on; giving up takes a request that has not begun
out of the queue, and ends one that runs before its next operator, unless somebody else waits for
the same key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from itertools import count
from threading import Lock
from typing import Any, Protocol, TypeVar
from weakref import WeakSet

from core.recent import Recent

CACHE_BYTES = 512 * 2**20  # a 520x520 picture with 21 classes takes 23 MB: about 22 of them
SMALL_BYTES = 1024  # what a few numbers are taken to weigh
MOST_ASKERS = 256  # so many people's newest requests are kept, the last ones
POLL_SECONDS = 0.05
V = TypeVar("V")


class Superseded(Exception):  # noqa: N818 - not a fault: the same person asked for something newer
    """The same person asked for something newer."""


class Runner(Protocol):
    """The door to a network: whatever runs one is handed to it."""

    def __call__(self, key: str, compute: Callable[[], V], /) -> V:
        """Compute, or take what is kept under this key.

        Args:
            key: names the result; "" where keeping it is not worth its memory.
            compute: runs the network.
        """


def in_this_thread(key: str, compute: Callable[[], V], /) -> V:
    """The door where there is no engine: of the command line, benchmarks and tests."""
    return compute()


@dataclass(frozen=True)
class Load:
    """How busy this process is with forwards."""

    running: int
    waiting: int
    forwards: int  # since the start


_ENGINES: WeakSet[Engine] = WeakSet()  # so that a host can ask how busy they are


def load() -> Load:
    """How busy all engines of this process are together."""
    engines = list(_ENGINES)
    return Load(
        sum(engine.running for engine in engines),
        sum(engine.waiting for engine in engines),
        sum(engine.forwards for engine in engines),
    )


def _nothing() -> None:
    """Wait without a word."""


class Engine:
    """One queue of forwards and the cache behind it."""

    def __init__(self, cache_bytes: int = CACHE_BYTES) -> None:
        """Args: cache_bytes, how much all kept results may weigh."""
        self._results: Recent[Any] = Recent(cache_bytes, _weight)
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="forward")
        self._waiting: dict[str, Future[Any]] = {}  # by person: what they asked for last
        self._wanted: Counter[str] = Counter()  # by name of the result: how many wait for it
        self._unkept = count()
        self._lock = Lock()
        self.forwards = 0  # how many were run since the start
        self.forwards_of: Counter[str] = Counter()  # the same by who asked, of the last ones
        self.running = 0
        self.most_running = 0
        _ENGINES.add(self)

    @property
    def waiting(self) -> int:
        """How many requests have not begun."""
        with self._lock:
            return sum(not (future.running() or future.done()) for future in self._waiting.values())

    def runner(self, *, person: str = "", waiting: Callable[[], None] = _nothing) -> Runner:
        """The door of one person to this engine; see `run`."""

        def run(key: str, compute: Callable[[], V], /) -> V:
            return self.run(key, compute, person=person, waiting=waiting)

        return run

    def run(
        self,
        key: str,
        compute: Callable[[], V],
        *,
        person: str = "",
        waiting: Callable[[], None] = _nothing,
    ) -> V:
        """Return the result under `key`, computing it where it is not kept.

        Args:
            key: digest of everything that the result depends on; "" for one that is not kept.
            compute: runs a network; in the worker thread.
            person: whose request this is; an older one of theirs that has not begun is dropped.
            waiting: called every `POLL_SECONDS`; whatever it raises ends the wait.

        Raises:
            Superseded: this request was dropped for a newer one of the same person.
            InspectionError: the forward failed.
        """
        kept: V | None = self._results.get(key)
        if kept is not None:
            return kept
        name = key or f"not kept, {next(self._unkept)}"
        self._want(name, 1)
        future = self._submit(name, compute, person, keep=bool(key))
        try:
            return _wait(future, waiting)
        except CancelledError as error:
            raise Superseded from error
        finally:
            self._want(name, -1)
            future.cancel()  # only takes effect while it has not begun

    def _want(self, name: str, more: int) -> None:
        with self._lock:
            self._wanted[name] += more
            if not self._wanted[name]:
                del self._wanted[name]

    def _submit(self, name: str, compute: Callable[[], V], person: str, *, keep: bool) -> Future[V]:
        with self._lock:
            older = self._waiting.get(person)
            future = self._worker.submit(self._run, name, compute, person, keep)
            self._waiting[person] = future
        if older is not None:
            older.cancel()  # outside the lock: its callback takes the lock too
        future.add_done_callback(lambda done: self._forget(person, done))
        return future

    def _forget(self, person: str, done: Future[Any]) -> None:
        with self._lock:
            if self._waiting.get(person) is done:
                del self._waiting[person]

    def _run(self, name: str, compute: Callable[[], V], person: str, keep: bool) -> V:
        kept: V | None = self._results.get(name)
        if kept is not None:  # somebody before us in the queue made it
            return kept
        self._count(person)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            result = self._computed(name, compute)
        finally:
            self.running -= 1
        if keep:
            self._results.put(name, result)
        return result

    def _computed(self, name: str, compute: Callable[[], V]) -> V:
        from core.operators import while_wanted  # torch loads with the first forward

        with while_wanted(lambda: name in self._wanted):
            return compute()

    def _count(self, person: str) -> None:
        self.forwards += 1
        self.forwards_of[person] = self.forwards_of.pop(person, 0) + 1  # the newest is the last
        while len(self.forwards_of) > MOST_ASKERS:
            del self.forwards_of[next(iter(self.forwards_of))]


def _weight(result: object) -> int:
    """Bytes: of logits their array's, of a few numbers next to nothing."""
    return int(getattr(getattr(result, "values", None), "nbytes", SMALL_BYTES))


def _wait(future: Future[V], waiting: Callable[[], None]) -> V:
    while True:
        try:
            return future.result(timeout=POLL_SECONDS)
        except FutureTimeoutError:
            waiting()
