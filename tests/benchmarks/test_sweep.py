"""docs/scale.md says what benchmarks/results/sweep.json holds, and nothing else."""

from __future__ import annotations

import json

from benchmarks.sweep.page import page_of
from tests.support.serving import ROOT

FIGURES = json.loads((ROOT / "benchmarks/results/sweep.json").read_text())


def test_the_page_is_made_of_the_figures():
    assert (ROOT / "docs/scale.md").read_text() == page_of(FIGURES)


def test_ten_million_a_day_is_computed_from_the_cost_of_one_worker():
    slower = {**FIGURES, "ray": {**FIGURES["ray"], "cost_1": 0.5, "answers_a_second": 40.0}}
    told = page_of(slower)

    assert "115.7 x 0.5000 = **58 cores**" in told
    assert "3 drivers are needed" in told


def test_the_work_for_a_picture_does_not_grow_with_their_number():
    local = FIGURES["local"]

    assert local["cpu_500"] <= 1.1 * local["cpu_50"]  # what others do on the machine is not in it
    assert local["memory_mb_500"] <= local["memory_mb_20"] + 300
