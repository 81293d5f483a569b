"""A real Ray cluster on this machine: the rows of a local sweep, whatever happens to its workers.

Without Ray these tests fail; requirements-dev.txt and `make test` bring it.
"""

from __future__ import annotations

import builtins
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace

import numpy as np
import pytest

from core.background import Cancelled
from core.errors import InspectionError
from core.presets import apply_preset
from core.settings import Settings
from core.sweep import FAILED, Named, Plan, Table, read_rows
from core.sweep.local import sweep
from core.sweep.ray_engine import Weights, sweep_on_ray
from examples import FOLDER, SCENES
from tests.support.serving import ROOT
from tests.support.sweeps import IN_HERE, OnDisk, numbers, tiny_set

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="Windows has no kill -9"),
    pytest.mark.timeout(400),  # each worker of a cluster imports torch
]
CHECKPOINT = FOLDER / "zoo" / "lraspp_mean.pth"
COUNT = 24
WAIT_SECONDS = 180.0
CLIENT_PORT = 23571  # outside of the ports that Ray gives its workers, 10,002 to 19,999


@dataclass(frozen=True)
class Met(OnDisk):
    """A picture that is given once so many workers have read one of the set."""

    workers: int = 0

    def read(self) -> bytes:
        here = self.path.parent
        (here / f"worker_{os.getpid()}").touch()
        until = time.monotonic() + WAIT_SECONDS
        while len(list(here.glob("worker_*"))) < self.workers and time.monotonic() < until:
            time.sleep(0.02)
        return super().read()


@dataclass(frozen=True)
class Deadly(OnDisk):
    """A picture that ends the process that reads it, so often."""

    times: int = 1

    def read(self) -> bytes:
        victims = self.path.with_suffix(".victims")
        victims.touch()
        if len(victims.read_bytes()) < self.times:
            victims.write_bytes(victims.read_bytes() + b"x")
            os.kill(os.getpid(), signal.SIGKILL)
        return super().read()


@pytest.fixture(scope="module")
def weights():
    content = CHECKPOINT.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return Weights(np.frombuffer(content, np.uint8), CHECKPOINT.name, digest)


@pytest.fixture(scope="module")
def plan(weights):
    named = [Named(name, apply_preset(Settings(), name)) for name in ("unit", "imagenet")]
    return Plan(weights.network().checkpoint_digest, tuple(named), keep_labels=True)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tiny_set(tmp_path_factory.mktemp("pictures"), COUNT)


@pytest.fixture(scope="module")
def local(data, plan, weights, tmp_path_factory):
    """The rows of a local sweep, and the folder of its table."""
    folder = tmp_path_factory.mktemp("local")
    with Table(folder, plan) as table:
        list(sweep(data, plan, weights.network(), table, **IN_HERE))
        return list(table.rows()), folder


@pytest.fixture(scope="module")
def cluster():
    """One machine of one core, to which others may be added; their workers have one thread."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 1, "include_dashboard": False, "ray_client_server_port": CLIENT_PORT}
    made = Cluster(initialize_head=True, head_node_args=head)
    ray.init(address=made.address, log_to_driver=False, logging_level="ERROR")
    yield made
    ray.shutdown()
    made.shutdown()


def on_ray(data, plan, weights, folder, **options):
    """All rows and every Progress."""
    with Table(folder, plan) as table:
        run = sweep_on_ray(data, plan, weights, table, **{**IN_HERE, **options})
        return list(table.rows()), list(run), list(table.rows())


def with_picture(data, at, kind, **options):
    entries = list(data.entries)
    entries[at] = replace(entries[at], picture=kind(entries[at].picture.path, **options))
    return replace(data, entries=tuple(entries))


def test_a_worker_that_is_added_in_the_middle_is_used(
    cluster, data, plan, weights, local, tmp_path
):
    meeting = data
    for at in range(COUNT):
        meeting = with_picture(meeting, at, Met, workers=1 if at < COUNT // 2 else 2)
    seen = []
    with Table(tmp_path, plan) as table:
        for progress in sweep_on_ray(meeting, plan, weights, table, **IN_HERE):
            seen.append(progress)
            if progress.done == 3:
                cluster.add_node(num_cpus=1)
        rows = list(table.rows())

    assert len({each.worker.partition(":")[0] for each in seen if each.rows}) == 2  # machines
    assert numbers(rows) == numbers(local[0])
    there, here = (sorted(p.name for p in f.glob("labels/*/*")) for f in (tmp_path, local[1]))
    assert there == here


def test_a_worker_that_is_killed_in_the_middle_is_replaced(
    cluster, data, plan, weights, local, tmp_path
):
    deadly = with_picture(data, COUNT // 2, Deadly, times=1)
    _, seen, rows = on_ray(deadly, plan, weights, tmp_path)

    assert numbers(rows) == numbers(local[0])
    assert (seen[-1].left, seen[-1].failed) == (0, 0)


def test_a_picture_that_ends_every_worker_is_a_row(cluster, data, plan, weights, tmp_path):
    deadly = with_picture(data, 1, Deadly, times=9)
    few = replace(deadly, entries=deadly.entries[:4])
    _, seen, rows = on_ray(few, plan, weights, tmp_path, retries=0)
    failed = [row for row in rows if row.status == FAILED]

    assert [row.picture for row in failed] == ["0001"] * len(plan.settings)
    assert "The worker that computed this picture ended" in failed[0].reason
    assert (seen[-1].left, seen[-1].failed) == (0, 1)


def test_who_goes_away_ends_it_and_the_rest_is_computed_later(
    cluster, data, plan, weights, local, tmp_path
):
    asked = []

    def wanted():
        asked.append(1)
        return len(asked) < 6

    with pytest.raises(Cancelled):
        on_ray(data, plan, weights, tmp_path, wanted=wanted)
    before, seen, rows = on_ray(data, plan, weights, tmp_path)

    assert 0 < len(before) < len(rows)
    assert seen[0].before == len(before) // 2
    assert numbers(rows) == numbers(local[0])


def test_a_network_that_workers_cannot_open_is_told_once(cluster, data, plan, weights, tmp_path):
    torn = replace(weights, content=weights.content[:500])
    other = replace(plan, source="torn")

    with pytest.raises(InspectionError, match="On "):
        on_ray(data, other, torn, tmp_path)


def test_the_command_finds_the_cluster_by_its_address(cluster, tmp_path):
    for number, scene in enumerate(SCENES[:2]):
        shutil.copy(scene, tmp_path / f"{number}.png")
    command = ["sweep", str(tmp_path), str(CHECKPOINT), "--out", str(tmp_path / "out")]
    done = subprocess.run(
        [sys.executable, "-m", "core", *command],
        cwd=ROOT,
        env={**os.environ, "RAY_ADDRESS": cluster.address},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode in (0, 10), done.stderr
    assert len(read_rows(tmp_path / "out" / "rows.parquet")[1]) == 4


def test_the_dashboards_forwards_are_the_same_there_also_after_their_worker_was_killed(cluster):
    command = [sys.executable, "-m", "tests.support.far", f"ray://127.0.0.1:{CLIENT_PORT}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    told = json.loads(done.stdout.splitlines()[-1]) if done.stdout else {}

    assert told, done.stderr[-2000:]
    assert told["there"] == told["again"] == told["here"]  # bit for bit
    assert told["notes"] == []  # none was computed on this side
    assert told["mine"] and told["another"]


def test_without_ray_a_sentence_says_what_to_install(data, plan, weights, tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name.partition(".")[0] == "ray":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InspectionError, match="Ray is not installed here"):
        on_ray(data, plan, weights, tmp_path)
