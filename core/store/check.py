"""Whether every file still has the bytes that its name promises, and what nobody needs."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.store.store import DIGEST, Store
from core.store.trouble import telling

LEFT_SECONDS = 24 * 3600.0  # no upload takes longer: what is older is a dead process's
SWEEP_SECONDS = 30 * 24 * 3600.0  # since anybody opened it: a table that was shared is a run's
SWEEPS, OPENED = "sweeps", "lock"  # of the page of many pictures; touched by whoever writes there
SPOOLED = ("incoming/*", "canonical/reading-*")  # in the data folder, by whoever keeps or reads


@dataclass(frozen=True)
class Report:
    """What a check found; `damaged` and `missing` are losses, the rest is waste."""

    whole: int  # files whose bytes are those of their digest
    damaged: tuple[str, ...]  # digests: other bytes
    missing: tuple[str, ...]  # digests: a row, and no bytes
    orphans: tuple[str, ...]  # names: bytes, and no row
    leftovers: tuple[Path, ...]  # files and folders of processes that ended before they were done

    @property
    def healthy(self) -> bool:
        """Whether nothing is lost."""
        return not self.damaged and not self.missing


@telling()
def check(store: Store, say: Callable[[str], None] = lambda line: None) -> Report:
    """Read every file; nothing is changed, and others may go on writing.

    Args:
        store: to be checked.
        say: called with how far it is, a line a file.

    Raises:
        StoreError: database or files cannot be reached: nothing is known about them then.
    """
    store.blobs.look()
    names = sorted(store.blobs.all())  # before the rows: what is kept meanwhile is no orphan
    rows = store.digests()
    states: dict[str, list[str]] = {"whole": [], "damaged": [], "missing": [], "gone": []}
    for digest in sorted(rows):
        states[state := _state(store, digest)].append(digest)
        say(f"{digest} {state}")
    return Report(
        whole=len(states["whole"]),
        damaged=tuple(states["damaged"]),
        missing=tuple(states["missing"]),
        orphans=tuple(name for name in names if name not in rows),
        leftovers=tuple(_leftovers(store.incoming.parent)),
    )


def _state(store: Store, digest: str) -> str:
    hashed = hashlib.sha256()
    try:
        for chunk in store.blobs.read(digest):
            hashed.update(chunk)
    except FileNotFoundError:  # forgotten while we read the others?
        return "missing" if digest in store.digests() else "gone"
    return "whole" if hashed.hexdigest() == digest else "damaged"


def mend(store: Store, report: Report) -> int:
    """Delete the waste, never a loss: a damaged file may still be worth something to its owner.

    Returns:
        How many files were deleted.
    """
    for path in report.leftovers:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    swept = [store.sweep(name) for name in report.orphans if DIGEST.fullmatch(name)]
    return len(report.leftovers) + sum(swept)


def _leftovers(folder: Path) -> list[Path]:
    old = time.time() - LEFT_SECONDS
    spooled = (path for pattern in SPOOLED for path in sorted(folder.glob(pattern)))
    return [path for path in spooled if _modified(path) < old] + _old_sweeps(folder)


def _old_sweeps(folder: Path) -> list[Path]:
    """Sweeps that nobody has looked at for long; who asks again has them computed again."""
    old = time.time() - SWEEP_SECONDS
    each = sorted(path for path in (folder / SWEEPS).glob("*") if (path / OPENED).exists())
    return [path for path in each if _modified(path / OPENED) < old]


def _modified(path: Path) -> float:
    """Seconds since 1970; what has just gone is as new as can be."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return float("inf")
