"""Reading a large checkpoint beside torch.load: time and memory, in interleaved runs."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from torchvision.models.segmentation import deeplabv3_resnet50

from core.checkpoint import read_checkpoint

ROUNDS = 11
OURS = """
import sys
from core.checkpoint.reader import read_file
from pathlib import Path
read_file(Path(sys.argv[1]), Path(sys.argv[2]))
"""
THEIRS = """
import sys, torch
torch.load(sys.argv[1], weights_only=True)
"""


def report() -> None:
    """Print the ratio of times, and what each takes of memory in a process of its own."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        path = folder / "resnet50.pth"
        torch.save(deeplabv3_resnet50(weights=None, weights_backbone=None).state_dict(), path)
        ours, theirs = _times(path, folder)
        size = path.stat().st_size / 1e6
        print(f"reading {size:.0f} MB: {ours:.2f} s, torch.load {theirs:.2f} s: "
              f"{ours / theirs:.2f} x")  # fmt: skip
        print(f"  of memory: {_peak(OURS, path, folder)} MB, "
              f"torch.load {_peak(THEIRS, path, folder)} MB")  # fmt: skip


def _times(path: Path, folder: Path) -> tuple[float, float]:
    """Medians; our reading begins without what it kept, and starts its process each time.

    Both give their memory back between two turns: fresh pages cost more than either.
    """
    ours, theirs = [], []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        read_checkpoint(path, name=path.name, digest="d", folder=folder / "kept")
        ours.append(time.perf_counter() - start)
        shutil.rmtree(folder / "kept")
        start = time.perf_counter()
        state = torch.load(path, weights_only=True)
        theirs.append(time.perf_counter() - start)
        del state
    return statistics.median(ours), statistics.median(theirs)


def _peak(script: str, path: Path, folder: Path) -> int:
    """The largest resident memory of a process that does nothing else, in MB (Linux)."""
    code = f"{script}\nprint(open('/proc/self/status').read().partition('VmHWM:')[2].split()[0])"
    command = [sys.executable, "-c", code, str(path), str(folder / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout) * 1024 // 10**6


if __name__ == "__main__":
    report()
