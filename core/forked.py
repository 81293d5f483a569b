"""Files of strangers are read in processes of their own: forked from a warm one, limited, gone.

The warm process imports once what is slow to import and never looks at a file. Each file is read in
a fork, which takes time and memory from itself and answers into a pipe. Where processes cannot be
forked, a new one is started for each file.

What reads is a module with `answer(request, out)`, two binary files.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

ROOT = Path(__file__).resolve().parent.parent
START = "import sys; sys.path += sys.argv[1:3]; from core.forked import main; main(sys.argv[3:])"
BEGUN = b"\1"
SECONDS = struct.Struct("d")  # what a request says beside its files
AT_ONCE = 8  # files of one kind: each may take some hundred megabytes
ATTEMPTS = 3  # the warm process may end before it has forked, and while it is told of the next one
Answer = Callable[[BinaryIO, BinaryIO], None]


class NotBegunError(Exception):
    """No process could be started, or it was gone before it had looked at the request."""


# --- who asks -------------------------------------------------------------------------------------


class Forks:
    """The warm process of one module; started by the first request, and again if it is gone."""

    def __init__(self, module: str) -> None:
        """Args: module, the name of what has `answer`; only the standard library and NumPy."""
        self._module = module
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(AT_ONCE)
        self._process: subprocess.Popen[bytes] | None = None
        self._requests: socket.socket | None = None

    @contextmanager
    def ask(self, request: bytes, seconds: float) -> Iterator[BinaryIO]:
        """Let a process answer; whoever leaves the block ends it.

        Args:
            request: what `answer` reads.
            seconds: by the clock, after which the process ends; where it is forked.

        Raises:
            NotBegunError: this machine is full, or others were read for so many seconds.
        """
        if not self._places.acquire(timeout=seconds):
            raise NotBegunError
        way = self._fork if hasattr(socket, "send_fds") else self._new
        try:
            with contextlib.ExitStack() as stack:
                answer = None
                for _ in range(ATTEMPTS):
                    with contextlib.suppress(OSError):
                        answer = answer or _begun(stack.enter_context(way(request, seconds)))
                if answer is None:
                    raise NotBegunError
                yield answer
        finally:
            self._places.release()

    @property
    def process(self) -> int | None:
        """The number of the warm process; None before the first request."""
        return None if self._process is None else self._process.pid

    def end(self) -> None:
        """Let the warm process go; the next request starts another one."""
        with self._lock:
            self._stop()

    def _stop(self) -> None:
        if self._process is not None and self._requests is not None:
            self._requests.close()
            self._process.kill()
            self._process.wait()

    @contextmanager
    def _fork(self, request: bytes, seconds: float) -> Iterator[BinaryIO]:
        with contextlib.ExitStack() as files:
            answer, out = _pipe(files)
            end, _ = _pipe(files)  # the fork ends when the other end is closed
            source = files.enter_context(_held(request))
            self._send(seconds, [source.fileno(), out.fileno(), end.fileno()])
            for sent in (source, out, end):
                sent.close()
            yield answer

    def _send(self, seconds: float, files: list[int]) -> None:
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._start()
            assert self._requests is not None
            try:
                socket.send_fds(self._requests, [SECONDS.pack(seconds)], files)
            except ConnectionError:  # it is about to end
                self._stop()
                raise

    def _start(self) -> None:
        if self._requests is not None:
            self._requests.close()
        self._requests, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                command_of(self._module, theirs.fileno()),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment(),
            )

    @contextmanager
    def _new(self, request: bytes, seconds: float) -> Iterator[BinaryIO]:
        with _held(request) as source:
            process = subprocess.Popen(
                command_of(self._module),
                stdin=source,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment(),
            )
        watch = threading.Timer(seconds, process.kill)
        watch.start()
        answer = cast("BinaryIO", process.stdout)
        try:
            yield answer
        finally:
            watch.cancel()
            process.kill()
            process.wait()
            answer.close()


def command_of(module: str, requests: int | None = None) -> list[str]:
    """What starts the process of a module.

    Args:
        module: its name.
        requests: number of the socket that they come through; None: one, from standard input.
    """
    import numpy as np

    packages = Path(np.__file__).parent.parent  # -S leaves them out
    where = [] if requests is None else [str(requests)]
    return [sys.executable, "-I", "-S", "-c", START, str(ROOT), str(packages), module, *where]


def environment() -> dict[str, str]:
    """All that a process gets of ours: no secret, and what Windows starts none without."""
    needed = {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}
    return {"OPENBLAS_NUM_THREADS": "1", **needed}  # each thread would reserve memory


def _pipe(files: contextlib.ExitStack) -> tuple[BinaryIO, BinaryIO]:
    """Its ends for reading and writing, closed with `files`."""
    reading, writing = os.pipe()
    return files.enter_context(open(reading, "rb")), files.enter_context(open(writing, "wb"))


def _begun(answer: BinaryIO) -> BinaryIO | None:
    return answer if answer.read(1) == BEGUN else None


def _held(content: bytes) -> BinaryIO:
    """The bytes as an open file, in memory where the system has such."""
    in_memory = hasattr(os, "memfd_create")
    file: Any = open(os.memfd_create("request"), "w+b") if in_memory else tempfile.TemporaryFile()  # noqa: SIM115
    file.write(content)
    file.seek(0)
    return cast("BinaryIO", file)


# --- the process ----------------------------------------------------------------------------------


def main(arguments: list[str]) -> None:
    """Answer through the socket of this number; without one, a request from standard input."""
    name, *where = arguments
    answer: Answer = importlib.import_module(name).answer
    if where:
        _serve(socket.socket(fileno=int(where[0])), answer)
    else:
        _answer(answer, sys.stdin.buffer, sys.stdout.buffer)


def _serve(requests: socket.socket, answer: Answer) -> None:
    """Fork for each request, until the other side is gone."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forks
    while True:
        asked, files, _, _ = socket.recv_fds(requests, SECONDS.size, 3)
        if not asked:
            return
        with contextlib.suppress(OSError):  # no room for a process: the other side asks again
            if os.fork() == 0:
                requests.close()  # the files of others come through it
                _one(answer, SECONDS.unpack(asked)[0], *files)
        for file in files:
            os.close(file)


def _one(answer: Answer, seconds: float, source: int, target: int, end: int) -> None:
    """Answer one request in this fork, and end it."""
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)  # its signal ends the process
        _end_with(end)
        with open(source, "rb") as request, open(target, "wb") as out:
            _answer(answer, request, out)
    finally:
        os._exit(0)  # what this process shares with the warm one is not closed twice


def _end_with(file: int) -> None:
    """Let the system end this process when the other side of a pipe is closed."""
    import fcntl

    fcntl.fcntl(file, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(file, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)  # SIGIO, which nothing handles
    if select.select([file], [], [], 0)[0]:  # it was closed before
        os._exit(0)


def _answer(answer: Answer, request: BinaryIO, out: BinaryIO) -> None:
    out.write(BEGUN)
    out.flush()
    answer(request, out)
