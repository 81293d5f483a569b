"""Work that goes on while the page is used: a generator, run in its own thread, that can be ended.

Each value that it yields is a better answer than the one before; the page shows the newest. A
person has one work of each kind: asking for another one ends the one before, unless somebody else
waits for it too.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from core.errors import InspectionError
from core.recent import Recent

V = TypeVar("V")
KEPT = 64  # finished works; each is findings and a few small pictures


class Cancelled(Exception):  # noqa: N818 - not a fault: nobody waits for it any more
    """Nobody waits for this work any more."""


class Job(Generic[V]):
    """One work: its newest answer, and how far it is."""

    def __init__(self) -> None:
        self.partial: V | None = None  # the newest answer
        self.stage = ""  # what is being done, in words
        self.error: InspectionError | None = None
        self.people: set[str] = set()
        self.cancelled = False
        self.broken = False  # by a fault of ours, which the server's log holds
        self._done = threading.Event()
        self._first = threading.Event()

    @property
    def finished(self) -> bool:
        """Whether nothing more will come."""
        return self._done.is_set()

    def say(self, stage: str) -> None:
        """Tell what is being done; ends the work when nobody waits for it.

        Raises:
            Cancelled: nobody waits.
        """
        self.stage = stage
        self.check()

    def check(self) -> None:
        """End the work when nobody waits for it.

        Raises:
            Cancelled: nobody waits.
        """
        if self.cancelled:
            raise Cancelled

    def wait_first(self, seconds: float) -> None:
        """Wait for the first answer, or the end."""
        self._first.wait(seconds)

    def wait(self, seconds: float) -> bool:
        """Wait for the end; returns whether it came."""
        return self._done.wait(seconds)

    def run(self, work: Callable[[Job[V]], Iterator[V]]) -> None:
        """Take every answer in turn (in the thread of the work)."""
        try:
            for answer in work(self):
                self.partial = answer
                self._first.set()
                self.check()
        except Cancelled:
            self.cancelled = True
        except InspectionError as error:
            self.error = error
        except Exception:  # nothing above a thread would catch this
            self.broken = True
            logging.getLogger(__name__).exception("work in the background ended by a fault")
        finally:
            self._done.set()
            self._first.set()


class Background(Generic[V]):
    """All works of one kind on this server, by key; finished ones are kept."""

    def __init__(self) -> None:
        self._jobs: Recent[Job[V]] = Recent(KEPT, lambda _: 1)
        self._of: dict[str, Job[V]] = {}  # by person
        self._lock = threading.Lock()

    def start(self, key: str, work: Callable[[Job[V]], Iterator[V]], *, person: str) -> Job[V]:
        """Begin a work, or join the one under this key.

        Args:
            key: digest of everything that the answer depends on.
            work: yields better and better answers; calls `Job.say` on the way.
            person: for whom; what they waited for before is left.
        """
        with self._lock:
            job = self._jobs.get(key)
            if job is None or job.cancelled:
                job = Job()
                self._jobs.put(key, job)
                threading.Thread(
                    target=job.run, args=(work,), name="background", daemon=True
                ).start()
            self._join(job, person)
        return job

    def leave(self, person: str) -> None:
        """Wait for nothing more; a work that nobody waits for ends."""
        with self._lock:
            self._leave(person)

    def job_of(self, person: str) -> Job[V] | None:
        """What this person waits for, finished or not; None where that is nothing."""
        with self._lock:
            return self._of.get(person)

    def wait_all(self, seconds: float) -> bool:
        """Wait for the end of all that somebody waits for; returns whether it came in time."""
        deadline = time.monotonic() + seconds
        with self._lock:
            jobs = set(self._of.values())
        return all(job.wait(max(0.0, deadline - time.monotonic())) for job in jobs)

    def _join(self, job: Job[V], person: str) -> None:
        if self._of.get(person) is not job:
            self._leave(person)
            self._of[person] = job
            job.people.add(person)

    def _leave(self, person: str) -> None:
        if (job := self._of.pop(person, None)) is not None:
            job.people.discard(person)
            job.cancelled = job.cancelled or (not job.people and not job.finished)
