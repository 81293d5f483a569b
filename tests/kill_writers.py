"""Kill writers at random moments, then look whether all that they told of is whole.

    python -m tests.kill_writers 200        (DATABASE_URL and BLOBS_URL are honored)

A writer may be killed after its commit and before it can tell. What it kept is then there, must be
whole too, and is counted apart.
"""

from __future__ import annotations

import hashlib
import io
import os
import random
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import alembic.command  # noqa: F401 - once, not in each writer: they shall save, not import
from sqlalchemy import select

from core.errors import StoreError
from core.settings import Settings
from core.store import (
    Kept,
    Report,
    Role,
    Run,
    Snapshot,
    Store,
    check,
    mend,
    open_run,
    open_store,
    save_run,
)
from core.store.tables import RUNS

WRITERS = 8
LARGEST = 2**17  # bytes of a file
LONGEST = 0.08  # seconds between two kills; a save takes 0.005 to 0.1 with eight writers


@dataclass(frozen=True)
class Outcome:
    """What was left after the kills."""

    told: int  # runs that a writer told of
    lost: int  # of these, those that are not there, or whose files are not those that were saved
    untold: int  # runs that are there, though nobody told of them; whole too, or they are lost
    waste: int  # files that no row names, deleted by mending
    before: Report  # of the check right after the last kill
    after: Report  # and after mending


def kill_writers(folder: Path, kills: int, seed: int = 0) -> Outcome:
    """Keep eight writers at work and kill one at a time, without warning.

    Args:
        folder: of the data.
        kills: how many processes die.
        seed: of the moments, the victims and the files.
    """
    chance, told = random.Random(seed), set()
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    writers = [_start(folder, writing, chance.random()) for _ in range(WRITERS)]
    for _ in range(kills):
        time.sleep(chance.uniform(0, LONGEST))
        victim = chance.randrange(WRITERS)
        _kill(writers[victim])
        told |= _lines(reading)
        writers[victim] = _start(folder, writing, chance.random())
    for writer in writers:
        _kill(writer)
    told |= _lines(reading)
    return _outcome(folder, told)


def _start(folder: Path, pipe: int, seed: float) -> int:
    if child := os.fork():
        return child
    try:
        _write_forever(folder, pipe, random.Random(seed))
    finally:
        os._exit(1)


def _write_forever(folder: Path, pipe: int, chance: random.Random) -> None:
    store = open_store(folder)
    while True:
        run = _save(store, chance)
        os.write(pipe, f"{run.id}\n".encode())  # whole or not at all: shorter than PIPE_BUF


def _save(store: Store, chance: random.Random) -> Run:
    """A picture and a label map of its own, and a checkpoint that many share."""
    contents: dict[Role, bytes] = {
        "picture": chance.randbytes(chance.randrange(LARGEST)),
        "labels": chance.randbytes(1000),
        "checkpoint": bytes([chance.randrange(4)]) * LARGEST,
    }
    files = {
        role: Kept(store.put(io.BytesIO(content), role), role) for role, content in contents.items()
    }
    return save_run(store, Snapshot("everything", Settings()), files)


def _kill(process: int) -> None:
    os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    assert os.WIFSIGNALED(status), "a writer ended on its own: it could not save"


def _lines(pipe: int) -> set[str]:
    text = b""
    while True:
        try:
            text += os.read(pipe, 2**16)
        except BlockingIOError:
            return set(text.decode().split())


def _outcome(folder: Path, told: set[str]) -> Outcome:
    store = open_store(folder)
    before, kept = check(store), _ids(store)
    waste = mend(store, before)
    outcome = Outcome(
        told=len(told),
        lost=sum(not _whole(store, id) for id in told | kept),
        untold=len(kept - told),
        waste=waste,
        before=before,
        after=check(store),
    )
    store.engine.dispose()
    return outcome


def _ids(store: Store) -> set[str]:
    with store.engine.connect() as rows:
        return set(rows.scalars(select(RUNS.c.id)))


def _whole(store: Store, id: str) -> bool:
    try:
        files = open_run(store, id).files
        read = [store.path(kept.digest).read_bytes() for kept in files.values()]
    except StoreError:
        return False
    digests = [hashlib.sha256(content).hexdigest() for content in read]
    return len(files) == 3 and digests == [kept.digest for kept in files.values()]


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with tempfile.TemporaryDirectory() as temporary:
        began = time.monotonic()
        found = kill_writers(Path(temporary), wanted)
    sys.stdout.write(
        f"{wanted} kills in {time.monotonic() - began:.0f} s; {found.told} runs were told, "
        f"{found.lost} of them lost; {found.untold} were kept and not told; "
        f"{found.before.whole} files whole, {len(found.before.damaged)} damaged, "
        f"{len(found.before.missing)} missing; {found.waste} files of waste deleted\n"
    )
    sys.exit(0 if not found.lost and found.before.healthy and found.after.healthy else 1)
