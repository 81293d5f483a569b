"""What a server and the processes that it has started take of the memory; Linux only."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path


class Memory:
    """Looks at a server twenty times a second, as long as the block lasts."""

    def __init__(self, server: int) -> None:
        """Args: server, the number of its process."""
        self._server, self._before = server, _resident(server)
        self._most, self.readers = self._before, 0.0  # MB
        self._done = threading.Event()
        self._watch = threading.Thread(target=self._look)

    def __enter__(self) -> Memory:
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._watch.join()

    def _look(self) -> None:
        while not self._done.wait(0.05):
            self._most = max(self._most, _resident(self._server))
            self.readers = max(self.readers, sum(map(_private, below(self._server))))

    @property
    def grown(self) -> float:
        """By how many MB the server was larger at most."""
        return self._most - self._before


def server_below(process: int) -> int:
    """The process that this one has started, itself or by others, and that runs Streamlit."""
    return next(
        p for p in below(process) if b"streamlit" in Path(f"/proc/{p}/cmdline").read_bytes()
    )


def below(process: int) -> Iterator[int]:
    """Every process that this one has started, and theirs."""
    try:
        lists = [path.read_text() for path in Path(f"/proc/{process}/task").glob("*/children")]
    except OSError:  # it has ended
        return
    for child in (int(number) for text in lists for number in text.split()):
        yield child
        yield from below(child)


def processor_seconds(process: int, *, and_ended: bool = False) -> float:
    """What it has computed itself; a busy machine adds none.

    Args:
        process: its number.
        and_ended: with what the processes have computed that it has started and waited for.

    Raises:
        OSError: it has ended.
    """
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11 : 15 if and_ended else 13])) / os.sysconf("SC_CLK_TCK")


def _resident(process: int) -> float:
    """MB."""
    return _kilobytes(f"/proc/{process}/status", "VmRSS") / 1024


def _private(process: int) -> float:
    """MB that no other process shares: not what a fork has of the warm one."""
    return _kilobytes(f"/proc/{process}/smaps_rollup", "Private_(?:Dirty|Clean)") / 1024


def _kilobytes(file: str, field: str) -> int:
    try:
        return sum(map(int, re.findall(rf"^{field}:\s+(\d+)", Path(file).read_text(), re.M)))
    except OSError:
        return 0
