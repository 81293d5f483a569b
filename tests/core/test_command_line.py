"""The command line says what the page says, and its exit status how sure that is."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

import examples
from core.__main__ import main
from core.colors import palette_colors
from core.export.settings_file import settings_file
from core.presets import apply_preset
from core.settings import Display, Settings, change
from tests.support.serving import ROOT

SCENE = examples.SCENES[0]
BASE = ["inspect", "--image", str(SCENE), "--checkpoint", str(examples.CHECKPOINT)]


def test_as_a_program_it_names_the_cause_and_what_to_do(tmp_path):
    command = [sys.executable, "-m", "core", *BASE, "--truth", str(examples.mask_of(SCENE))]
    command += ["--report", str(tmp_path / "report.html")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 10
    assert all(line.startswith("... ") for line in done.stderr.splitlines())  # of no library
    assert done.stdout.startswith("Normalization is missing. The network is fed pixels of 0 to 1")
    assert "[P1] Normalization is missing (certain)" in done.stdout
    assert "mean=(0.485, 0.456, 0.406)" in done.stdout
    report = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<h1>Normalization is missing. The network is fed pixels of 0 to 1" in report


def test_a_healthy_case_ends_with_zero(capsys):
    assert main([*BASE, "--preset", "imagenet"]) == 0
    assert "No problem found in these files" in capsys.readouterr().out


def test_a_mask_that_contradicts_the_truth_never_ends_with_zero(tmp_path, capsys):
    Image.fromarray(np.full((256, 256), 4, np.uint8)).save(tmp_path / "of_another_picture.png")
    arguments = [*BASE, "--preset", "imagenet", "--truth", str(tmp_path / "of_another_picture.png")]

    assert main(arguments) == 13
    told = capsys.readouterr().out
    assert "these files do not tell why" in told
    assert "What would decide: whether the ground truth belongs to this picture" in told


@pytest.mark.parametrize("option", ["--output", "--truth"])
def test_what_is_no_picture_is_not_passed_over(option, tmp_path, capsys):
    (tmp_path / "notes.png").write_text("no picture", encoding="utf-8")

    assert main([*BASE, option, str(tmp_path / "notes.png")]) == 1
    assert re.search("a text file|not a picture", capsys.readouterr().err)


def test_a_truth_whose_colors_fit_no_palette_is_explained_by_its_file(tmp_path, capsys):
    ids = np.array(Image.open(examples.mask_of(SCENE)))
    colors = palette_colors(Display(palette="voc"), 256)
    Image.fromarray(colors[ids]).save(tmp_path / "truth.jpg")

    main([*BASE, "--preset", "imagenet", "--truth", str(tmp_path / "truth.jpg")])
    assert "A mask saved as JPEG" in capsys.readouterr().out


def test_a_truth_of_another_size_never_ends_with_zero(tmp_path, capsys):
    Image.open(examples.mask_of(SCENE)).resize((128, 128), 0).save(tmp_path / "small.png")

    arguments = [*BASE, "--preset", "imagenet", "--truth", str(tmp_path / "small.png")]
    assert main(arguments) == 13
    assert "The ground truth was not compared" in capsys.readouterr().out


def test_a_name_cannot_command_the_terminal(tmp_path, capsys):
    save_file({"conv\x1b]0;owned\x07.weight": torch.ones(4, 3, 3, 3)}, tmp_path / "w.safetensors")
    main([*BASE[:3], "--checkpoint", str(tmp_path / "w.safetensors")])

    told = capsys.readouterr().err
    assert "conv\ufffd]0;owned\ufffd.weight" in told


def test_a_folder_is_told_from_a_wrong_name(tmp_path, capsys):
    assert main(["inspect", "--image", str(SCENE), "--checkpoint", str(tmp_path)]) == 1
    assert f"{tmp_path} is a folder.\nName a file; of a checkpoint in a" in capsys.readouterr().err


def test_settings_come_from_a_file_and_leave_as_a_script(tmp_path, capsys):
    chosen = change(apply_preset(Settings(), "imagenet"), palette="voc")
    (tmp_path / "settings.json").write_text(settings_file(chosen), encoding="utf-8")
    arguments = ["--settings", str(tmp_path / "settings.json")]
    arguments += ["--script", str(tmp_path / "inference.py")]

    assert main([*BASE, *arguments, "--labels", str(tmp_path / "labels.png")]) == 0
    assert "STD = np.array([0.229, 0.224, 0.225])" in (tmp_path / "inference.py").read_text()
    picture = Image.open(tmp_path / "labels.png")
    assert picture.mode == "P"
    assert picture.getpalette()[3:6] == [128, 0, 0]


def test_json_holds_the_same_and_its_evidence_as_numbers(capsys):
    assert main([*BASE, "--json"]) == 10
    told = json.loads(capsys.readouterr().out)
    assert told["checkpoint"]["asks_to_call"] == []

    first = told["findings"][0]
    assert (first["cause"], first["certainty"]) == ("P1", "certain")
    assert first["changes"]["mean"] == [0.485, 0.456, 0.406]
    assert told["begins"]["stage"] == "labels"
    assert any(isinstance(piece["number"], float) for piece in first["evidence"])


def test_settings_of_the_address_win_over_the_preset(capsys):
    plain = "mean=0,0,0&std=1,1,1"

    assert main([*BASE, "--preset", "imagenet", "--settings", plain]) == 10
    assert "Normalization is missing" in capsys.readouterr().out


def test_the_users_own_output_is_compared(tmp_path, capsys):
    ids = np.array(Image.open(examples.mask_of(SCENE)))
    Image.fromarray(ids.astype(np.uint8)).save(tmp_path / "mine.jpg", quality=60)
    status = main([*BASE, "--preset", "imagenet", "--output", str(tmp_path / "mine.jpg")])

    assert status in (10, 11, 12)
    assert "[D6]" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--image", "gone.png"], "gone.png cannot be read"),
        (["--checkpoint", str(SCENE)], "This is a PNG picture, not a checkpoint"),
        (["--settings", "mean=soft"], "These settings cannot be used: mean=soft."),
        (["--settings", "gone.json"], "gone.json cannot be read"),
        (["--preset", "imagenet", "--labels", "no/where.png"], "no/where.png cannot be written"),
        (["--settings", "opacity=1"], "These settings cannot be used: opacity=1."),
    ],
)
def test_what_cannot_be_used_gets_a_sentence_and_status_one(arguments, says, capsys):
    assert main([*BASE, *arguments]) == 1
    told = capsys.readouterr().err
    assert says in told
    assert len(told.strip().splitlines()) >= 2
