"""The order of the channels, where a ground truth decides and where the network itself has to."""

from dataclasses import replace

import pytest

from benchmarks.cases import BY_NAME, material
from core.diagnosis import diagnose
from core.diagnosis.measure.measurements import measure
from examples.materials import Material, case_of
from examples.zoo import ZOO

SWAPPED = "red and blue swapped"


def made(name: str, seed: int, kind: str = "scene", *faults: str, truth: bool = True) -> Material:
    """Files of a network of the zoo on a picture of the tune part, with these faults."""
    files = material(ZOO[name], seed, kind, truth=truth)
    for fault in faults:
        files = BY_NAME[fault].seed(files)
    return files


def test_a_swap_that_gives_one_class_for_another_is_told_though_the_mask_tells_the_shapes():
    """The mask tells as much of the truth as the right one, but red things have the ids of blue."""
    case = case_of(made("plain_symmetric", 1_007, "scene", SWAPPED))
    first = diagnose(case).faults[0]

    assert measure(case).truth.matches({})
    assert (first.cause, first.certainty) == ("P6", "certain")
    assert first.changes == {"color": "rgb"}
    assert first.evidence[0].words.endswith("0.36 as BGR, 0.74 as RGB.")


def test_a_swap_that_spoils_little_of_a_good_mask_is_told():
    """An mIoU of 0.94, and 0.98 in the right order: a third of what was missed is left."""
    case = case_of(made("mask_imagenet", 1_003, "scene", SWAPPED))

    assert [finding.cause for finding in diagnose(case).faults] == ["P6"]


@pytest.mark.parametrize(("name", "seed"), [("unet_unit", 1_022), ("deeplab_clip", 1_021)])
def test_a_ground_truth_tells_the_order_of_a_flat_picture(name, seed):
    case = case_of(made(name, seed, "low contrast", SWAPPED))

    assert measure(case).picture.is_flat
    assert [finding.cause for finding in diagnose(case).faults] == ["P6"]


def test_ids_that_are_renamed_in_the_truth_are_no_swapped_channels():
    case = case_of(made("unet_unit", 1_007, "scene", "truth with exchanged ids"))

    assert [finding.cause for finding in diagnose(case).faults] == ["T3"]


@pytest.mark.parametrize("kind", ["scene", "dark", "low contrast"])
def test_a_right_order_stays_right_where_the_mask_is_poor(kind):
    """On a dark or pale picture the mIoU is low in both orders."""
    told = diagnose(case_of(made("plain_symmetric", 1_027, kind)))

    assert "P6" not in {finding.cause for finding in told.findings}


def test_a_swap_that_is_mended_leaves_a_calm_case():
    files = made("plain_symmetric", 1_007, "scene", SWAPPED)
    color = diagnose(case_of(files)).faults[0].changes["color"]
    fed = replace(files.settings, preprocessing=replace(files.settings.preprocessing, color=color))

    assert diagnose(case_of(replace(files, settings=fed))).faults == ()


@pytest.mark.parametrize(("name", "seed"), [("unet_unit", 1_009), ("unet_custom", 1_009)])
def test_a_mask_that_other_views_leave_as_it_is_speaks_for_its_order(name, seed):
    """The network is not sure (0.87 and 0.9), and what it says stays when the light changes."""
    case = case_of(made(name, seed, "scene", SWAPPED, truth=False))
    told, measured = diagnose(case), measure(case)
    (swapped,) = (finding.changes for finding in told.faults)

    assert [finding.cause for finding in told.faults] == ["P6"]
    assert measured.mask.changed_by_views(swapped) < measured.mask.changed_by_views({})
