"""What the measurements of speed make of what they saw."""

from __future__ import annotations

import math

import torch
from torch import nn

from benchmarks.performance import results
from benchmarks.performance.candidates import _folded
from benchmarks.performance.effort import Said, table
from benchmarks.performance.pictures import NAMES, SEEN, mosaic
from benchmarks.performance.sides import OPPOSITE, walk
from benchmarks.performance.timeline import exact_after, first_picture, longest_gap, percentile

STATES = [{"time": 90, "exact": True}, {"time": 110, "exact": False}, {"time": 420, "exact": True}]
DRAG = {"moves": [100, 150], "changes": [95, 180, 400], "states": STATES}


def test_no_step_of_the_walk_returns_to_a_place():
    at, places = {"R": 0, "G": 0, "B": 0}, [(0, 0, 0)]
    for control, key in walk(124):
        at[control[-1]] += 1 if key == "PageUp" else -1
        places.append(tuple(at.values()))

    assert len(set(places)) == 125
    assert {step for place in places for step in place} == {0, 1, 2, 3, 4}
    assert OPPOSITE["PageUp"] == "PageDown"


def test_a_drag_is_told_from_its_first_move_its_pictures_and_its_last_move():
    assert first_picture(DRAG) == 80
    assert longest_gap(DRAG) == 220
    assert exact_after(DRAG) == 270


def test_an_answer_that_never_became_exact_has_no_time():
    assert math.isnan(exact_after({**DRAG, "states": STATES[:2]}))
    assert math.isnan(exact_after({**DRAG, "states": []}))


def test_an_answer_is_exact_from_the_first_of_the_states_that_say_so():
    states = [*STATES, {"time": 600, "exact": True}]

    assert exact_after({**DRAG, "states": states}) == 270


def test_percentiles_are_values_that_were_seen():
    assert percentile([5, 1, 4, 2, 3], 0.95) == 5
    assert math.isnan(percentile([], 0.5))


def test_every_figure_of_a_full_run_is_found_again_in_the_json(tmp_path):
    said = Said(dict.fromkeys(results.KEYS, 1.5), "## All", ("OpenVINO: not installed",))
    file, page = tmp_path / "performance.json", tmp_path / "performance.md"
    results.write({"all": said}, ("all",), file, page)
    results.write({"all": Said({"visited_ms": math.nan}, "## Again")}, ("all",), file, page)
    whole = results.json.loads(file.read_text())

    assert whole["forward"]["mobilenet_v3"] == {"ratio": 1.5, "of_best": 1.5}
    assert whole["visited_ms"] is None
    assert set(results.flat(whole)) == set(results.KEYS)
    assert "## Again" in page.read_text()
    assert "## All" not in page.read_text()


def test_a_table_has_a_line_below_its_head():
    assert table(("a", "b"), [("x", 1.0)]).splitlines() == ["| a | b |", "|---|---|", "| x | 1 |"]


def test_the_measured_picture_has_classes_of_all_four_kinds():
    pixels, ids = mosaic(SEEN)

    assert pixels.shape == (520, 520, 3)
    assert len(NAMES) == 21
    assert {sum(int(k) >= first for first in (0, 6, 11, 15)) for k in set(ids.ravel())} == {
        1,
        2,
        3,
        4,
    }


def test_a_folded_network_says_the_same():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()).eval()
    sample = torch.rand(1, 3, 8, 8)
    with torch.no_grad():
        before, after = network(sample), _folded(network)(sample)

    assert torch.allclose(before, after, atol=1e-6)
    assert isinstance(network[1], nn.Identity)
