"""Numbers that stand in the file are the strongest evidence, unless something refutes them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.diagnosis import diagnose
from core.diagnosis.measure.measurements import measure
from core.diagnosis.normalization.recover import recover
from core.presets import IMAGENET_MEAN, IMAGENET_STD, PRESETS
from tests.support.cases import causes, healthy, with_settings

RIGHT = {"mean": list(IMAGENET_MEAN), "std": list(IMAGENET_STD)}
WRONG = {"mean": [0.1, 0.2, 0.3], "std": [0.05, 0.05, 0.05]}
NEAR = {"mean": [0.5, 0.45, 0.4], "std": [0.23, 0.22, 0.23]}


def stating(metadata, preset="unit", **fields):
    case = with_settings(**PRESETS[preset].changes)
    return replace(case, checkpoint=replace(case.checkpoint, metadata=metadata, **fields))


def recovered(case):
    return recover(measure(case), {})


@pytest.mark.parametrize(
    ("metadata", "where"),
    [
        ({"hyper_parameters": NEAR}, "hyper_parameters"),
        ({"args": {"data": {"norm_mean": NEAR["mean"], "norm_std": NEAR["std"]}}}, "args/data"),
    ],
)
def test_the_files_own_numbers_are_certain_and_are_the_fix(metadata, where):
    found = recovered(stating(metadata))

    assert found.certainty == "certain"
    assert found.reason.startswith(f"The file says so: {where} says mean 0.5, 0.45, 0.4 and std")
    assert found.changes["mean"] == (0.5, 0.45, 0.4)


def test_numbers_of_bytes_are_fed_to_pixels_of_bytes():
    stated = {name: [255 * value for value in values] for name, values in NEAR.items()}

    assert recovered(stating({"cfg": stated})).changes["scale"] == "1"


def test_where_they_are_fed_already_nothing_is_to_be_changed():
    found = recovered(stating({"hyper_parameters": RIGHT}, preset="imagenet"))

    assert (found.certainty, found.changes) == ("certain", {})


def test_what_batchnorm_refutes_is_not_followed_and_both_are_told():
    found = recovered(stating({"hyper_parameters": WRONG}))

    assert found.changes["mean"] == IMAGENET_MEAN
    assert "The file says otherwise: hyper_parameters says mean 0.1, 0.2, 0.3" in found.reason


@pytest.mark.parametrize(
    "metadata",
    [
        {"depth": {"mean": [2.0, 1.0], "std": [1.0, 1.0]}},  # of another number of channels
        {"a": NEAR, "b": WRONG},
        {"a": {"mean": [0.5] * 3, "std": [0.0] * 3}},
    ],
)
def test_numbers_that_cannot_be_meant_or_differ_decide_nothing(metadata):
    assert not recovered(stating(metadata)).reason.startswith("The file says so")


def test_buffers_beside_the_network_say_that_its_class_normalizes():
    buffers = {name: tuple(values) for name, values in RIGHT.items()}
    diagnosis = diagnose(stating({}, buffers=buffers))

    first = diagnosis.faults[0]
    assert (first.cause, first.certainty) == ("P1", "certain")
    assert any("feed that class pixels of 0 to 1" in piece.words for piece in first.evidence)
    assert first.changes["mean"] == IMAGENET_MEAN


def test_a_healthy_file_that_states_its_numbers_raises_no_alarm():
    assert causes(diagnose(stating({"hyper_parameters": RIGHT}, preset="imagenet"))) == []
    assert healthy().checkpoint.stated == ()
