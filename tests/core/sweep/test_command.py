"""`python -m core sweep`: what it prints, writes, and tells by its exit status."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

import examples
from core.__main__ import commands, main
from core.sweep import read_rows
from tests.support.serving import ROOT

COUNT = 4
CHECKPOINT = str(examples.CHECKPOINT)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A folder with images/ and masks/, of which the last picture is not one."""
    folder = tmp_path_factory.mktemp("set")
    for name in ("images", "masks"):
        (folder / name).mkdir()
    for scene in examples.SCENES[:COUNT]:
        for source, name in ((scene, "images"), (examples.mask_of(scene), "masks")):
            Image.open(source, formats=["PNG"]).crop((64, 64, 192, 192)).save(
                folder / name / scene.name
            )
    return folder


@pytest.fixture
def broken(pictures, tmp_path):
    """The same with a picture that is none."""
    shutil.copytree(pictures, tmp_path / "set")
    (tmp_path / "set" / "images" / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n torn")
    return tmp_path / "set"


def ran(source, out, *more):
    return main(["sweep", str(source), CHECKPOINT, "--out", str(out), *more])


def test_totals_and_the_worst_pictures_are_printed_and_rows_written(pictures, tmp_path, capsys):
    assert ran(pictures, tmp_path / "out") == 0
    told = capsys.readouterr()
    plan, rows = read_rows(tmp_path / "out" / "rows.parquet")
    lines = [line.split() for line in told.out.splitlines()]
    best = {row.picture: row.mean_iou for row in rows if row.setting == "imagenet"}
    listed = [line[0] for line in lines if line and line[0] in best]

    assert [named.name for named in plan.settings] == ["unit", "imagenet"]
    assert ["unit", str(COUNT), "0", str(COUNT)] in [line[:4] for line in lines]  # all black
    assert listed == sorted(best, key=best.__getitem__)
    assert f"Written: {tmp_path / 'out' / 'rows.csv'}" in told.out
    assert f"... {COUNT} of {COUNT} pictures, " in told.err


def test_as_json_the_totals_are_those_of_the_rows(pictures, tmp_path, capsys):
    given = ["--settings", "mine:scale=1", "--settings", "imagenet", "--json", "--keep-masks"]
    assert ran(pictures, tmp_path / "out", *given) == 0
    told = json.loads(capsys.readouterr().out)
    _, rows = read_rows(tmp_path / "out" / "rows.parquet")
    right = [row.accuracy for row in rows if row.setting == "imagenet"]

    assert list(told["settings"]) == ["mine", "imagenet"]
    assert told["settings"]["imagenet"]["accuracy"] == pytest.approx(np.mean(right))
    assert np.sum(told["settings"]["imagenet"]["confusion"]) == COUNT * 128 * 128
    assert len(list((tmp_path / "out" / "labels").glob("*/*.npz"))) == len(
        {row.labels for row in rows}
    )


def test_where_every_mask_is_black_the_status_says_so(pictures, tmp_path):
    assert ran(pictures, tmp_path / "out", "--settings", "unit") == 10


def test_what_cannot_be_computed_is_listed_and_told_by_the_status(broken, tmp_path, capsys):
    assert ran(broken, tmp_path / "out", "--settings", "imagenet") == 13
    lines = capsys.readouterr().out.splitlines()
    row = next(line for line in lines if line.startswith("torn"))

    assert row.split()[1] == "failed" and len(row.split()) > 4  # with its reason
    assert lines[lines.index(row) - 1].startswith("picture")  # it is the worst


def test_it_goes_on_only_when_it_is_asked_to(pictures, tmp_path, capsys):
    given = ["--settings", "imagenet"]
    assert ran(pictures, tmp_path / "out", *given, "--limit", "2") == 0
    assert ran(pictures, tmp_path / "out", *given) == 1
    assert "has rows already.\nAdd --resume" in capsys.readouterr().err
    assert ran(pictures, tmp_path / "out", *given, "--resume") == 0
    assert f"... 2 of {COUNT} pictures\n" in capsys.readouterr().err
    assert len(read_rows(tmp_path / "out" / "rows.parquet")[1]) == COUNT


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--settings", "nothing=1"], "cannot be used"),
        (["--settings", "unit", "--settings", "unit"], "a name of their own"),
        (["--limit", "0"], "--limit is 0"),
        (["--settings", "gone.json"], "cannot be read"),
    ],
)
def test_what_is_asked_wrongly_is_told(pictures, tmp_path, capsys, given, said):
    assert ran(pictures, tmp_path / "out", *given) == 1
    assert said in capsys.readouterr().err


def test_a_folder_that_is_not_there_is_told(tmp_path, capsys):
    assert ran(tmp_path / "nothing", tmp_path / "out") == 1
    assert "nothing" in capsys.readouterr().err


def test_the_package_offers_it_too():
    assert "sweep" in commands()


def _interrupted(started):
    """Press Ctrl-C until it ends: Python drops one that comes while an object is finalized."""
    for _ in range(10):
        started.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            return started.communicate(timeout=10)
    raise AssertionError("Ctrl-C did not end it")


def test_ctrl_c_keeps_what_is_done_and_says_how_to_go_on(pictures, tmp_path):
    many = tmp_path / "many" / "images"
    many.mkdir(parents=True)
    for number in range(1500):
        (many / f"{number}.png").hardlink_to(pictures / "images" / examples.SCENES[0].name)
    out = tmp_path / "out"
    command = [sys.executable, "-m", "core", "sweep", str(many), CHECKPOINT, "--out", str(out)]
    limited = {**os.environ, "OMP_NUM_THREADS": "1"}
    started = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, env=limited)
    until = time.monotonic() + 60
    journal = out / "journal.jsonl"
    while time.monotonic() < until and not (journal.exists() and journal.stat().st_size):
        time.sleep(0.01)
    _, told = _interrupted(started)

    assert started.returncode == 130
    assert "Stopped with" in told and "--resume goes on" in told
    assert b"\n" in journal.read_bytes()
