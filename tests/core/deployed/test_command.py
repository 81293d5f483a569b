"""`python -m core compare`: what it prints, and how it ends."""

import json

import numpy as np
import pytest

import examples
from core.__main__ import main
from core.deployed.opening import open_program
from core.image import decode_image
from core.preprocess import preprocess
from core.presets import apply_preset
from core.settings import Settings

PICTURE = examples.SCENES[0]


@pytest.fixture
def logits():
    how = apply_preset(Settings(), "imagenet").preprocessing
    tensor = preprocess(decode_image(PICTURE.read_bytes()), how).tensor
    return open_program(examples.CHECKPOINT).give(tensor.numpy()).outputs[0].values


def compared(path, *more):
    files = (str(examples.CHECKPOINT), str(path), "--image", str(PICTURE))
    return main(["compare", *files, "--preset", "imagenet", *more])


def test_the_same_ends_with_0(logits, tmp_path, capsys):
    np.save(tmp_path / "logits.npy", logits)

    assert compared(tmp_path / "logits.npy") == 0
    assert capsys.readouterr().out.startswith("Your deployed model is the same")


def test_a_certain_cause_ends_with_10_and_says_what_to_do(logits, tmp_path, capsys):
    np.save(tmp_path / "ids.npy", logits.argmax(1))

    assert compared(tmp_path / "ids.npy") == 10
    assert "[G1]" in (said := capsys.readouterr().out)
    assert "What to do: Take the output as the label map." in said


def test_a_difference_without_a_cause_ends_with_13(logits, tmp_path, capsys):
    np.save(tmp_path / "logits.npy", logits[:, ::-1])

    assert compared(tmp_path / "logits.npy", "--json") == 13
    assert json.loads(capsys.readouterr().out)["findings"] == []


def test_a_name_cannot_move_the_cursor(logits, tmp_path, capsys):
    path = tmp_path / "logits\x1b[2J.npy"
    np.save(path, logits.argmax(1))
    compared(path)

    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["missing.onnx", "."])
def test_what_cannot_be_read_ends_with_1(name, tmp_path, capsys):
    assert compared(tmp_path / name) == 1
    assert capsys.readouterr().err.count("\n") >= 2
