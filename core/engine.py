"""Where forwards run: one at a time, the newest request of a person wins, results are kept.

Two forwards at once on two cores are slower than one after the other, so there is one worker
thread. Whoever waits is asked every `POLL_SECONDS` whether to go on; giving up takes a request that
has not begun out of the queue. A forward that runs is not interrupted: its result is kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING
from weakref import WeakSet

from core.recent import Recent

if TYPE_CHECKING:  # torch loads with the first forward, not with the page
    from core.inference import Logits

CACHE_BYTES = 512 * 2**20  # a 520x520 picture with 21 classes takes 23 MB: about 22 of them
POLL_SECONDS = 0.05


class Superseded(Exception):  # noqa: N818 - not a fault: the same person asked for something newer
    """The same person asked for something newer."""


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
        """Args: cache_bytes, how much all kept logits may weigh."""
        self._results: Recent[Logits] = Recent(cache_bytes, lambda logits: logits.values.nbytes)
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="forward")
        self._waiting: dict[str, Future[Logits]] = {}  # by person: what they asked for last
        self._lock = Lock()
        self.forwards = 0  # how many were run since the start
        self.forwards_of: Counter[str] = Counter()  # the same by who asked
        self.running = 0
        self.most_running = 0
        _ENGINES.add(self)

    @property
    def waiting(self) -> int:
        """How many requests have not begun."""
        with self._lock:
            return sum(not (future.running() or future.done()) for future in self._waiting.values())

    def logits(
        self,
        key: str,
        compute: Callable[[], Logits],
        *,
        person: str = "",
        waiting: Callable[[], None] = _nothing,
    ) -> Logits:
        """Return the logits under `key`, computing them where they are not kept.

        Args:
            key: digest of picture, checkpoint, preprocessing and forwarding.
            compute: the forward; runs in the worker thread.
            person: whose request this is; an older one of theirs that has not begun is dropped.
            waiting: called every `POLL_SECONDS`; whatever it raises ends the wait.

        Raises:
            Superseded: this request was dropped for a newer one of the same person.
            InspectionError: the forward failed.
        """
        if (kept := self._results.get(key)) is not None:
            return kept
        future = self._submit(key, compute, person)
        try:
            return _wait(future, waiting)
        except CancelledError as error:
            raise Superseded from error
        finally:
            future.cancel()  # only takes effect while it has not begun

    def _submit(self, key: str, compute: Callable[[], Logits], person: str) -> Future[Logits]:
        with self._lock:
            older = self._waiting.get(person)
            future = self._worker.submit(self._run, key, compute, person)
            self._waiting[person] = future
        if older is not None:
            older.cancel()  # outside the lock: its callback takes the lock too
        future.add_done_callback(lambda done: self._forget(person, done))
        return future

    def _forget(self, person: str, done: Future[Logits]) -> None:
        with self._lock:
            if self._waiting.get(person) is done:
                del self._waiting[person]

    def _run(self, key: str, compute: Callable[[], Logits], person: str) -> Logits:
        if (kept := self._results.get(key)) is not None:  # somebody before us in the queue made it
            return kept
        self.forwards += 1
        self.forwards_of[person] += 1
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            logits = compute()
        finally:
            self.running -= 1
        self._results.put(key, logits)
        return logits


def _wait(future: Future[Logits], waiting: Callable[[], None]) -> Logits:
    while True:
        try:
            return future.result(timeout=POLL_SECONDS)
        except FutureTimeoutError:
            waiting()
