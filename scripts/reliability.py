"""Write the first part of docs/reliability.md: faults that are made, and what the person sees.

Call it as root on Linux, as small disks are mounted: `python -m scripts.reliability` (1 minute).
"""

from __future__ import annotations

import hashlib
import io
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

import examples
from core.architectures import Network, build_network
from core.checkpoint import read_checkpoint
from core.engine import in_this_thread
from core.errors import InspectionError
from core.image import Image, decode_image
from core.inspection import run_stages
from core.settings import Settings
from core.store import Kept, Snapshot, Store, check, list_runs, mend, open_store, save_run
from core.store.archive import export_run, import_run
from scripts.reliability_page import write_first
from tests.kill_writers import is_whole, kill_writers, stored_runs

ROOT = Path(__file__).resolve().parent.parent
KILLS = 60
READERS = 6  # at once
IMPORTS = 25  # that are killed
TURNS, FORWARDS = 4, 10

HEAD = """# What goes wrong, and what is lost

Written by `python -m scripts.reliability`, which makes each fault and writes down what happened.
The sentences are those that the page shows.

| what goes wrong | what the person sees | what is lost | measured |
|---|---|---|---|
"""


@dataclass(frozen=True)
class Row:
    """One fault, made once."""

    fault: str
    seen: str
    lost: str
    measured: str

    def __str__(self) -> str:
        return f"| {self.fault} | {self.seen} | {self.lost} | {self.measured} |\n"


def main() -> None:
    """Make every fault, and write the page."""
    rows = []
    for fault in FAULTS:
        rows.append(fault())
        sys.stdout.write(str(rows[-1]))
        sys.stdout.flush()
    write_first(HEAD + "".join(map(str, rows)))


# --- the disk -------------------------------------------------------------------------------------


@contextmanager
def _disk(megabytes: int) -> Iterator[Path]:
    """A disk of its own, of this size."""
    with tempfile.TemporaryDirectory() as folder:
        _mount("-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", folder)
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


def _mount(*options: str) -> None:
    subprocess.run(["mount", *options], check=True)


def _keep(store: Store, content: bytes = b"weights") -> str:
    return store.put(io.BytesIO(content), "weights.pth")


def _share(store: Store) -> str:
    files = {"picture": Kept(_keep(store, b"picture"), "picture.png")}
    return save_run(store, Snapshot("everything", Settings()), files).id


def _said(act: Callable[[], object]) -> str:
    """The sentence that a fault ends in."""
    try:
        act()
    except InspectionError as error:
        return f"{error.message} {error.remedy}".replace("|", "\\|")
    return "nothing: it worked"


def _whole(store: Store) -> str:
    found = check(store)
    broken = len(found.damaged) + len(found.missing)
    return f"{found.whole} files whole, {broken} not"


def disk_full() -> Row:
    """An upload that does not fit; afterwards one that does."""
    with _disk(6) as folder:
        store = open_store(folder)
        first = _keep(store)
        seen = _said(lambda: _keep(store, random.Random(0).randbytes(9 * 2**20)))
        _keep(store, b"a small one")
        measured = f"the next upload is kept; {_whole(store)}"
        there = store.path(first).read_bytes() == b"weights"
        store.engine.dispose()
    return Row("the disk is full", seen, "nothing" if there else "a file", measured)


def folder_gone() -> Row:
    """The data folder is deleted under a running server."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "data"
        store = open_store(folder)
        _keep(store)
        shutil.rmtree(folder)
        seen = _said(lambda: _share(store))
        store.engine.dispose()
        again = open_store(folder)
        _share(again)
        measured = f"after a restart: {_whole(again)}"
        again.engine.dispose()
    return Row("the data folder is deleted", seen, "what was in it", measured)


def read_only() -> Row:
    """The disk can only be read; then it can be written again."""
    with _disk(16) as folder:
        store = open_store(folder)
        run = _share(store)
        store.engine.dispose()  # an open file would keep the disk writable
        _mount("-o", "remount,ro", str(folder))
        seen = _said(lambda: _keep(store, b"more"))
        store.engine.dispose()
        _mount("-o", "remount,rw", str(folder))
        _keep(store, b"more")
        there = run in {found.id for found in list_runs(store)}
        measured = f"writable again, the next upload is kept; {_whole(store)}"
        store.engine.dispose()
    return Row("the disk can only be read", seen, "nothing" if there else "a run", measured)


# --- files that change, and several processes -----------------------------------------------------


def replaced_file() -> Row:
    """A checkpoint of the host's folder is replaced while it is read: the key is the digest."""
    with tempfile.TemporaryDirectory() as temporary:
        path, kept = Path(temporary) / "best.pth", Path(temporary) / "kept"
        path.write_bytes(examples.CHECKPOINT.read_bytes())
        first = _digest_and_norm(path, kept)
        content = torch.load(path, weights_only=True)
        for tensor in content["model"].values():
            tensor.zero_()
        torch.save(content, path)
        second = _digest_and_norm(path, kept)
    return Row(
        "a checkpoint of the host's folder is replaced",
        "the result of the new file (tests/pages/test_host_folder.py)",
        "nothing",
        f"sum of weights {first[1]:.0f}, then {second[1]:.0f}; digests "
        + ("differ" if first[0] != second[0] else "are equal"),
    )


