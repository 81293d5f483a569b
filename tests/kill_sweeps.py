"""Kill a sweep at random moments and start it again, then look whether anything was done twice.

    python -m tests.kill_sweeps FOLDER 10

A process that has imported everything forks the sweeps, so that they compute and do not import. It
prints what came of it as JSON.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from core.sweep import Table
from core.sweep.local import sweep
from tests.support.sweeps import IN_HERE, OnDisk, tiny_network, tiny_plan, tiny_set

PICTURES = 300
LONGEST = 0.12  # seconds between two kills; a picture takes 2 to 6 ms
PART_ROWS = 12  # of four pictures, so that kills hit the making of parts too


@dataclass(frozen=True)
class Watched(OnDisk):
    """A picture that notes that it was read."""

    log: Path = Path()
    number: int = 0

    def read(self) -> bytes:
        note(self.log, f"read {self.number}")
        return super().read()


def note(log: Path, line: str) -> None:
    """Add a line, which a kill does not lose."""
    with log.open("ab", buffering=0) as file:
        file.write(f"{line}\n".encode())


def compute(folder: Path, data, log: Path) -> None:
    """Begin or go on, and note each picture when it is done."""
    torch.set_num_threads(1)
    plan, network = tiny_plan(), tiny_network()
    with Table(folder, plan, part_rows=PART_ROWS) as table:
        for seen in sweep(data, plan, network, table, **IN_HERE):
            if seen.rows:
                note(log, f"done {seen.rows[0].index}")
            else:
                note(log, "begun")
        table.finish()


def killed_after(seconds: float, folder: Path, data, log: Path) -> bool:
    """Let a process compute and kill it; returns whether it was still at work."""
    before = log.read_bytes().count(b"begun")
    process = os.fork()
    if process == 0:
        try:
            compute(folder, data, log)
            os._exit(0)
        except BaseException as error:
            note(log, f"failed {error!r}")
            os._exit(1)
    while log.read_bytes().count(b"begun") == before:
        if os.waitpid(process, os.WNOHANG)[0]:
            return False  # it ended on its own: its log tells why
        time.sleep(0.001)
    time.sleep(seconds)
    os.kill(process, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(process, 0)[1])


def main(folder: Path, kills: int) -> None:
    """Kill so often, let the last one finish, and compute all of it once more without a kill."""
    chance, log = random.Random(0), folder / "log"
    log.touch()
    few = tiny_set(folder, 6)
    entries = tuple(
        replace(one, name=f"{k}", picture=Watched(one.picture.path, log, k))
        for k in range(PICTURES)
        for one in (few.entries[k % 6],)
    )
    data = replace(few, entries=entries)
    hits = sum(
        killed_after(chance.uniform(0, LONGEST), folder / "killed", data, log) for _ in range(kills)
    )
    compute(folder / "killed", data, log)
    lines = log.read_text().splitlines()
    compute(folder / "whole", data, folder / "log of the other")
    sys.stdout.write(json.dumps({"hits": hits, "lines": lines}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
