"""A sweep in this process: pictures are decoded in a thread beside the forward.

Each forward is of one picture. Batches were measured and left out (docs/decisions/0041): their
logits are not those of the dashboard bit for bit, and on a CPU they are no faster.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from core.architectures import Network
from core.background import Cancelled
from core.dataset.entry import DataSet, Entry
from core.engine import Runner, in_this_thread
from core.image import read_guarded
from core.image.read import Reader
from core.operators import ForwardAbandoned, while_wanted
from core.store import labels_to_file
from core.sweep.look import Decoded, Looker, TruthOf, decoded
from core.sweep.plan import Plan
from core.sweep.progress import Progress
from core.sweep.rows import FAILED, Row
from core.sweep.table import Table

AHEAD = 2  # pictures that are decoded before they are needed; each may take 150 MB
V = TypeVar("V")
Wanted = Callable[[], bool]


def always() -> bool:
    """Somebody waits to the end."""
    return True


def sweep(
    data: DataSet,
    plan: Plan,
    network: Network,
    table: Table,
    *,
    truth_of: TruthOf,
    forward: Runner = in_this_thread,
    wanted: Wanted = always,
    read: Reader = read_guarded,
) -> Iterator[Progress]:
    """Compute what the table does not have yet, picture by picture.

    Memory does not grow with the number of pictures: rows are on the disk when a Progress comes.

    Args:
        data: the pictures; a name occurs once.
        plan: the settings, of this network.
        network: the rebuilt network.
        table: takes the rows; `finish` it when the last Progress has come.
        truth_of: makes ids of a mask's bytes, given entry, `data.truths` and h, w.
        forward: the door to the network. An engine's ends a forward whose `waiting` raises, and
            needs a person of its own: it drops what the same person asked for before.
            `stoppable(wanted)` ends one where there is no engine.
        wanted: asked between pictures.
        read: where pictures are decoded.

    Yields:
        A Progress at once, and one after each picture, with its rows.

    Raises:
        Cancelled: nobody wants the rest; finished pictures are kept.
        BusyError, StoreError: a forward was not begun, or rows cannot be written.
    """

    def keep(digest: str, ids: np.ndarray) -> None:
        table.keep_labels(digest, labels_to_file(ids))

    def begin(index: int, entry: Entry) -> Decoded:
        return decoded(index, entry, data.truths, plan, truth_of=truth_of, read=read)

    looker = Looker(plan, network, forward)
    left = pictures_left(data, table)
    count = Counting(len(data.entries), len(left))
    yield count.now()
    for seen in _ahead(left, begin):
        if not wanted():
            raise Cancelled
        rows = looker.rows(seen, keep)
        table.append(rows)
        yield count.after(rows)


def stoppable(wanted: Wanted) -> Runner:
    """The door where there is no engine, of somebody who may go away: asked between layers."""

    def run(_: str, compute: Callable[[], V], /) -> V:
        try:
            with while_wanted(wanted):
                return compute()
        except ForwardAbandoned as error:
            raise Cancelled from error

    return run


def pictures_left(data: DataSet, table: Table) -> list[tuple[int, Entry]]:
    """The entries whose rows the table does not have, with their place in the set."""
    return [(k, entry) for k, entry in enumerate(data.entries) if entry.name not in table.done]


class Counting:
    """Makes the Progress of a run."""

    def __init__(self, total: int, left: int) -> None:
        """Args: total, pictures of the set; left, those that this run computes."""
        self._total, self._before = total, total - left
        self._done = self._failed = 0
        self._began = time.monotonic()

    def now(self) -> Progress:
        """Before the first picture."""
        return self._progress((), "")

    def after(self, rows: tuple[Row, ...], worker: str = "") -> Progress:
        """Count one more picture."""
        self._done += 1
        self._failed += any(row.status == FAILED for row in rows)
        return self._progress(rows, worker)

    def _progress(self, rows: tuple[Row, ...], worker: str) -> Progress:
        seconds = time.monotonic() - self._began
        return Progress(self._total, self._before, self._done, self._failed, seconds, rows, worker)


def _ahead(
    left: Iterable[tuple[int, Entry]], begin: Callable[[int, Entry], Decoded]
) -> Iterator[Decoded]:
    """Each decoded in turn, a few of them before they are asked for."""
    pool = ThreadPoolExecutor(1, "decode")
    begun: deque[Future[Decoded]] = deque()
    try:
        for index, entry in left:
            begun.append(pool.submit(begin, index, entry))
            if len(begun) > AHEAD:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
