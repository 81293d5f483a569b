"""One sweep in a process of its own, which prints its figures as JSON.

python -m benchmarks.sweep.one PICTURES OUT COUNT local
python -m benchmarks.sweep.one PICTURES OUT COUNT ray WORKERS
python -m benchmarks.sweep.one PICTURES OUT COUNT driver
"""

from __future__ import annotations

import hashlib
import json
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import examples
from benchmarks.workers import one_thread, say
from core import timing
from core.cluster import connected
from core.dataset import DataSet, Entry, open_set, truth_of
from core.presets import apply_preset
from core.settings import Settings
from core.sweep import Named, Plan, Progress, Row, Table
from core.sweep.local import sweep
from core.sweep.ray_engine import Answer, Tasks, Weights, sweep_on_ray

PRESETS = ("imagenet", "unit", "symmetric", "caffe")  # four forwards of each picture
WARM = 3  # answers of each worker before its pace is taken


def main(pictures: Path, out: Path, count: int, engine: str, workers: int = 1) -> None:
    """Compute, and print what it took."""
    one_thread()
    weights = _weights()
    network = weights.network()
    named = tuple(Named(name, apply_preset(Settings(), name)) for name in PRESETS)
    plan = Plan(network.checkpoint_digest, named, source=str(pictures))
    found = open_set(pictures).data
    data = replace(found, entries=found.entries[:count])
    with Table(out, plan) as table:
        if engine == "driver":
            figures = _driver(data, plan, table)
        elif engine == "ray":
            with _cluster(workers):
                run = sweep_on_ray(data, plan, weights, table, truth_of=truth_of)
                figures = _timed(run, table, workers)
        else:
            figures = _timed(sweep(data, plan, network, table, truth_of=truth_of), table, 1)
    say(json.dumps(figures))


def _weights() -> Weights:
    content = examples.CHECKPOINT.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return Weights(np.frombuffer(content, np.uint8), examples.CHECKPOINT.name, digest)


def _timed(run: Iterator[Progress], table: Table, workers: int) -> dict[str, Any]:
    """Figures of a sweep; the pace is taken once every worker has answered a few times."""
    first = next(run)
    began, used, answers = time.perf_counter(), time.process_time(), Counter[str]()
    steady = (began, used, 0)
    for progress in run:
        answers[progress.worker] += 1
        here = time.perf_counter(), time.process_time(), progress.done
        if len(answers) < workers or min(answers.values()) < WARM:
            steady = here
    pictures = here[2] - steady[2]
    finishing = time.perf_counter()
    rows = table.finish().stat().st_size
    return {
        "pictures": first.left,
        "failed": progress.failed,
        "workers": len(answers),
        "seconds": here[0] - began,
        "seconds_by_picture": (here[0] - steady[0]) / pictures,
        "cpu_seconds_by_picture": (here[1] - steady[1]) / pictures,  # of this process alone
        "finish_seconds": time.perf_counter() - finishing,
        "bytes_by_row": rows / (first.left * len(PRESETS)),
        "stages": {name: statistics.median(each) for name, each in timing.stages().items() if each},
    }


def _cluster(workers: int) -> Any:
    """A cluster of this machine with so many cores."""
    return connected("", num_cpus=workers)


def _driver(data: DataSet, plan: Plan, table: Table) -> dict[str, Any]:
    """How many answers a second one driver hands out, takes back and writes, workers at rest."""
    rows = tuple(_row(named.name) for named in plan.settings)

    with _cluster(2) as ray:
        job = ray.put(Answer(rows, {}, ""))
        task = ray.remote(num_cpus=1)(_at_once)
        tasks = Tasks(ray, lambda index, entry: task.remote(job, index, entry))
        left = list(enumerate(data.entries))
        run = tasks.answers(left, lambda: True)
        next(run)  # the workers have started
        began = time.perf_counter()
        for index, entry, answer in run:
            made = () if answer is None else answer.rows
            table.append([replace(row, index=index, picture=entry.name) for row in made])
        return {"answers_a_second": (len(left) - 1) / (time.perf_counter() - began)}


def _at_once(answer: Answer, index: int, entry: Entry) -> Answer:
    return answer


def _row(setting: str) -> Row:
    """As large as one of a picture with six classes."""
    cells = [(true, found) for true in range(6) for found in range(6)]
    ids, shares = tuple(range(6)), (1 / 6,) * 6
    return Row(
        0, "", setting, "done", "", 0.1, 256, 256, 6, ids, shares, 5 / 6, 0, 0.9, 0.1, 0.9, 0.9,
        0.9, ids, shares, tuple(true for true, _ in cells), tuple(found for _, found in cells),
        (1820,) * 36, "0" * 64, "0" * 64,
    )  # fmt: skip


if __name__ == "__main__":
    pictures, out, count, engine, *workers = sys.argv[1:]
    main(Path(pictures), Path(out), int(count), engine, *map(int, workers))
