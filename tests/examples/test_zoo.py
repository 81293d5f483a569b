"""The zoo and the benchmark's cases are real: files run, faults seed, parts share nothing."""

import json

import numpy as np
import pytest

from benchmarks.cases import BY_NAME, disjoint, material
from core.diagnosis import CAUSES, diagnose
from examples.faults import FAULTS
from examples.materials import case_of, inspect_material
from examples.scenes import render_scene
from examples.zoo import SCORES, ZOO, available
from examples.zoo.train import HELD_OUT
from tests.support.cases import inspected

MEMBERS = available()
SCENES = 2  # of those that the recorded score is measured on
SEEDABLE = [fault for fault in FAULTS if any(map(fault.needs, MEMBERS))]
NAMES = [fault.name for fault in FAULTS]


@pytest.mark.parametrize("member", MEMBERS, ids=lambda member: member.name)
def test_a_network_is_rebuilt_from_its_file_alone_and_is_as_good_as_recorded(member):
    right = []
    for seed in range(HELD_OUT, HELD_OUT + SCENES):
        seen = inspect_material(material(member, seed, truth=False))
        truth = render_scene(seed)[1]
        right.append((seen.labels.ids == (truth > 0 if member.classes == 1 else truth)).mean())
    recorded = json.loads(SCORES.read_text())[member.name]["miou"]

    assert recorded >= 0.7
    assert np.mean(right) >= recorded - 0.1


@pytest.mark.parametrize(("name", "seed"), [("unet_custom", 1_010), ("unet_zscore", 1_014)])
def test_statistics_that_do_not_belong_together_are_named_though_the_mask_is_alive(name, seed):
    made = BY_NAME["statistics mixed up"].seed(material(ZOO[name], seed, truth=False))
    case = case_of(made)
    ids = inspected(case, case.settings).labels.ids

    assert len(np.unique(ids)) > 1
    assert diagnose(case).faults[0].cause == "B1"


@pytest.mark.parametrize("kind", ["dark", "low contrast"])
def test_a_picture_without_contrast_is_not_called_one_of_another_world(kind):
    """The network is unsure of it; a good one may be."""
    for name in ("unet_unit", "deeplab_clip"):
        case = case_of(material(ZOO[name], 1_014, kind, truth=False))

        assert diagnose(case).faults == ()


@pytest.mark.parametrize(
    "fault", [f for f in FAULTS if any(map(f.needs, MEMBERS))], ids=lambda f: f.name
)
def test_a_fault_is_seeded_into_files_that_open(fault):
    member = next(one for one in MEMBERS if fault.needs(one))
    healthy = material(member, seed=1_000, truth=True)
    seeded = fault.seed(healthy)

    assert seeded != healthy
    assert case_of(seeded).image.pixels.shape == (256, 256, 3)


def test_there_are_enough_faults_with_names_of_their_own_and_known_causes():
    assert len(set(NAMES)) == len(FAULTS) >= 35
    assert all(cause in CAUSES for fault in FAULTS for cause in fault.causes)


def test_tuning_and_held_out_parts_share_no_network_and_no_picture():
    assert disjoint()
