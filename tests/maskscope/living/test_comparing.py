"""A living model beside what was deployed of it."""

import numpy as np
import pytest
import torch

import maskscope
from benchmarks.deployed.exports import RIGHT, WRONG, Recipe
from core.errors import InspectionError
from core.presets import IMAGENET_MEAN, IMAGENET_STD
from tests.support.living import example_model, picture


def normalized(pixels):
    """As the example was trained."""
    mean, std = (np.array(values, np.float32) for values in (IMAGENET_MEAN, IMAGENET_STD))
    scaled = (np.asarray(pixels, np.float32) / 255 - mean) / std
    return torch.from_numpy(scaled).permute(2, 0, 1)[None]


@pytest.fixture(scope="module")
def model():
    return example_model()


def exported(write, model, path):
    recipe = Recipe(model, normalized(picture()), IMAGENET_MEAN, IMAGENET_STD)
    written = write(recipe, path)
    model.requires_grad_(True)
    return written


def test_a_faithful_export_is_the_same(model, tmp_path, monkeypatch):
    monkeypatch.delenv("ALLOW_ONNX", raising=False)  # one's own notebook needs no permission
    path = exported(RIGHT["as exported"], model, tmp_path / "model.onnx")
    found = maskscope.compare(model, path, picture(), preprocess=normalized)

    assert found.agrees
    assert str(found).startswith("Your deployed model is the same")
    assert repr(found) == str(found)


def test_the_cause_is_named_and_the_model_is_as_it_was(model, tmp_path):
    path = exported(WRONG["normalized inside"].write, model, tmp_path / "model.onnx")
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    found = maskscope.compare(
        model,
        path,
        picture(),
        settings={"mean": IMAGENET_MEAN, "std": IMAGENET_STD, "mode": "eval"},
    )

    assert [finding.cause for finding in found.findings] == ["E1"]
    assert found.parting.one.name == "backbone.0.0"
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    model.eval()


def test_outputs_of_another_runtime_are_an_array(model):
    with torch.no_grad():
        right = model(normalized(picture()))["out"].numpy()
    same = maskscope.compare(model, right, picture(), preprocess=normalized)
    ids = maskscope.compare(model, right.argmax(1), picture(), preprocess=normalized)

    assert same.agrees
    assert [finding.cause for finding in ids.findings] == ["G1"]


def test_a_file_that_is_not_there_is_a_sentence(model, tmp_path):
    with pytest.raises(InspectionError, match="cannot be read"):
        maskscope.compare(model, tmp_path / "none.onnx", picture(), preprocess=normalized)
