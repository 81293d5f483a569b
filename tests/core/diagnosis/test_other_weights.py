"""Several sets of weights in one file: where one shows nothing, another one may be the remedy."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

import examples
from core.__main__ import main
from core.architectures import build_network
from core.diagnosis import diagnose
from core.errors import CheckpointError
from core.presets import PRESETS
from tests.conftest import saved
from tests.support.cases import (
    causes,
    example_checkpoint,
    healthy,
    true_ids,
    with_settings,
    with_tensors,
    with_truth,
)

NOISE = 0.05  # std of the weights of a training that diverged


def noise():
    torch.manual_seed(0)
    return {
        key: torch.randn_like(t) * NOISE if t.is_floating_point() and "running" not in key else t
        for key, t in example_checkpoint().tensors.items()
    }


def fresh_head():
    torch.manual_seed(1)
    tensors = dict(example_checkpoint().tensors)
    old = tensors["classifier.4.weight"]
    layer = torch.nn.Conv2d(old.shape[1], old.shape[0], 1)
    tensors["classifier.4.weight"] = layer.weight.detach()
    tensors["classifier.4.bias"] = layer.bias.detach()
    return tensors


def example_of(part, tensors=None):
    """Opens the example's weights, or others, as a part of a file."""
    checkpoint = replace(example_checkpoint(), wrapper=(part,), prefix="")
    if tensors is not None:
        checkpoint = replace(checkpoint, tensors=tensors, digest=part)
    return lambda: (checkpoint, build_network(checkpoint))


def beside(case, **others):
    return replace(case, others=others)


@pytest.fixture(scope="module")
def dead():
    """Weights that paint one class whatever they are fed, fed as the example was trained."""
    return with_tensors(noise())


@pytest.mark.parametrize("preset", [examples.TRAINED_WITH, "unit"])
def test_where_these_weights_are_dead_and_others_are_not_that_is_the_finding(dead, preset):
    settings = with_settings(**PRESETS[preset].changes).settings
    diagnosis = diagnose(beside(replace(dead, settings=settings), ema=example_of("ema")))

    first = diagnosis.faults[0]
    assert (first.cause, first.certainty, first.part) == ("W9", "likely", "ema")
    assert set(causes(diagnosis)) <= {"W9", "W8"}  # that they are random is told too
    assert "['ema']" in first.code
    assert bool(first.changes) == (preset == "unit")  # then the settings are to be changed too


def test_a_ground_truth_makes_it_certain(dead):
    case = with_truth(true_ids(), beside(dead, ema=example_of("ema")))
    first = diagnose(case).faults[0]

    assert (first.cause, first.certainty) == ("W9", "certain")
    assert any("mIoU" in piece.words for piece in first.evidence)


def test_an_untrained_student_beside_a_trained_teacher_is_told_as_that():
    case = beside(with_tensors(fresh_head()), **{"state_dict/teacher": example_of("teacher")})
    first = diagnose(case).faults[0]

    assert (first.cause, first.certainty, first.part) == ("W9", "certain", "state_dict/teacher")
    assert "not trained, those under state_dict/teacher are" in first.evidence[0].words


def broken():
    raise CheckpointError("It cannot be read.", remedy="Save it again.")


@pytest.mark.parametrize("other", [broken, example_of("ema", noise())])
def test_others_that_cannot_be_opened_or_are_dead_too_are_no_remedy(dead, other):
    assert "W9" not in causes(diagnose(beside(dead, ema=other)))


def test_where_the_settings_are_at_fault_the_weights_are_not_blamed():
    case = beside(with_settings(**PRESETS["unit"].changes), ema=example_of("ema"))

    assert causes(diagnose(case)) == ["P1"]


def test_a_healthy_mask_asks_for_no_other_weights():
    def never():
        raise AssertionError("it was opened")

    assert causes(diagnose(beside(healthy(), ema=never))) == []


# --- the command line -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A training file with the weights of a training that diverged, and their average."""
    path = tmp_path_factory.mktemp("several") / "last.pth"
    good = dict(example_checkpoint().tensors)
    state = {**{f"model.{k}": t for k, t in noise().items()}, "criterion.weight": torch.ones(6)}
    state |= {f"ema_model.module.{k}": t for k, t in good.items()}
    path.write_bytes(saved({"state_dict": state, "hyper_parameters": {"classes": ["a"] * 6}}))
    return str(path)


def told(capsys, file, *arguments):
    image = ["--image", str(examples.SCENES[0]), "--preset", examples.TRAINED_WITH, "--json"]
    main(["inspect", *image, "--checkpoint", file, *arguments])
    return json.loads(capsys.readouterr().out)


def test_the_command_line_says_what_was_opened_what_else_there_is_and_what_is_left_over(
    file, capsys
):
    answer = told(capsys, file)

    assert answer["findings"][0]["cause"] == "W9"
    assert answer["findings"][0]["part"] == "state_dict/ema_model"
    about = answer["checkpoint"]
    assert (about["part"], about["prefix"]) == ("state_dict/model", "model.")
    assert [part["path"] for part in about["parts"]] == ["state_dict/model", "state_dict/ema_model"]
    assert about["left_over"] == {"criterion.weight": "tensor (6,) of float32"}


def test_another_part_is_chosen_by_its_name(file, capsys):
    answer = told(capsys, file, "--part", "state_dict/ema_model")

    assert answer["findings"] == []
    assert answer["checkpoint"]["prefix"] == "ema_model.module."
