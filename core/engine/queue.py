"""In which order requests are served: by lane, and within a lane in turn between people."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import count
from threading import Condition
from typing import Any

MOST_PEOPLE = 1024  # whose last turn is known; who came before them counts as new
MOST_PREEMPTED = 3  # how often one request makes room, so that it ends at some time


class Lane(IntEnum):
    """What a request is for; a lower one is served first."""

    DRAG = 0  # somebody moves a slider
    PAGE = 1  # somebody waits for a page
    DIAGNOSIS = 2  # somebody reads meanwhile
    IDLE = 3  # nobody waits


@dataclass(eq=False)
class Request:
    """One computation that was asked for."""

    name: str  # of its result
    compute: Callable[[], Any]
    person: str
    lane: Lane
    keep: bool  # whether the result is worth its memory
    future: Future[Any] = field(default_factory=Future)
    preempted: int = 0  # how often it made room
    number: int = 0  # its place in the queue, set by it
    makes_room: bool = False  # it is to end before its next layer, and to begin anew later
    replaced: bool = False  # the same person has dragged on: it ends as well, and is over

    def replaces(self, running: Request) -> bool:
        """Whether what runs is an older position of the same drag."""
        same = running.person == self.person and running.lane == self.lane == Lane.DRAG
        return same and running.name != self.name

    def precedes(self, running: Request) -> bool:
        """Whether what runs makes room for this one.

        A drag waits only to the next layer of its own person's page, and of what nobody looks at;
        a page waits only so long for what nobody waits for.
        """
        if running.preempted >= MOST_PREEMPTED or self.lane >= running.lane:
            return False
        own = running.person == self.person
        if self.lane == Lane.DRAG:
            return own or running.lane >= Lane.DIAGNOSIS
        return running.lane == Lane.IDLE


class Queue:
    """Requests that have not begun; of one person and lane only the newest."""

    def __init__(self) -> None:
        """Empty."""
        self._requests: list[Request] = []
        self._changed = Condition()
        self._numbers = count(1)
        self._turns: dict[str, int] = {}  # by person: when they were served last
        self.closed = False

    def put(self, request: Request) -> None:
        """Let a request wait; an older one of the same person in the same lane is dropped."""
        with self._changed:
            older = [each for each in self._requests if _takes_the_place(request, each)]
            self._requests = [each for each in self._requests if each not in older]
            request.number = next(self._numbers)
            self._requests.append(request)
            self._changed.notify()
        for each in older:  # outside the lock: callbacks of a future may ask the queue
            each.future.cancel()

    def put_back(self, request: Request) -> None:
        """Let one that made room wait again, in its old place."""
        with self._changed:
            self._requests.append(request)
            self._changed.notify()

    def take(self, seconds: float) -> Request | None:
        """The next one, which begins; None where nothing came for so long, or nothing may."""
        with self._changed:
            while self._changed.wait_for(lambda: self._requests or self.closed, seconds):
                if self.closed:
                    return None
                request = min(self._requests, key=self._order)
                self._requests.remove(request)
                self._serve(request.person)
                if request.preempted or request.future.set_running_or_notify_cancel():
                    return request
        return None

    def close(self) -> None:
        """Give out nothing any more: the program ends."""
        with self._changed:
            self.closed = True
            self._changed.notify_all()

    def remove(self, request: Request) -> None:
        """Drop one that has not begun."""
        with self._changed:
            if request in self._requests:
                self._requests.remove(request)

    def before(self, person: str) -> tuple[list[Request], bool]:
        """What is served before the first request of a person, and whether they have one here."""
        with self._changed:
            ordered = sorted(self._requests, key=self._order)
        for place, each in enumerate(ordered):
            if each.person == person:
                return ordered[:place], True
        return [], False

    def __len__(self) -> int:
        """How many wait."""
        with self._changed:
            return len(self._requests)

    def _order(self, request: Request) -> tuple[int, int, int]:
        return request.lane, self._turns.get(request.person, 0), request.number

    def _serve(self, person: str) -> None:
        self._turns.pop(person, None)
        self._turns[person] = next(self._numbers)
        while len(self._turns) > MOST_PEOPLE:
            del self._turns[next(iter(self._turns))]


def _takes_the_place(newer: Request, older: Request) -> bool:
    same = newer.person == older.person and newer.lane == older.lane
    return same and not older.preempted
