"""Statistics of BatchNorm that destroy a trained network are named before any normalization."""

from dataclasses import replace
from functools import lru_cache

import pytest
import torch

from benchmarks.cases import material
from core.diagnosis import diagnose
from core.diagnosis.measure.measurements import measure
from core.diagnosis.measure.own_statistics import stored_against_observed
from core.diagnosis.thresholds import UNLIKE_STORED
from core.presets import PRESETS
from core.settings import change
from examples.materials import case_of
from examples.zoo import ZOO
from tests.support.cases import (
    causes,
    example_checkpoint,
    healthy,
    true_ids,
    with_settings,
    with_tensors,
    with_truth,
)

NORMS = [key for key in example_checkpoint().tensors if key.endswith("running_mean")]
DEEP = NORMS[len(NORMS) // 2 :]


def changed(norms, mean=lambda t: t, var=lambda t: t):
    tensors = dict(example_checkpoint().tensors)
    for key in norms:
        spread = key.replace("running_mean", "running_var")
        tensors[key], tensors[spread] = mean(tensors[key]), var(tensors[spread])
    return with_tensors(tensors)


@lru_cache
def broken(name):
    """As trainings leave them: behind, far too wide, or of other pictures than the weights saw."""
    if name == "momentum that lags":
        return changed(NORMS, lambda t: 0.1 * t, lambda t: 0.1 * t + 0.9)
    if name == "too wide":
        return changed(NORMS, var=lambda t: 20 * t)
    return changed(DEEP, lambda t: t + 1.5 * torch.linspace(-1, 1, len(t)))


LIKE = ("momentum that lags", "too wide", "deep layers of other pictures")


@lru_cache
def told(name, truth):
    return diagnose(with_truth(true_ids(), broken(name)) if truth else broken(name))


@pytest.mark.parametrize("name", LIKE)
def test_with_a_ground_truth_they_are_certain_and_their_fix_raises_the_score(name):
    score = measure(with_truth(true_ids(), broken(name))).truth.iou
    first = told(name, truth=True).faults[0]

    assert (first.cause, first.certainty) == ("B1", "certain")
    assert first.changes == {"mode": "train"}
    assert score(first.changes) > score({}) + 0.1


@pytest.mark.parametrize("name", LIKE[:2])
def test_without_one_they_are_likely_where_the_picture_s_own_statistics_bring_a_mask(name):
    first = told(name, truth=False).faults[0]

    assert (first.cause, first.certainty) == ("B1", "likely")
    assert first.changes == {"mode": "train"}


@pytest.mark.parametrize("name", LIKE[:2])
def test_numbers_that_undo_an_odd_exposure_are_tried_before_they_are_blamed(name):
    """A dark picture fed as bytes is unlike training in every layer, and no fault of the file."""
    evidence = " ".join(one.words for one in told(name, truth=False).faults[0].evidence)

    assert "Of 1 other feeding" in evidence


@pytest.mark.parametrize("name", LIKE)
def test_no_normalization_is_named_or_recovered_and_nothing_said_of_other_pictures(name):
    answer = told(name, truth=True)

    assert causes(answer) == ["B1"]
    assert answer.recovered.certainty == "cannot tell"
    assert answer.recovered.changes == {}


@pytest.mark.parametrize("preset", ["imagenet", "unit", "bytes", "symmetric"])
def test_a_wrong_normalization_is_not_seen_behind_the_first_batch_norm(preset):
    layers = stored_against_observed(measure(with_settings(**PRESETS[preset].changes)))

    assert layers.upper < UNLIKE_STORED / 2
    assert (layers.layers[0] > 0.25) == (preset != "imagenet")


def test_a_wrong_normalization_is_named_as_that_also_with_a_ground_truth():
    case = with_truth(true_ids(), with_settings(**PRESETS["unit"].changes))

    assert causes(diagnose(case)) == ["P1"]


def test_statistics_that_are_right_raise_no_alarm_with_a_ground_truth():
    assert causes(diagnose(with_truth(true_ids()))) == []


def test_in_training_mode_their_mask_is_the_best_there_is_so_the_mode_is_no_fault():
    case = broken("too wide")
    answer = diagnose(replace(case, settings=change(case.settings, mode="train")))

    assert causes(answer) == ["B1"]
    assert "B2" in causes(answer, "note")
    assert [found.changes for found in answer.findings] == [{}, {}]


def test_the_network_is_neither_changed_nor_copied():
    case = healthy()
    before = {key: t.clone() for key, t in case.network.module.state_dict().items()}
    stored_against_observed(measure(case))

    assert all(torch.equal(t, before[key]) for key, t in case.network.module.state_dict().items())


@pytest.mark.parametrize("kind", ["dark", "low contrast"])
def test_a_weak_network_that_gains_a_little_on_an_odd_picture_has_sound_statistics(kind):
    files = material(ZOO["unet_unit"], 1001, kind, truth=True)

    assert causes(diagnose(case_of(files))) == []
