"""The order of checks is data: phases that know each other's results, and none that needs luck."""

import random
from dataclasses import FrozenInstanceError, fields, replace
from functools import cache

import numpy as np
import pytest
import torch

from benchmarks.cases import BY_NAME, material
from core.diagnosis import diagnose
from core.diagnosis.checks.phases import COUNTERFACTUAL, NO_FORWARD, NO_NETWORK, ONE_FORWARD
from core.diagnosis.finding import CAUSES, ORDER, Finding
from core.diagnosis.inquiry import Questions
from core.diagnosis.measure.measurements import measure
from core.diagnosis.progress import Progress
from core.presets import PRESETS
from examples.materials import case_of
from examples.zoo import ZOO
from tests.support.cases import (
    example_checkpoint,
    healthy,
    true_ids,
    with_settings,
    with_tensors,
    with_truth,
    written,
)

UNIT = PRESETS["unit"].changes
EVERY = (*NO_NETWORK, *NO_FORWARD, *ONE_FORWARD, *COUNTERFACTUAL)


def never_updated():
    tensors = {
        key: torch.zeros_like(t) if key.endswith("running_mean") else t
        for key, t in example_checkpoint().tensors.items()
    }
    tensors = {
        key: torch.ones_like(t) if key.endswith("running_var") else t for key, t in tensors.items()
    }
    case = with_tensors(tensors)
    return replace(case, settings=with_settings(mode="train", **UNIT).settings)


CASES = {
    "three faults": lambda: with_settings(mode="train", palette="gray", **UNIT),
    "a palette and a truth": lambda: with_truth(
        np.array((1, 2, 3, 4, 5, 6))[true_ids()],
        with_settings(palette="custom", custom=("#000000", "#ff0000"), **UNIT),
    ),
    "statistics and mode": never_updated,
    "an output of one's own": lambda: replace(
        with_settings(color="bgr"), saved=written(true_ids().astype(np.uint8))
    ),
    "no batch norm": lambda: case_of(
        BY_NAME["mean and std twice"].seed(material(ZOO["plain_symmetric"], 1_003, truth=False))
    ),
    "healthy": healthy,
}


def shuffled(phases, order):
    return tuple(replace(phase, checks=tuple(order(list(phase.checks)))) for phase in phases)


def questions(order):
    parts = (getattr(Questions(), part.name) for part in fields(Questions))
    return Questions(*(shuffled(phases, order) for phases in parts))


def backwards(checks):
    return checks[::-1]


def at_random(checks):
    return random.Random(7).sample(checks, len(checks))


@cache
def in_order(name):
    """The case, and what is found when the checks are asked in their own order."""
    case = CASES[name]()
    return case, diagnose(case)


@pytest.mark.parametrize("order", [backwards, at_random])
@pytest.mark.parametrize("name", CASES)
def test_checks_of_a_phase_find_the_same_in_any_order(name, order):
    case, expected = in_order(name)
    found = diagnose(case, questions=questions(order))

    assert found.to_dict() == expected.to_dict()
    assert found.tried == expected.tried


def test_every_check_is_asked_in_one_phase_but_for_the_palette_of_the_mended_mask():
    asked = [check.__name__ for phase in EVERY for check in phase.checks]

    assert [name for name in asked if asked.count(name) > 1] == ["palette_seen"] * 2


def test_every_cause_has_its_place_among_those_of_one_phase():
    assert sorted(ORDER) == sorted(CAUSES)


def test_statistics_that_never_saw_a_picture_are_mended_by_the_mode_that_is_a_fault_elsewhere():
    first = [Finding(cause, "likely", (), "", "", changes={"mode": mode})
             for cause, mode in (("B2", "eval"), ("B1", "train"))]  # fmt: skip
    progress = Progress().with_findings([[first[0]]]).with_findings([[first[1]]])

    assert progress.fixes == {"mode": "train"}
    found = in_order("statistics and mode")[1].findings
    assert {"B1", "B2"} <= {finding.cause for finding in found}


def test_measurements_and_progress_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        measure(healthy()).case = None
    with pytest.raises(FrozenInstanceError):
        Progress().recovered = None


def test_what_is_provisional_is_forgotten_unless_another_check_said_it_too():
    told, again = (Finding("P1", sure, (), "", "") for sure in ("likely", "certain"))
    first = Progress().with_findings([[told]], provisional=True)

    assert first.without_provisional().findings == {}
    assert first.with_findings([[again]]).without_provisional().findings == {"P1": again}
