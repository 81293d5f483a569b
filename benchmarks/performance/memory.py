"""What a process takes of memory, with all that it started (Linux)."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def tree(pid: int) -> list[int]:
    """The process and all below it."""
    found = [pid]
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [one for child in children.read_text().split() for one in tree(int(child))]
        except OSError:  # ended while we looked
            continue
    return found


def megabytes(pid: int) -> float:
    """Pss of the tree: what two of them share counts once."""
    return sum(map(_pss, tree(pid))) * 1024 / 1e6


def _pss(pid: int) -> int:
    """In KiB."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


@contextmanager
def peak(pid: int, every: float) -> Iterator[list[float]]:
    """Watch a process; the list's only number is the most that it took so far, in MB.

    Args:
        pid: of the process.
        every: seconds between two looks, each of which costs it about 10 ms.
    """
    most, over = [megabytes(pid)], threading.Event()

    def watch() -> None:
        while not over.is_set():
            most[0] = max(most[0], megabytes(pid))
            time.sleep(every)

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    try:
        yield most
    finally:
        over.set()
        watching.join()
