"""Two programs, one picture: where they part, and why. Exported, quantized and run for real."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from benchmarks.cases import scene
from benchmarks.deployed.exports import RIGHT, WRONG, Recipe, with_large_numbers
from benchmarks.deployed.exports import write as export
from core.deployed.compare import compare
from core.deployed.opening import open_program
from core.errors import InspectionError
from core.image import decode_image
from core.preprocess import preprocess
from core.settings import change
from examples.materials import picture_file
from examples.zoo import ZOO, load

MEMBER = ZOO["deeplab_clip"]
SETTINGS = change(MEMBER.settings, resize="fixed", height=128, width=128)


@pytest.fixture(autouse=True)
def allowed(monkeypatch):
    monkeypatch.setenv("ALLOW_ONNX", "1")


@cache
def checkpoint():
    return open_program(load(MEMBER.name))


@cache
def picture():
    return decode_image(picture_file(scene(1_001)[0]))


def recipe(module=None):
    how = SETTINGS.preprocessing
    x = preprocess(picture(), how).tensor
    return Recipe(module or checkpoint().network.module, x, how.mean, how.std)


def compared(write, path, one=None, module=None):
    return compare(
        picture(), one or checkpoint(), open_program(write(recipe(module), path)), SETTINGS
    )


@pytest.mark.parametrize("name", RIGHT)
def test_a_faithful_export_is_told_to_be_the_same(name, tmp_path):
    found = compared(RIGHT[name], tmp_path / "model.onnx")

    assert found.findings == ()
    assert found.agrees
    assert found.parting is None
    assert found.verdict.startswith("Your deployed model is the same")
    assert len(found.alignment.pairs) > 60


@pytest.mark.parametrize("name", sorted(set(WRONG) - {"float16 overflow"}))
def test_what_was_done_wrong_at_export_is_the_first_cause(name, tmp_path):
    found = compared(WRONG[name].write, tmp_path / "model.onnx")

    assert found.findings[0].cause == WRONG[name].cause
    assert found.findings[0].evidence[0].words in found.verdict


@pytest.mark.parametrize(
    ("name", "layer"),
    [("red and blue", "backbone.0.0"), ("corners aligned", "resize behind classifier.4")],
)
def test_the_first_layer_that_differs_is_named(name, layer, tmp_path):
    found = compared(WRONG[name].write, tmp_path / "model.onnx")

    assert found.parting.one.name == layer
    assert found.to_dict()["first_layer"]["one"] == layer


def test_numbers_beyond_float16_are_named_with_their_layer(tmp_path):
    module = with_large_numbers(checkpoint().network.module)
    one = replace(checkpoint(), network=replace(checkpoint().network, module=module))
    found = compared(RIGHT["float16"], tmp_path / "model.onnx", one, module)

    assert [finding.cause for finding in found.findings] == ["E4"]
    assert found.parting.one.name == "classifier.1"
    assert "65,504" in found.findings[0].evidence[1].words


def test_a_checkpoint_of_another_network_is_compared_by_its_weights(tmp_path):
    other = open_program(load("fcn_bgr"))
    found = compare(picture(), checkpoint(), other, SETTINGS)

    assert not found.agrees
    assert not found.verdict.startswith("Your deployed model is the same")


def test_logits_of_another_runtime_are_compared_as_numbers(tmp_path):
    path = tmp_path / "logits.npy"
    right = checkpoint().give(recipe().x.numpy()).outputs[0].values
    np.save(path, right)
    same = compare(picture(), checkpoint(), open_program(path), SETTINGS)
    np.save(path, right[:, ::-1])
    exchanged = compare(picture(), checkpoint(), open_program(path), SETTINGS)

    assert same.agrees
    assert same.alignment is None
    assert not exchanged.agrees
    assert "the cause cannot be told" in exchanged.verdict


def test_probabilities_that_were_saved_are_told(tmp_path):
    path = tmp_path / "outputs.npz"
    right = checkpoint().give(recipe().x.numpy()).outputs[0].values
    powers = np.exp(right - right.max(1, keepdims=True))
    np.savez(path, powers / powers.sum(1, keepdims=True))
    found = compare(picture(), checkpoint(), open_program(path), SETTINGS)

    assert [finding.cause for finding in found.findings] == ["G2"]


def test_a_size_that_the_graph_refuses_is_told_and_both_are_fed_at_its_own(tmp_path):
    found = compared(WRONG["input of one size"].write, tmp_path / "model.onnx")

    assert found.fed.shape[2:] == (64, 64)
    assert "64 x 64" in found.findings[0].evidence[0].words


def test_the_same_numbers_of_a_mask_alone_are_not_called_the_same(tmp_path):
    """Two networks may paint one mask: only with the same logits are they one."""
    path = tmp_path / "logits.npy"
    right = checkpoint().give(recipe().x.numpy()).outputs[0].values
    np.save(path, right * 3)
    found = compare(picture(), checkpoint(), open_program(path), SETTINGS)

    assert found.likeness.same == 1.0
    assert not found.agrees


# --- bad input ------------------------------------------------------------------------------------


def bad(name, content, folder):
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("content", [b"", b"nothing", b"\x93NUMPY\x01\x00v\x00{'descr': '|O'}"])
def test_saved_logits_that_are_none_are_a_sentence(content, tmp_path):
    with pytest.raises(InspectionError) as told:
        open_program(bad("logits.npy", content, tmp_path))

    assert "np.save" in told.value.remedy


def test_an_array_of_objects_is_not_opened(tmp_path):
    path = tmp_path / "logits.npy"
    np.save(path, np.array([{"a": 1}], object), allow_pickle=True)

    with pytest.raises(InspectionError, match="pickle"):
        open_program(path)


def test_outputs_of_other_classes_cannot_be_compared(tmp_path):
    path = tmp_path / "logits.npy"
    np.save(path, np.zeros((1, 3, 16, 16), np.float32))
    found = compare(picture(), checkpoint(), open_program(path), SETTINGS)

    assert "other classes" in found.verdict
    assert not found.agrees


class Two(torch.nn.Module):
    """A network of two pictures."""

    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 64, 3)

    def forward(self, x, y):
        return self.conv(x + y)


def test_a_graph_of_several_inputs_is_told(tmp_path):
    path, x = tmp_path / "model.onnx", torch.zeros(1, 3, 8, 8)
    torch.onnx.export(Two().eval(), (x, x), path, dynamo=False, input_names=["before", "after"])

    with pytest.raises(InspectionError, match="before") as told:
        open_program(path)
    assert "np.save" in told.value.remedy


def test_a_graph_that_stops_is_told_with_its_reason(tmp_path):
    """A reshape that fits one size alone, though the input says that any is taken."""
    path = tmp_path / "model.onnx"
    export(checkpoint().network.module, recipe().x[:, :, :96, :96], path, dynamic=True,
           before=lambda x: x.reshape(1, 3, 96, 96))  # fmt: skip
    found = compare(picture(), checkpoint(), open_program(path), SETTINGS)

    assert "could not be run: onnxruntime stops" in found.verdict
    assert not found.agrees


def test_an_onnx_graph_is_only_run_where_the_host_allows_it(tmp_path, monkeypatch):
    path = RIGHT["as exported"](recipe(), tmp_path / "model.onnx")
    monkeypatch.delenv("ALLOW_ONNX")

    with pytest.raises(InspectionError, match="may not be run"):
        open_program(path)
