"""The process that decodes pictures: warm, and forked anew for each, limited, gone when it is done.

Started by `guarded.py` as `python -I -S`. What is slow to import is imported once; each picture is
decoded in a fork of its own, which takes time and memory from itself for good and answers into a
pipe: one byte (it has begun), four bytes (the length), JSON, then the arrays as they lie in memory.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
from typing import Any, BinaryIO

import PIL.Image
import tifffile  # noqa: F401 - slow to import, so that no fork has to

from core.errors import ImageError
from core.image.raster import Raster
from core.image.read import read_raster

CPU_SECONDS = 5
SECONDS = 20  # by the clock, on a machine that is busy
BEGUN = b"\1"
MEMORY = 1536 * 2**20  # of address space beyond what the warm process has


def main(arguments: list[str]) -> None:
    """Answer through the socket of this number; without one, a picture from standard input."""
    PIL.Image.init()
    if arguments:
        _serve(socket.socket(fileno=int(arguments[0])))
    else:
        answer(sys.stdin.buffer.read(), sys.stdout.buffer)


def _serve(requests: socket.socket) -> None:
    """Fork for each pair of a file and a pipe, until the other side is gone."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forks
    while True:
        asked, files, _, _ = socket.recv_fds(requests, 1, 2)
        if not asked:
            return
        with contextlib.suppress(OSError):  # no room for a process: the other side asks again
            if os.fork() == 0:
                _one(*files)
        for file in files:
            os.close(file)


def _one(source: int, target: int) -> None:
    """Decode one picture in this fork, and end it."""
    try:
        limit_process()
        with open(source, "rb") as file, open(target, "wb") as out:
            answer(file.read(), out)
    finally:
        os._exit(0)  # what this process shares with the warm one is not closed twice


def limit_process() -> None:
    """Take time and memory from this process, for good."""
    signal.setitimer(signal.ITIMER_REAL, SECONDS)  # its signal ends the process
    try:
        import resource
    except ImportError:
        return
    for kind, limit in (
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_AS, _address_space() + MEMORY),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (limit, limit))


def _address_space() -> int:
    """Bytes that this process has already; where the system does not tell, half a gibibyte."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 2**29


def answer(content: bytes, out: BinaryIO) -> None:
    """Decode, and write what came of it."""
    out.write(BEGUN)
    out.flush()
    try:
        raster = read_raster(content)
        arrays = [raster.values, *([] if raster.palette is None else [raster.palette])]
        _write(out, _told(raster), *(memoryview(array.tobytes()) for array in arrays))
    except ImageError as error:
        _write(out, {"error": [error.message, error.remedy, error.code]})
    except MemoryError:
        _write(out, {"error": ["Decoding the picture takes too much memory.", SMALLER, ""]})


SMALLER = "Upload a smaller version of it."


def _told(raster: Raster) -> dict[str, Any]:
    about = {k: v for k, v in vars(raster).items() if k not in ("values", "palette")}
    colors = 0 if raster.palette is None else len(raster.palette)
    values = raster.values
    return {"about": about, "dtype": values.dtype.str, "shape": values.shape, "colors": colors}


def _write(out: BinaryIO, message: dict[str, Any], *arrays: memoryview) -> None:
    told = json.dumps(message).encode()
    out.write(len(told).to_bytes(4, "big") + told)
    for array in arrays:
        out.write(array)
    out.flush()
