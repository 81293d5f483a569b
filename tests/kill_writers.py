"""Kill writers at random moments, then look whether all that they told of is whole.

    python -m tests.kill_writers 200          SQLite and a folder, or what DATABASE_URL says
    python -m tests.kill_writers 200 team     a PostgreSQL and an S3 server of its own

A writer may be killed after its commit and before it can tell. What it kept is then there, must be
whole too, and is counted apart.
"""

from __future__ import annotations

import hashlib
import io
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import alembic.command  # noqa: F401 - once, not in each writer: they shall save, not import
import s3fs  # noqa: F401
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
from tests.support.servers import fresh_bucket, fresh_database, postgresql, s3_server

WRITERS = 8
SAVING = 6  # of them at least, when one is killed; the others may still be starting
LARGEST = 2**17  # bytes of a file
LONGEST = 0.08  # seconds between two kills; a save takes 0.02 to 0.2 with eight writers
LONGEST_TEAM = 1.5  # over HTTP, to a server in Python, it takes a second


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
    """Keep eight writers at work and kill one at a time, without warning, while it saves.

    Args:
        folder: of the data.
        kills: how many processes die.
        seed: of the moments, the victims and the files.
    """
    chance, pipe = random.Random(seed), _Pipe()
    longest = LONGEST_TEAM if os.environ.get("BLOBS_URL") else LONGEST
    writers = [_start(folder, pipe.end, chance.random()) for _ in range(WRITERS)]
    for _ in range(kills):
        time.sleep(chance.uniform(0, longest))
        while len(saving := [w for w in writers if w in pipe.read()]) < SAVING:
            time.sleep(0.001)
        victim = chance.choice(saving)
        _kill(victim)
        writers.remove(victim)
        writers.append(_start(folder, pipe.end, chance.random()))
    for writer in writers:
        _kill(writer)
    pipe.read()
    return _outcome(folder, pipe.told)


class _Pipe:
    """What the writers tell: that they begin to save, and each run that they have saved."""

    def __init__(self) -> None:
        self._pipe, self.end = os.pipe()
        os.set_blocking(self._pipe, False)
        self.told: set[str] = set()
        self._saving: set[int] = set()

    def read(self) -> set[int]:
        """Read; returns the processes that have begun to save."""
        with suppress(BlockingIOError):
            while text := os.read(self._pipe, 2**16):  # whole lines: shorter than PIPE_BUF
                for line in text.decode().split():
                    kind, _, what = line.partition(":")
                    self._saving.add(int(what)) if kind == "saving" else self.told.add(what)
        return self._saving


def _start(folder: Path, pipe: int, seed: float) -> int:
    if child := os.fork():
        return child
    try:
        _write_forever(folder, pipe, random.Random(seed))
    finally:
        os._exit(1)


def _write_forever(folder: Path, pipe: int, chance: random.Random) -> None:
    store = open_store(folder)
    os.write(pipe, f"saving:{os.getpid()}\n".encode())
    while True:
        run = _save(store, chance)
        os.write(pipe, f"saved:{run.id}\n".encode())


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


def _outcome(folder: Path, told: set[str]) -> Outcome:
    store = open_store(folder)
    before, kept = check(store), stored_runs(store)
    waste = mend(store, before)
    outcome = Outcome(
        told=len(told),
        lost=sum(not is_whole(store, id) for id in told | kept),
        untold=len(kept - told),
        waste=waste,
        before=before,
        after=check(store),
    )
    store.engine.dispose()
    return outcome


def stored_runs(store: Store) -> set[str]:
    """Their ids."""
    with store.engine.connect() as rows:
        return set(rows.scalars(select(RUNS.c.id)))


def is_whole(store: Store, id: str, files: int = 3) -> bool:
    """Whether a run is there with so many files, each with the bytes of its digest."""
    try:
        found = open_run(store, id).files
        read = [store.path(kept.digest).read_bytes() for kept in found.values()]
    except StoreError:
        return False
    digests = [hashlib.sha256(content).hexdigest() for content in read]
    return len(found) == files and digests == [kept.digest for kept in found.values()]


def main(kills: int) -> int:
    """Kill, say what is left, and return 0 if nothing is lost."""
    with tempfile.TemporaryDirectory() as temporary:
        began = time.monotonic()
        found = kill_writers(Path(temporary), kills)
    sys.stdout.write(
        f"{kills} kills in {time.monotonic() - began:.0f} s; {found.told} runs were told, "
        f"{found.lost} of them lost; {found.untold} were kept and not told; "
        f"{found.before.whole} files whole, {len(found.before.damaged)} damaged, "
        f"{len(found.before.missing)} missing; {found.waste} files of waste deleted\n"
    )
    return int(bool(found.lost) or not found.before.healthy or not found.after.healthy)


def with_servers(kills: int) -> int:
    """The same on a PostgreSQL and a bucket; in a process without threads, as it forks."""
    with postgresql() as folder, s3_server() as address:
        keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        os.environ.update(keys, AWS_ENDPOINT_URL=address, AWS_DEFAULT_REGION="us-east-1")
        urls = {"DATABASE_URL": fresh_database(folder), "BLOBS_URL": fresh_bucket(address)}
        command = (sys.executable, "-m", "tests.kill_writers", str(kills))
        return subprocess.run(command, env={**os.environ, **urls}, check=False).returncode


if __name__ == "__main__":
    run = with_servers if "team" in sys.argv else main
    sys.exit(run(int(sys.argv[1]) if len(sys.argv) > 1 else 200))
