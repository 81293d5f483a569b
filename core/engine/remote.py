"""Exact forwards on a Ray cluster, where the host names one: workers behind a laptop's page.

The address is one of Ray Client (`ray://...`). A process that joins a cluster as its driver is
ended by Ray a minute after the cluster is gone; a client is told so, and goes on here (decision
50). Starting workers, giving them networks and replacing lost ones is Ray's; nothing of it is ours.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from core import cluster, inference
from core.architectures import Network
from core.engine.worker import Holder, weight
from core.errors import InspectionError
from core.inference import Logits
from core.operators import check_wanted
from core.preprocess import InputTensor
from core.recent import Recent
from core.settings import Forwarding

CLIENT = "ray://"
CPUS = "MASKSCOPE_RAY_CPUS"
RETRIES = 3  # of a forward whose worker ends
SENT_BYTES = 2 * 2**30  # of networks that stay in the cluster's memory
POLL_SECONDS = 0.02  # between two looks at whether somebody still waits
REACH_SECONDS = 3.0  # for the first sign of the cluster
START_SECONDS = 180.0  # for a worker, which imports torch, on machines that may be busy
AGAIN_SECONDS = 60.0  # after which a cluster that did not answer is tried again
_here = threading.local()


@contextmanager
def computing(place: Remote | None) -> Iterator[None]:
    """Exact forwards of this thread go to a place; None: they are computed here."""
    _here.place = place
    try:
        yield
    finally:
        del _here.place


def forward(
    network: Network, tensor: InputTensor, how: Forwarding, *, size: tuple[int, int]
) -> Logits:
    """As `inference.forward`, at the place of this thread."""
    place: Remote | None = getattr(_here, "place", None)
    if place is None or getattr(network.module, "answers_elsewhere", False):
        return inference.forward(network, tensor, how, size=size)
    return place.forward(network, tensor, how, size=size)


def of_host(told: Mapping[str, str] = os.environ) -> Remote | None:
    """The cluster that the host names; None where none is named, or only one for sweeps."""
    address = told.get(cluster.ADDRESS, "")
    return Remote(address, cpus=int(told.get(CPUS, "1"))) if address.startswith(CLIENT) else None


@dataclass(frozen=True, eq=False)
class _Worker:
    """The actor, and what Ray was given for it."""

    ray: Any
    actor: Any
    sent: Recent[_Sent]


@dataclass(frozen=True, eq=False)
class _Sent:
    """A network in the cluster's memory."""

    where: Any
    nbytes: int


class Remote:
    """One cluster; while it does not answer, forwards are computed here, and say so."""

    def __init__(self, address: str, *, cpus: int = 1) -> None:
        """Args: address, "ray://host:port"; cpus, cores of the worker."""
        self.address, self._cpus = address, cpus
        self._worker: _Worker | None = None
        self._trouble = "it is being connected"
        self._tried = -AGAIN_SECONDS
        self._connecting: threading.Thread | None = None
        self._numbers = count()

    @property
    def in_words(self) -> str:
        """Where forwards are computed now, for the page."""
        if self._worker is not None:
            return f"on a worker of {self.address}"
        return f"here, as {self.address} cannot be used: {self._trouble}"

    def forward(
        self, network: Network, tensor: InputTensor, how: Forwarding, *, size: tuple[int, int]
    ) -> Logits:
        """As `inference.forward`; on this machine, with a note, where the cluster cannot.

        Raises:
            InspectionError: as there.
            ForwardAbandoned: nobody waits for it any more.
        """
        if (worker := self.connected(0.0)) is not None:
            try:
                return self._asked(worker, network, tensor, how, size)
            except InspectionError:  # of the network, or of the time that it may take
                raise
            except Exception as error:  # border to foreign code: whatever Ray says of a lost worker
                self._lose(_line(error))
        note = f"Computed on this machine: {self.address} cannot be used ({self._trouble})"
        logits = inference.forward(network, tensor, how, size=size)
        return replace(logits, notes=(*logits.notes, note))

    def connected(self, seconds: float) -> _Worker | None:
        """The worker, if it answers within so long; a search goes on beside.

        Args:
            seconds: to wait.
        """
        if self._worker is None and self._connecting is None and self._is_due():
            self._connecting = threading.Thread(target=self._connect, daemon=True)
            self._connecting.start()
        if (thread := self._connecting) is not None:
            thread.join(seconds)
        return self._worker

    def _is_due(self) -> bool:
        return time.monotonic() - self._tried > AGAIN_SECONDS

    # --- connecting -------------------------------------------------------------------------------

    def _connect(self) -> None:
        try:
            ray = cluster.imported()
            if not ray.is_initialized():
                _reach(self.address)
                cluster.connect(ray, self.address, {})
            self._worker = _Worker(ray, self._started(ray), Recent(SENT_BYTES, _nbytes))
        except Exception as error:  # border to foreign code: Ray Client raises plain Exceptions
            self._trouble = _line(error)
        finally:
            self._tried, self._connecting = time.monotonic(), None

    def _started(self, ray: Any) -> Any:
        """An actor that has answered once."""
        gpus = 1 if ray.cluster_resources().get("GPU", 0) >= 1 else 0
        kind = ray.remote(Holder).options(
            num_cpus=self._cpus,
            num_gpus=gpus,
            max_restarts=-1,
            max_task_retries=RETRIES,
            max_concurrency=2,
        )
        actor = kind.remote()
        ray.get(actor.process.remote(), timeout=START_SECONDS)
        return actor

    def _lose(self, why: str) -> None:
        """Let the worker go; the cluster is connected anew, after a while."""
        worker, self._worker = self._worker, None
        self._trouble, self._tried = why, time.monotonic()
        if worker is not None and self.address.startswith(CLIENT):
            threading.Thread(target=worker.ray.shutdown, daemon=True).start()

    # --- asking -----------------------------------------------------------------------------------

    def _asked(
        self,
        worker: _Worker,
        network: Network,
        tensor: InputTensor,
        how: Forwarding,
        size: tuple[int, int],
    ) -> Logits:
        digest, number = network.checkpoint_digest, next(self._numbers)
        sent = worker.sent.get_or_make(digest, lambda: _send(worker.ray, network))
        fed = worker.ray.put(replace(tensor, base=np.zeros((0, 0, 0), np.float32)))
        task = worker.actor.forward.remote(number, [digest, sent.where], fed, how, size)
        try:
            while not worker.ray.wait([task], timeout=POLL_SECONDS)[0]:
                check_wanted()
        except BaseException:
            worker.actor.give_up.remote(number)
            raise
        answer = worker.ray.get(task)
        if isinstance(answer, InspectionError):
            raise answer
        return _with_values(answer)


def _send(ray: Any, network: Network) -> _Sent:
    alone = replace(network, stem=None, first_layers=None)
    return _Sent(ray.put(alone), weight(network))


def _nbytes(sent: _Sent) -> int:
    return sent.nbytes


def _with_values(logits: Logits) -> Logits:
    """Ray's memory is read-only, and goes with the reference."""
    return replace(logits, values=np.array(logits.values))


def _reach(address: str) -> None:
    """Say at once that nobody listens; Ray itself takes half a minute.

    Raises:
        OSError: nobody does.
    """
    told = urlsplit(address)
    socket.create_connection((told.hostname or "", told.port or 10001), REACH_SECONDS).close()


def _line(error: Exception) -> str:
    """The first line of what foreign code says."""
    said = getattr(error, "strerror", None) or str(error)
    return (said.strip().splitlines() or [type(error).__name__])[0][:200].rstrip(".")
