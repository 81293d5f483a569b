"""The same sweep on a Ray cluster: pictures go out by reference, rows come back.

Each picture is a task of Ray's own. Ray gives it to any worker that is free, gives it to another
one where a worker or its machine ends, and uses machines that join meanwhile; nothing of that is
done here (docs/decisions/0041). A worker's process holds the network between its tasks.

Files that pictures refer to must be readable where the workers are: a shared folder, a bucket.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from core.architectures import Network
from core.background import Cancelled
from core.cluster import connected
from core.dataset.entry import DataSet, Entry, Truths
from core.engine import in_this_thread
from core.errors import InspectionError
from core.image import read_guarded
from core.image.read import Reader
from core.store import labels_to_file
from core.sweep.local import Counting, Wanted, always, pictures_left
from core.sweep.look import Looker, TruthOf, decoded
from core.sweep.plan import Plan
from core.sweep.progress import Progress
from core.sweep.rows import FAILED, Row
from core.sweep.table import Table

RETRIES = 3  # of a picture whose worker ends; then it is a row that says so
AHEAD = 2  # tasks for each core of the cluster: one that runs, and the next one
POLL_SECONDS = 0.5  # between two looks whether somebody waits and how large the cluster is


@dataclass(frozen=True, eq=False)
class Weights:
    """A checkpoint's file, and what of it is run; workers read it as this process did."""

    content: np.ndarray  # UInt8[n]; workers of a machine share it
    name: str
    digest: str  # SHA-256 of it, hexadecimal
    part: str = ""
    choices: Mapping[str, str] = field(default_factory=dict)

    def network(self) -> Network:
        """Read it, from a file of its own.

        Raises:
            CheckpointError, ArchitectureError: as `read_checkpoint` and `build_network`.
        """
        from core.architectures import build_network
        from core.checkpoint import read_checkpoint

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "checkpoint"
            self.content.tofile(path)
            checkpoint = read_checkpoint(path, name=self.name, digest=self.digest, choice=self.part)
            return build_network(checkpoint, self.choices)


@dataclass(frozen=True, eq=False)
class Job:
    """What all tasks of a sweep have in common; sent once to each machine."""

    plan: Plan
    truths: Truths
    weights: Weights
    truth_of: TruthOf
    read: Reader


@dataclass(frozen=True, eq=False)
class Answer:
    """What comes back of a picture."""

    rows: tuple[Row, ...]
    labels: Mapping[str, bytes]  # by digest, where the plan keeps them
    worker: str  # machine and process
    trouble: tuple[str, str] = ("", "")  # message and remedy, where the network cannot be opened


def sweep_on_ray(
    data: DataSet,
    plan: Plan,
    weights: Weights,
    table: Table,
    *,
    truth_of: TruthOf,
    wanted: Wanted = always,
    read: Reader = read_guarded,
    address: str = "",
    retries: int = RETRIES,
) -> Iterator[Progress]:
    """As `local.sweep`, with the pictures in the order in which workers finish them.

    Args:
        data: as there.
        plan: as there.
        weights: of the plan's network.
        table: as there.
        truth_of: a function of a module, which workers import.
        wanted: as there.
        read: a function of a module too.
        address: of a cluster; "": that of RAY_ADDRESS, else one of this machine's cores.
        retries: see `RETRIES`.

    Raises:
        InspectionError: Ray is not installed, the cluster cannot be reached, or its workers cannot
            open the network.
        Cancelled, StoreError: as there.
    """
    left = pictures_left(data, table)
    count = Counting(len(data.entries), len(left))
    yield count.now()
    with connected(address) as ray:
        task = ray.remote(num_cpus=1, max_retries=retries)(_look)
        job = ray.put(Job(plan, data.truths, weights, truth_of, read))
        tasks = Tasks(ray, lambda index, entry: task.remote(job, index, entry))
        for index, entry, answer in tasks.answers(left, wanted):
            rows = _failed(plan, index, entry, retries) if answer is None else _kept(table, answer)
            table.append(rows)
            yield count.after(rows, "" if answer is None else answer.worker)


def _kept(table: Table, answer: Answer) -> tuple[Row, ...]:
    message, remedy = answer.trouble
    if message:
        raise InspectionError(f"On {answer.worker}: {message}", remedy=remedy)
    for digest, content in answer.labels.items():
        table.keep_labels(digest, content)
    return answer.rows


def _failed(plan: Plan, index: int, entry: Entry, retries: int) -> tuple[Row, ...]:
    times = "" if retries == 0 else f" {retries + 1} times"
    why = f"The worker that computed this picture ended{times}, perhaps for lack of memory."
    return tuple(Row(index, entry.name, named.name, FAILED, why) for named in plan.settings)


# --- what Ray is asked for ------------------------------------------------------------------------


class Tasks:
    """The pictures that Ray has at the moment: a few for each core, not all at once."""

    def __init__(self, ray: Any, begin: Any) -> None:
        """Args: ray, the module; begin, makes a task of a picture and its place."""
        self._ray, self._begin = ray, begin
        self._begun: dict[Any, tuple[int, Entry]] = {}
        self._room, self._looked = 1, 0.0

    def answers(
        self, left: list[tuple[int, Entry]], wanted: Wanted
    ) -> Iterator[tuple[int, Entry, Answer | None]]:
        """Each picture with its answer; None where its workers ended."""
        waiting = iter(left)
        try:
            while self._fill(waiting):
                if not wanted():
                    raise Cancelled
                done, _ = self._ray.wait(list(self._begun), timeout=POLL_SECONDS)
                for task in done:
                    yield (*self._begun.pop(task), self._answer(task))
        finally:
            for task in self._begun:
                self._ray.cancel(task)

    def _fill(self, waiting: Iterator[tuple[int, Entry]]) -> bool:
        """Begin what there is room for; returns whether anything is to be waited for."""
        if time.monotonic() - self._looked > POLL_SECONDS:  # the cluster may have grown
            self._looked = time.monotonic()
            self._room = max(1, AHEAD * int(self._ray.cluster_resources().get("CPU", 0)))
        while len(self._begun) < self._room and (following := next(waiting, None)) is not None:
            self._begun[self._begin(*following)] = following
        return bool(self._begun)

    def _answer(self, task: Any) -> Answer | None:
        from ray.exceptions import RayError, RayTaskError

        try:
            answer: Answer = self._ray.get(task)
        except RayTaskError:  # a fault of ours, which a retry does not mend
            raise
        except RayError:  # worker or machine ended, again and again
            return None
        return answer


# --- in a worker ----------------------------------------------------------------------------------

_held: dict[str, Looker] = {}  # of this process: the network of the last sweep


def _look(job: Job, index: int, entry: Entry) -> Answer:
    """One picture under all settings, in a worker."""
    import ray

    context = ray.get_runtime_context()
    worker = f"{context.get_node_id()[:8]}:{os.getpid()}"
    try:
        looker = _looker(job)
    except InspectionError as error:  # its own kind does not travel
        return Answer((), {}, worker, (error.message, error.remedy))
    labels: dict[str, bytes] = {}

    def keep(digest: str, ids: np.ndarray) -> None:
        labels[digest] = labels_to_file(ids)

    seen = decoded(index, entry, job.truths, job.plan, truth_of=job.truth_of, read=job.read)
    return Answer(looker.rows(seen, keep), labels, worker)


def _looker(job: Job) -> Looker:
    if job.plan.digest not in _held:
        _held.clear()
        _held[job.plan.digest] = Looker(job.plan, job.weights.network(), in_this_thread)
    return _held[job.plan.digest]
