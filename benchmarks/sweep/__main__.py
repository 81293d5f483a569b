"""Measure, and write benchmarks/results/sweep.json and docs/scale.md (10 to 25 minutes on 2 cores).

With `--page` nothing is measured: the page is written anew from the figures.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.performance.memory import peak
from benchmarks.sweep.batches import measured
from benchmarks.sweep.page import page_of
from benchmarks.sweep.pictures import make_pictures
from benchmarks.workers import say

ROOT = Path(__file__).resolve().parents[2]
RESULTS, DOCUMENT = ROOT / "benchmarks/results/sweep.json", ROOT / "docs/scale.md"
FEW, SOME, MANY = 20, 50, 500  # pictures
ROUNDS = 3  # of 50 and of 500, by turns; the medians count
ON_RAY = 240  # pictures
ANSWERS = 500  # that a driver takes back
EVERY = 0.25  # seconds between two looks at the memory


def main(pictures: Path) -> None:
    """Measure all of it, by turns where two are compared."""
    make_pictures(pictures, MANY)
    alone: dict[int, list[dict[str, Any]]] = {FEW: [], SOME: [], MANY: []}
    for count in (FEW, *(SOME, MANY) * ROUNDS):
        alone[count].append(_one(pictures, count, "local"))
        say(f"{count}: {alone[count][-1]}")
    ray = {n: [] for n in (1, 2)}  # type: dict[int, list[dict[str, Any]]]
    beside = []
    for _ in range(ROUNDS):
        for workers, found in ray.items():
            found.append(_one(pictures, ON_RAY, "ray", workers))
            say(f"Ray, {workers}: {found[-1]}")
        beside.append(_beside(pictures))
        say(f"two processes without Ray: {beside[-1]}")
    figures = {
        "day": date.today().isoformat(),
        "cores": os.cpu_count(),
        "picture_bytes": sum(each.stat().st_size for each in pictures.glob("*/*.png")) / MANY,
        "local": {
            "cost_50": _median(alone[SOME], "seconds_by_picture"),
            "cost_500": _median(alone[MANY], "seconds_by_picture"),
            "cpu_50": _median(alone[SOME], "cpu_seconds_by_picture"),
            "cpu_500": _median(alone[MANY], "cpu_seconds_by_picture"),
            "memory_mb_20": alone[FEW][0]["memory_mb"],
            "memory_mb_500": max(each["memory_mb"] for each in alone[MANY]),
            "stages": alone[MANY][0]["stages"],
            "bytes_by_row": alone[MANY][0]["bytes_by_row"],
            "finish_seconds_500": _median(alone[MANY], "finish_seconds"),
        },
        "ray": {
            "cost_1": _median(ray[1], "seconds_by_picture"),
            "cost_2": _median(ray[2], "seconds_by_picture"),
            "failed": sum(each["failed"] for found in ray.values() for each in found),
            "speed_up": [
                one["seconds_by_picture"] / two["seconds_by_picture"]
                for one, two in zip(ray[1], ray[2], strict=True)
            ],
            "answers_a_second": _one(pictures, ANSWERS, "driver")["answers_a_second"],
        },
        "two_processes_without_ray": beside,
        "batches": measured(),
    }
    RESULTS.write_text(json.dumps(figures, indent=1) + "\n")
    DOCUMENT.write_text(page_of(figures))
    say(json.dumps(figures, indent=1))


def _one(pictures: Path, count: int, engine: str, workers: int = 1) -> dict[str, Any]:
    """Figures of a sweep in a process of its own, and the most memory that it took."""
    with tempfile.TemporaryDirectory() as out:
        process = _started(pictures, Path(out) / "rows", count, engine, workers)
        with peak(process.pid, EVERY) as most:
            told, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"{engine} with {count} pictures ended with {process.returncode}")
    return {**json.loads(told.splitlines()[-1]), "memory_mb": most[0]}


def _beside(pictures: Path) -> float:
    """How many times the pace of one process two of them have at once: what the machine gives."""
    single = _one(pictures, SOME, "local")["seconds_by_picture"]
    with tempfile.TemporaryDirectory() as out:
        both = [_started(pictures, Path(out) / str(k), SOME * 2, "local", 1) for k in range(2)]
        told = [json.loads(each.communicate()[0].splitlines()[-1]) for each in both]
    return float(sum(single / each["seconds_by_picture"] for each in told))


def _started(
    pictures: Path, out: Path, count: int, engine: str, workers: int
) -> subprocess.Popen[str]:
    arguments = [str(pictures), str(out), str(count), engine, str(workers)]
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.sweep.one", *arguments],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )


def _median(found: list[dict[str, Any]], name: str) -> float:
    return float(statistics.median(each[name] for each in found))


if __name__ == "__main__":
    told = argparse.ArgumentParser(description=__doc__)
    told.add_argument("--page", action="store_true", help="measure nothing, write the page anew")
    if told.parse_args().page:
        DOCUMENT.write_text(page_of(json.loads(RESULTS.read_text())))
    else:
        main(ROOT / ".cache" / "sweep")