def _digest_and_norm(path: Path, kept: Path) -> tuple[str, float]:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    found = read_checkpoint(path, name=path.name, digest=digest, folder=kept)
    return digest, sum(float(tensor.abs().sum()) for tensor in found.tensors.values())


READ = """
import sys
from pathlib import Path
from core.checkpoint import read_checkpoint
found = read_checkpoint(Path(sys.argv[1]), name="w", digest="d", folder=Path(sys.argv[2]))
print(len(found.tensors))
"""


def two_processes() -> Row:
    """Several processes read one file into one folder, at once."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", READ, str(examples.CHECKPOINT), folder]
        readers = [
            subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
            for _ in range(READERS)
        ]
        counts = [reader.communicate()[0].strip() for reader in readers]
        left = len(list(Path(folder).glob("reading-*")))
    right = sum(count == counts[0] != "" for count in counts)
    return Row(
        "several processes read one file at once",
        "the same tensors in each",
        "nothing" if right == READERS else f"{READERS - right} readings",
        f"{right} of {READERS} right, {left} folders left behind",
    )


# --- kill -9 --------------------------------------------------------------------------------------


def killed_while_sharing() -> Row:
    """Eight writers, one of them killed at a time."""
    with tempfile.TemporaryDirectory() as folder:
        found = kill_writers(Path(folder), KILLS)
    return Row(
        "`kill -9` while runs are shared",
        "the page asks to reload; the run is there or it is not, never half",
        "nothing that was told" if not found.lost else f"{found.lost} runs",
        f"{KILLS} kills, {found.told} runs told, {found.lost} lost, {found.waste} files of waste, "
        f"{len(found.after.damaged) + len(found.after.missing)} damaged after `check --mend`",
    )


def killed_while_importing() -> Row:
    """A process that imports runs is killed at a random moment, again and again."""
    chance, told = random.Random(0), 0
    with tempfile.TemporaryDirectory() as temporary:
        folder, file = Path(temporary) / "data", Path(temporary) / "run.zip"
        file.write_bytes(_exported(Path(temporary) / "other"))
        open_store(folder).engine.dispose()
        for _ in range(IMPORTS):
            told += _import_and_kill(folder, file, chance.uniform(0.0, 0.15))
        store = open_store(folder)
        runs = stored_runs(store)
        whole = sum(is_whole(store, run, files=1) for run in runs)
        waste = mend(store, check(store))
        state = _whole(store)
        store.engine.dispose()
    return Row(
        "`kill -9` while a run is imported",
        "the run is there, or it is not",
        "nothing that was told" if len(runs) >= told and whole == len(runs) else "a run",
        f"{IMPORTS} kills, {told} imports told, {len(runs)} runs whole, {waste} files of waste; "
        + state,
    )


def _exported(folder: Path) -> bytes:
    store, target = open_store(folder), io.BytesIO()
    _share(store)
    export_run(store, list_runs(store)[0], target)
    store.engine.dispose()
    return target.getvalue()


def _import_and_kill(folder: Path, file: Path, seconds: float) -> int:
    """How many imports a process has told of before it was killed."""
    told, say = os.pipe()
    if (child := os.fork()) == 0:
        try:
            store = open_store(folder)
            os.write(say, b"begun\n")
            while True:
                import_run(store, io.BytesIO(file.read_bytes()))
                os.write(say, b"told\n")
        finally:
            os._exit(1)
    os.close(say)
    with open(told, "rb") as lines:
        lines.readline()
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return lines.read().count(b"told")


# --- slow beside fast -----------------------------------------------------------------------------


def slow_checkpoint() -> Row:
    """Forwards of one person, in turn alone and while another's file of 300 MB is read."""
    image = decode_image(examples.SCENES[0].read_bytes())
    network = build_network(read_checkpoint(examples.CHECKPOINT, name="w", digest="d"))
    alone: list[float] = []
    beside: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        large = Path(folder) / "large.pth"
        torch.save({f"layer{n}.weight": torch.randn(2500, 1000) for n in range(30)}, large)
        for _ in range(TURNS):
            alone += _forwards(image, network)
            with _reading(large):
                beside += _forwards(image, network)
    ratio = statistics.median(beside) / statistics.median(alone)
    return Row(
        "a checkpoint of 300 MB is read beside a drag",
        "its progress; the mask of the other person follows",
        "nothing",
        f"a forward takes {ratio:.1f} x as long beside it (medians of {len(alone)} each, "
        f"{os.cpu_count()} cores)",
    )


def _forwards(image: Image, network: Network) -> list[float]:
    seconds = []
    for _ in range(FORWARDS):
        began = time.perf_counter()
        run_stages(image, network, Settings(), forward=in_this_thread)
        seconds.append(time.perf_counter() - began)
    return seconds


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    """The file is read again and again, in a thread."""
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            read_checkpoint(file, name="large", digest="l")

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield
    finally:
        done.set()
        reader.join()


FAULTS: tuple[Callable[[], Row], ...] = (
    disk_full,
    folder_gone,
    read_only,
    replaced_file,
    two_processes,
    killed_while_sharing,
    killed_while_importing,
    slow_checkpoint,
)

if __name__ == "__main__":
    main()
