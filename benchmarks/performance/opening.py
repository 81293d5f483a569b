"""Part `open_500mb`: a training checkpoint of 500 MB, in the app and by `torch.load`."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from benchmarks.performance import memory, servers
from benchmarks.performance.effort import Effort, Said, seconds, table
from benchmarks.performance.networks import NETWORKS
from benchmarks.performance.sides import OURS, query_of
from benchmarks.performance.watched import Watched, chromium
from core.checkpoint import read_checkpoint

NAME = "training"  # the file; 3 x 168 MB: weights and both moments of Adam
THEIRS = """
import sys, torch
def status(name): return int(open('/proc/self/status').read().partition(name)[2].split()[0])
idle = status('VmRSS:')
torch.load(sys.argv[1], weights_only=True)
print((status('VmHWM:') - idle) * 1024)
"""


def measure(effort: Effort) -> Said:
    """Times in turns; memory once each, above what stood idle before."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        path, size = write(folder)
        ours, theirs = _times(path, folder / "kept", max(1, effort.rounds // 3))
        opened, peak = _in_the_app(folder)
        loaded = int(subprocess.run([sys.executable, "-c", THEIRS, str(path)], check=True,
                                    capture_output=True, text=True).stdout) / 1e6  # fmt: skip
    ratio = peak / size
    rows: list[tuple[object, ...]] = [
        ("read by the app", ours, "", ""),
        ("opened in the app, to its first mask", opened, peak, ratio),
        ("torch.load", theirs, loaded, loaded / size),
    ]
    head = ("", "s", "peak above idle, MB", "x its tensors")
    return Said({"open_500mb.memory_ratio": ratio},
                f"{size:.0f} MB of tensors.\n\n{table(head, rows)}")  # fmt: skip


def write(folder: Path) -> tuple[Path, float]:
    """A checkpoint as training writes it; its path, and its tensors in MB."""
    weights = NETWORKS["resnet50"].trained().state_dict()
    moments = {
        number: {"step": torch.tensor(100.0), "exp_avg": torch.randn_like(tensor),
                 "exp_avg_sq": torch.rand_like(tensor)}
        for number, tensor in enumerate(weights.values()) if tensor.is_floating_point()
    }  # fmt: skip
    groups = [{"lr": 1e-3, "params": list(moments)}]
    path = folder / f"{NAME}.pth"
    states = {"model": weights, "optimizer": {"state": moments, "param_groups": groups}, "epoch": 9}
    torch.save(states, path)
    return path, sum(map(_bytes, (weights, *moments.values()))) / 1e6


def _bytes(tensors: Any) -> int:
    return sum(tensor.nbytes for tensor in tensors.values())


def _times(path: Path, kept: Path, rounds: int) -> tuple[float, float]:
    """Medians in seconds; ours begins without what it kept before."""
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(seconds(lambda: read_checkpoint(path, name=NAME, digest="d", folder=kept)))
        shutil.rmtree(kept)
        theirs.append(seconds(lambda: torch.load(path, weights_only=True)))
    return statistics.median(ours), statistics.median(theirs)


def _in_the_app(folder: Path) -> tuple[float, float]:
    """Seconds to its mask, and MB above the server that showed another network before."""
    with servers.ours(folder) as server, chromium() as browser:
        first = f"{server.address}/?{query_of(NAME, server.picture, checkpoint='example')}"
        Watched.open(browser, OURS, first).page.context.close()
        idle = memory.megabytes(server.pid)
        page = browser.new_context().new_page()
        with memory.peak(server.pid, every=0.05) as most:
            began = time.perf_counter()
            page.goto(f"{server.address}/?{query_of(NAME, server.picture)}")
            page.wait_for_selector(f"{OURS.mask.split()[0]}", state="attached", timeout=300_000)
            page.wait_for_selector(".viewer[data-ready]", timeout=300_000)
            took = time.perf_counter() - began
        return took, most[0] - idle
