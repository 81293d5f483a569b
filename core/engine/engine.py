"""The door to every network: one forward at a time, what was computed is kept.

Two forwards at once on two cores are slower than one after the other, so there is one worker
thread, and whatever runs a network goes through it: an inspection, a diagnosis, the gauge. Whoever
waits is asked every `POLL_SECONDS` whether to go on; giving up takes a request that has not begun
out of the queue, and ends one that runs before its next operator, unless somebody else waits for
the same key. What nobody looks at makes room for a drag in the same way, and begins anew after it.
"""

from __future__ import annotations

import atexit
import math
import statistics
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from functools import cache
from itertools import count
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from weakref import WeakSet

from core.engine.queue import Lane, Queue, Request
from core.errors import BusyError
from core.recent import Recent

if TYPE_CHECKING:  # torch loads with the first forward
    from core.engine.remote import Remote

CACHE_BYTES = 512 * 2**20  # a 520x520 picture with 21 classes takes 23 MB: about 22 of them
AHEAD_BYTES = 192 * 2**20  # of what nobody has asked for yet, besides: eight of those
SMALL_BYTES = 1024  # what a few numbers are taken to weigh
MOST_ASKERS = 256  # so many people's newest requests are kept, the last ones
POLL_SECONDS = 0.05
WORKER = "forward"  # name of the thread
TIMED = 256  # requests of each lane whose time is known, the last ones
REST_SECONDS = 5.0  # without a request, after which the worker thread ends
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
class Place:
    """Where somebody's request is in the queue."""

    others: int  # forwards of others that come first, with the one that runs
    seconds: float  # that they will take, about

    @property
    def in_words(self) -> str:
        """One sentence; "" where nobody comes first."""
        if not self.others:
            return ""
        one = self.others == 1
        forwards = "1 forward of others is" if one else f"{self.others} forwards of others are"
        about = f", about {max(1, round(self.seconds))} s" if self.seconds else ""
        return f"{forwards} before yours{about}."


@dataclass(frozen=True)
class Load:
    """How busy this process is with forwards."""

    running: int
    waiting: int
    forwards: int  # since the start
    kept: int  # requests that were answered from the cache, since the start
    seconds: Mapping[str, tuple[float, ...]]  # by lane: how long each of the last requests took


_ENGINES: WeakSet[Engine] = WeakSet()  # so that a host can ask how busy they are


def load() -> Load:
    """How busy all engines of this process are together."""
    engines = list(_ENGINES)
    seconds = {
        lane.name.lower(): tuple(s for engine in engines for s in list(engine.seconds[lane]))
        for lane in Lane
    }
    return Load(
        sum(engine.running for engine in engines),
        sum(engine.waiting for engine in engines),
        sum(engine.forwards for engine in engines),
        sum(engine.kept for engine in engines),
        seconds,
    )


@atexit.register
def _close_all() -> None:
    for engine in list(_ENGINES):
        engine.close()


def _nothing() -> None:
    """Wait without a word."""


