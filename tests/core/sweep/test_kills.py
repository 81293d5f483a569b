"""Killed without warning at random moments: it finishes, nothing twice, the same numbers."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from core.sweep import Table, read_rows
from tests.kill_sweeps import PICTURES
from tests.support.serving import ROOT
from tests.support.sweeps import SETTINGS, numbers, tiny_plan

KILLS = 10
pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="Windows has no fork and no kill -9"),
    pytest.mark.timeout(300),  # eleven processes, each of which imports torch
]


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """The folder, how many kills hit a sweep at work, and what it noted on its way."""
    folder = tmp_path_factory.mktemp("kills")
    command = [sys.executable, "-m", "tests.kill_sweeps", str(folder), str(KILLS)]
    limited = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, env=limited, check=False
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    return folder, told["hits"], told["lines"]


def test_every_kill_hit_a_sweep_that_was_at_work(outcome):
    assert outcome[1] == KILLS
    assert not [line for line in outcome[2] if line.startswith("failed")]


def test_what_was_done_is_never_begun_again(outcome):
    done, again = set(), []
    for line in outcome[2]:
        word, _, number = line.partition(" ")
        if word == "done":
            done.add(number)
        elif word == "read" and number in done:
            again.append(number)

    assert len(done) > PICTURES / 2  # a kill between keeping and noting leaves some out
    assert not again


def test_it_finishes_with_each_row_once_and_the_numbers_of_an_undisturbed_one(outcome):
    folder = outcome[0]
    _, rows = read_rows(folder / "killed" / "rows.parquet")
    _, whole = read_rows(folder / "whole" / "rows.parquet")
    keys = [(row.index, row.setting) for row in rows]

    assert len(set(keys)) == len(keys) == PICTURES * len(SETTINGS)
    assert numbers(rows) == numbers(whole)
    with Table(folder / "killed", tiny_plan()) as table:
        assert len(table.done) == PICTURES
