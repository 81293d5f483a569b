"""Decoding what a stranger has sent: in a process with little time and memory, not in this one."""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np

from core.errors import ImageError
from core.image.raster import Raster
from core.image.read import LIMITS, check_bytes, damaged

ROOT = Path(__file__).resolve().parent.parent.parent
START = (
    "import sys; sys.path += sys.argv[1:3]; from core.image.child import main; main(sys.argv[3:])"
)
PATIENCE = 25.0  # seconds, a little more than the process gives itself
SLOW = 4.5  # seconds after which a process that ended without a word had no time left
DTYPES = {np.dtype(kind).str for kind in ["?", *"bBhHiIqQefd"]}  # that a picture may have
QUIET: dict[str, Any] = {  # each thread of OpenBLAS would reserve memory
    "stderr": subprocess.DEVNULL,
    "env": {"OPENBLAS_NUM_THREADS": "1"},
}
MAX_ANSWER = 2**20  # bytes of the JSON


def read_guarded(content: bytes) -> Raster:
    """Read the first frame of a picture's file in a process of its own.

    For uploads and the command line. It takes a few milliseconds more than `read_raster`, and a
    second where it is the first one: then the process that is forked has to start.

    Args:
        content: the file, of one of the formats of `sniff.py`.

    Raises:
        ImageError: it cannot be decoded, takes too long or too much memory, or is over a limit.
    """
    check_bytes(content, LIMITS)
    began = time.monotonic()
    told, body = _asked(content)
    if told is None:
        raise _too_long() if time.monotonic() - began > SLOW else damaged()
    if "error" in told:
        message, remedy, code = told["error"]
        raise ImageError(message, remedy=remedy, code=code)
    return _raster(told, body)


def _asked(content: bytes) -> tuple[dict[str, Any] | None, bytes]:
    """JSON and arrays; None where the process ended before it had answered."""
    ways = (_of_fork, _of_fork) if hasattr(socket, "send_fds") else (_of_new,)
    for way in ways:
        with contextlib.suppress(_NotBegunError, OSError):
            return way(content)
    raise ImageError(
        "The process that decodes pictures could not be started: this machine is full.",
        remedy="Try again in a minute.",
    )


class _NotBegunError(Exception):
    """The process was gone before it had looked at the file."""


def _too_long() -> ImageError:
    return ImageError(
        "Decoding the picture took too long and was stopped.",
        remedy="Save it as PNG or JPEG, or upload a smaller version of it.",
    )


def _raster(told: dict[str, Any], body: bytes) -> Raster:
    """Put the answer together; it comes from a process that a stranger's file was in."""
    shape, dtype = tuple(told["shape"]), told["dtype"]
    size = math.prod(shape) * np.dtype(dtype).itemsize if dtype in DTYPES else -1
    if size + 4 * told["colors"] != len(body):
        raise damaged()
    values = np.frombuffer(body[:size], dtype).reshape(shape)
    palette = np.frombuffer(body[size:], np.uint8).reshape(-1, 4) if told["colors"] else None
    about = {**told["about"], "notes": tuple(told["about"]["notes"])}
    return Raster(values, palette=palette, **about)


# --- the process ----------------------------------------------------------------------------------


class Warm:
    """The one process that forks for each picture; started by the first one, and if it is gone."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._requests: socket.socket | None = None

    def ask(self, source: int, target: int) -> None:
        """Let a fork read from one file and write to another."""
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._start()
            if self._requests is not None:
                socket.send_fds(self._requests, [b"1"], [source, target])

    def end(self) -> None:
        """Let it go; the next picture starts another one."""
        with self._lock:
            if self._process is not None:
                self._process.kill()
                self._process.wait()

    def _start(self) -> None:
        if self._requests is not None:
            self._requests.close()
        self._requests, theirs = socket.socketpair()
        with theirs:
            command = [*_command(), str(theirs.fileno())]
            self._process = subprocess.Popen(
                command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, **QUIET,
            )  # fmt: skip


WARM = Warm()


def _of_fork(content: bytes) -> tuple[dict[str, Any] | None, bytes]:
    reading, writing = os.pipe()
    with open(reading, "rb") as answer:
        with _held(content) as source, open(writing, "wb") as target:
            WARM.ask(source.fileno(), target.fileno())
        return _read(answer)


def _held(content: bytes) -> BinaryIO:
    """The bytes as an open file, in memory where the system has such."""
    in_memory = hasattr(os, "memfd_create")
    file: Any = open(os.memfd_create("picture"), "w+b") if in_memory else tempfile.TemporaryFile()  # noqa: SIM115
    file.write(content)
    file.seek(0)
    return cast("BinaryIO", file)


def _of_new(content: bytes) -> tuple[dict[str, Any] | None, bytes]:
    """Where processes cannot be forked, a new one is started for each picture."""
    try:
        done = subprocess.run(
            _command(),
            input=content,
            stdout=subprocess.PIPE,
            timeout=PATIENCE,
            check=False,
            **QUIET,
        )
    except subprocess.TimeoutExpired:
        return None, b""
    return _read(io.BytesIO(done.stdout))


def _command() -> list[str]:
    packages = Path(np.__file__).parent.parent  # -S leaves them out
    return [sys.executable, "-I", "-S", "-c", START, str(ROOT), str(packages)]


def _read(answer: BinaryIO) -> tuple[dict[str, Any] | None, bytes]:
    """What the process wrote."""
    if not answer.read(1):
        raise _NotBegunError
    length = int.from_bytes(answer.read(4), "big")
    if not 0 < length <= MAX_ANSWER:
        return None, b""
    try:
        told = json.loads(answer.read(length))
    except ValueError:
        return None, b""
    return told, answer.read(LIMITS.unpacked + 2**20)