class Engine:
    """One queue of forwards and the cache behind it."""

    def __init__(
        self,
        cache_bytes: int = CACHE_BYTES,
        ahead_bytes: int = AHEAD_BYTES,
        place: Callable[[], Remote | None] = lambda: None,
    ) -> None:
        """An engine with nothing kept.

        Args:
            cache_bytes: how much all results that were asked for may weigh.
            ahead_bytes: the same of those that were computed when idle; they push out no other.
            place: where exact forwards are computed, asked with the first one; None: here.
        """
        self.ahead_bytes = ahead_bytes
        self.runs_at = cache(place)
        self._results: Recent[Any] = Recent(cache_bytes, _weight)
        self._ahead: Recent[Any] = Recent(ahead_bytes, _weight)
        self._queue = Queue()
        self._now: Request | None = None  # what runs
        self._wanted: Counter[str] = Counter()  # by name of the result: how many wait for it
        self._unkept = count()
        self._lock = Lock()
        self._worker: Thread | None = None
        self.forwards = 0  # how many were run since the start
        self.forwards_of: Counter[str] = Counter()  # the same by who asked, of the last ones
        self.kept = 0  # how many requests were answered from the cache
        self.ran = {lane: deque[float](maxlen=TIMED) for lane in Lane}  # begun to done
        self._began = 0.0  # what runs
        self.seconds = {lane: deque[float](maxlen=TIMED) for lane in Lane}  # asked to answered
        self.running = 0
        self.most_running = 0
        _ENGINES.add(self)

    @property
    def waiting(self) -> int:
        """How many requests have not begun."""
        return len(self._queue)

    def place(self, person: str) -> Place:
        """What a person waits for before their own request begins."""
        ahead, waits = self._queue.before(person)
        running = self._now
        if not waits:
            return Place(0, 0.0)
        left = sum(self._usual(each.lane) for each in ahead)
        if running is None or running.person == person:
            return Place(len(ahead), left)
        lasted = time.monotonic() - self._began
        return Place(len(ahead) + 1, left + max(0.0, self._usual(running.lane) - lasted))

    def _usual(self, lane: Lane) -> float:
        """Seconds of one forward of a lane, the median of the last ones."""
        return statistics.median(list(self.ran[lane]) or [0.0])

    def runner(
        self,
        *,
        person: str = "",
        lane: Lane = Lane.PAGE,
        waiting: Callable[[], None] = _nothing,
        patience: float = math.inf,
    ) -> Runner:
        """The door of one person to this engine; see `run`."""

        def run(key: str, compute: Callable[[], V], /) -> V:
            return self.run(
                key, compute, person=person, lane=lane, waiting=waiting, patience=patience
            )

        return run

    def run(
        self,
        key: str,
        compute: Callable[[], V],
        *,
        person: str = "",
        lane: Lane = Lane.PAGE,
        waiting: Callable[[], None] = _nothing,
        patience: float = math.inf,
    ) -> V:
        """Return the result under `key`, computing it where it is not kept.

        Args:
            key: digest of everything that the result depends on; "" for one that is not kept.
            compute: runs a network, in the worker thread; it may be ended and begun anew.
            person: whose request this is; an older one of theirs in the same lane that has not
                begun is dropped.
            lane: what it is for.
            waiting: called every `POLL_SECONDS`; whatever it raises ends the wait.
            patience: seconds after which a request that has not begun is taken back.

        Raises:
            BusyError: it would wait for longer than `patience`.
            Superseded: this request was dropped for a newer one of the same person.
            InspectionError: the forward failed.
        """
        kept: V | None = self._find(key)
        if kept is not None:
            self.kept += 1
            return kept
        asked = time.monotonic()
        name = key or f"not kept, {next(self._unkept)}"
        request = Request(name, compute, person, lane, keep=bool(key))
        self._want(name, 1)
        self._submit(request)
        try:
            result: V = self._wait(request, waiting, asked + patience)
            self.seconds[lane].append(time.monotonic() - asked)
            return result
        except CancelledError as error:
            raise Superseded from error
        finally:
            self._want(name, -1)
            self._queue.remove(request)

    def close(self, seconds: float = 10.0) -> None:
        """Wait for what runs, and begin nothing: torch aborts a program that ends meanwhile."""
        self._queue.close()
        if (worker := self._worker) is not None:
            worker.join(seconds)

    def keeps(self, key: str) -> bool:
        """Whether the result under this key is there at once."""
        return self._find(key) is not None

    def _find(self, key: str) -> Any:
        kept = self._results.get(key)
        return self._ahead.get(key) if kept is None else kept

    def _wait(self, request: Request, waiting: Callable[[], None], until: float) -> Any:
        while True:
            try:
                return request.future.result(timeout=POLL_SECONDS)
            except FutureTimeoutError:
                waiting()
                if time.monotonic() > until and not request.future.running():
                    raise _busy(self.place(request.person)) from None

    def _want(self, name: str, more: int) -> None:
        with self._lock:
            self._wanted[name] += more
            if not self._wanted[name]:
                del self._wanted[name]

    def _submit(self, request: Request) -> None:
        with self._lock:
            self._queue.put(request)
            running = self._now
            if running is not None and request.precedes(running):
                running.makes_room = True
            if running is not None and request.replaces(running):
                running.replaced = True
            if self._worker is None:
                self._worker = Thread(target=self._work, name=WORKER, daemon=True)
                self._worker.start()

    # --- in the worker thread ---------------------------------------------------------------------

    def _work(self) -> None:
        """Serve until nothing comes for a while, so that an engine that is done with can go."""
        while (request := self._queue.take(REST_SECONDS)) is not None or not self._may_end():
            if request is not None:
                self._now = request
                self._serve(request)
                self._now = None

    def _may_end(self) -> bool:
        with self._lock:
            if len(self._queue) and not self._queue.closed:
                return False
            self._worker = None
            return True

    def _serve(self, request: Request) -> None:
        from core.operators import ForwardAbandoned  # torch loads with the first forward

        try:
            result = self._result(request)
        except ForwardAbandoned as error:
            if request.replaced:
                request.future.set_exception(CancelledError())
            elif self._is_wanted(request):  # it made room
                request.preempted, request.makes_room = request.preempted + 1, False
                self._queue.put_back(request)
            else:
                request.future.set_exception(error)
        except BaseException as error:  # it reaches whoever asked
            request.future.set_exception(error)
        else:
            request.future.set_result(result)

    def _is_wanted(self, request: Request) -> bool:
        return request.name in self._wanted

    def _result(self, request: Request) -> Any:
        kept = self._find(request.name)
        if kept is not None:  # somebody before us in the queue made it
            return kept
        self._count(request.person)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        self._began = time.monotonic()
        try:
            result = self._computed(request)
        finally:
            self.running -= 1
        self.ran[request.lane].append(time.monotonic() - self._began)
        if request.keep:
            place = self._ahead if request.lane == Lane.IDLE else self._results
            place.put(request.name, result)
        return result

    def _computed(self, request: Request) -> Any:
        from core.engine.remote import computing
        from core.operators import while_wanted

        def is_wanted() -> bool:
            return not (request.makes_room or request.replaced) and self._is_wanted(request)

        with while_wanted(is_wanted), computing(self.runs_at()):
            return request.compute()

    def _count(self, person: str) -> None:
        self.forwards += 1
        self.forwards_of[person] = self.forwards_of.pop(person, 0) + 1  # the newest is the last
        while len(self.forwards_of) > MOST_ASKERS:
            del self.forwards_of[next(iter(self.forwards_of))]


def _weight(result: object) -> int:
    """Bytes: of logits their array's, of a few numbers next to nothing."""
    return int(getattr(getattr(result, "values", None), "nbytes", SMALL_BYTES))


def _busy(place: Place) -> BusyError:
    return BusyError(
        f"This server is busy, and your forward was not begun. {place.in_words}".strip(),
        remedy="Try again in a minute.",
    )
