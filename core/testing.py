"""For tests of this app and of what is built on it: wait, hold the queue, damage what is stored.

Nothing of the app imports this module. It uses only what the rooms offer to everybody, so that a
test that is written with it outlives the next change inside a room.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Generic, NoReturn, TypeVar
from uuid import uuid4

from core.store.blobs import BucketBlobs

if TYPE_CHECKING:
    from core.engine import Engine
    from core.store import Store

T = TypeVar("T")
SECONDS = 30.0  # after which what a test waits for is taken to come no more
POLL_SECONDS = 0.01


def wait_until(holds: Callable[[], bool], seconds: float = SECONDS) -> None:
    """Return as soon as something holds.

    Args:
        holds: asked every `POLL_SECONDS`.
        seconds: how long at most.

    Raises:
        TimeoutError: it does not hold after that time.
    """
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"the condition does not hold after {seconds:g} s")
        time.sleep(POLL_SECONDS)


def in_background(call: Callable[[], object]) -> threading.Thread:
    """Start a call in a thread of its own; `join` the thread before the test ends."""
    thread = threading.Thread(target=call)
    thread.start()
    return thread


class Held(Generic[T]):
    """A call that returns its value once it is let go: a forward, or any other work.

    `began` is set while it runs, so that a test goes on with the worker surely busy.
    """

    def __init__(self, value: T, seconds: float = SECONDS) -> None:
        """Args: value, what it returns; seconds, after which it returns though it is still held."""
        self.began, self.let_go = threading.Event(), threading.Event()
        self._value, self._seconds = value, seconds

    def __call__(self) -> T:
        """Run until it is let go."""
        self.began.set()
        self.let_go.wait(self._seconds)
        return self._value


class _Released(Exception):  # noqa: N818 - no fault: it leaves nothing in the engine's cache
    """The worker goes on."""


@contextmanager
def paused(engine: Engine) -> Iterator[None]:
    """Keep the worker of an engine busy: forwards wait, as they do behind a large network.

    What keeps it busy counts as a forward that runs; no result of it is kept.

    Raises:
        TimeoutError: the worker did not become free for it.
    """
    held = Held(None)

    def forward() -> NoReturn:
        held()
        raise _Released

    def ask() -> None:
        with suppress(_Released):
            engine.run(name, forward, person=name)

    name = f"paused {uuid4().hex}"
    thread = in_background(ask)
    try:
        wait_until(held.began.is_set)
        yield
    finally:
        held.let_go.set()
        thread.join()


def overwrite(store: Store, digest: str, content: bytes) -> None:
    """Put other bytes under a digest, as a broken disk or a foreign hand in the bucket does.

    Args:
        store: any, opened.
        digest: SHA-256 of a file that it keeps.
        content: what is read there from now on.
    """
    blobs = store.blobs
    if isinstance(blobs, BucketBlobs):
        blobs.system.pipe_file(blobs.key(digest), content)
    else:
        blobs.path(digest).write_bytes(content)
