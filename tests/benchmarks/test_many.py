"""Sets of the benchmark: two parts without a common picture, figures that count what is said."""

import json

from benchmarks import diagnosis
from benchmarks.many import SIZE, SetOutcome, SetTrial, figures_of, sets


def outcome(start, color="rgb", said=(), member="unet_unit", mean=0.01, std=0.05, family=True):
    trial = SetTrial(member, tuple(range(SIZE)), start)
    return SetOutcome(trial, said, color, True, family, mean, std, True, 1.0)


def test_the_two_parts_share_no_network_and_no_picture():
    tune, held_out = list(sets("tune", 2)), list(sets("held-out", 2))

    assert {trial.member for trial in tune}.isdisjoint(trial.member for trial in held_out)
    assert {s for t in tune for s in t.seeds}.isdisjoint(s for t in held_out for s in t.seeds)
    assert {len(trial.seeds) for trial in (*tune, *held_out)} == {SIZE}


def test_a_swapped_set_is_fed_the_other_order_and_nothing_else():
    trial = next(trial for trial in sets("tune", 1) if trial.start == "swapped")
    swapped = trial.material.settings
    right = SetTrial(trial.member, trial.seeds, "right").material.settings

    assert swapped.preprocessing.color != right.preprocessing.color
    assert swapped.preprocessing.mean == right.preprocessing.mean


def test_an_order_that_is_not_told_is_not_found_and_a_wrong_one_is_false():
    rows = [outcome("swapped"), outcome("swapped", ""), outcome("right", "bgr", ("P6",))]
    figures = figures_of([*rows, outcome("plain", "")])

    assert figures["set_order_found"] == 0.5
    assert figures["set_order_false"] == 1
    assert figures["set_false_alarms"] == 1


def test_errors_are_medians_of_what_was_solved():
    rows = [outcome("plain", mean=error, std=2 * error) for error in (0.01, 0.02, 0.06)]
    figures = figures_of([*rows, outcome("plain", mean=None, std=None, family=False)])

    assert (figures["set_mean_error"], figures["set_std_error"]) == (0.02, 0.04)
    assert figures["set_family_right"] == 0.75


def test_figures_of_another_benchmark_stay_in_the_file(tmp_path, monkeypatch):
    path = tmp_path / "diagnosis.json"
    path.write_text(json.dumps({"top1": 0.9, "set_order_found": 0.1}))
    monkeypatch.setattr(diagnosis, "RESULTS", path)
    diagnosis.merge_results({"set_order_found": 1.0})

    assert json.loads(path.read_text()) == {"top1": 0.9, "set_order_found": 1.0}
