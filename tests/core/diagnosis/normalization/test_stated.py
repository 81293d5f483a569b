"""Numbers that stand in the file are the strongest evidence, unless something refutes them."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest

from core.architectures import build_network
from core.diagnosis import Case, diagnose
from core.diagnosis.measure.measurements import measure
from core.diagnosis.normalization.recover import recover
from core.image import decode_image
from core.presets import IMAGENET_MEAN, IMAGENET_STD, PRESETS
from core.settings import Settings, change
from tests.core.architectures.test_families import checkpoint_of
from tests.support import nnunet
from tests.support.cases import causes, healthy, with_settings
from tests.support.scripts import scene

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


def of_nnunet(scheme, **changes):
    """A gray picture and a network without BatchNorm, whose plans name a scheme."""
    network = nnunet.network()
    told = nnunet.saved(network.state_dict(), nnunet.plans(scheme=scheme))
    content = replace(checkpoint_of(dict(network.state_dict())), metadata={
        key: told[key] for key in ("init_args", "trainer_name")
    })  # fmt: skip
    settings = change(Settings(), color="gray", resize="fixed", height=64, width=96, **changes)
    return Case(decode_image(scene()), content, build_network(content), settings)


def test_the_scheme_of_nnunets_plans_is_certain():
    found = recovered(of_nnunet("ZScoreNormalization"))

    assert found.certainty == "certain"
    assert "says z-score of each picture" in found.reason
    assert found.changes["zscore"] and "mean" in found.changes


def test_a_scheme_that_is_fed_already_leaves_nothing_to_change():
    found = recovered(of_nnunet("ZScoreNormalization", zscore=True))

    assert (found.certainty, found.changes) == ("certain", {})


def test_numbers_of_computed_tomography_are_those_of_a_file_that_has_them():
    shown = of_nnunet("CTNormalization")
    units = np.linspace(-900, 300, 64 * 96, dtype=np.int16).reshape(64, 96)
    whole = replace(shown, image=decode_image(npy(units)))

    assert "mean" not in recovered(shown).changes
    found = recovered(whole)
    assert found.certainty == "certain"
    assert (found.changes["depth"], found.changes["scale"]) == ("file", "1")
    assert (found.changes["mean"][0], found.changes["std"][0]) == (50, 25)


def npy(values):
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()
