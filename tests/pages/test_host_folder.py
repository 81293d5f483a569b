"""A checkpoint in the host's folder that is replaced or deleted while it is looked at."""

from __future__ import annotations

import os

import pytest
import torch

import examples
from core.store import list_runs
from pages.components.runs import share_dialog
from pages.components.state import files
from tests.conftest import dashboard

SECONDS = 120  # of the first run, which imports torch
IMAGENET = {"mean": "0.485,0.456,0.406", "std": "0.229,0.224,0.225"}


@pytest.fixture
def best(tmp_path, monkeypatch):
    folder = tmp_path / "allowed"
    folder.mkdir()
    monkeypatch.setattr(files, "ALLOWED_FOLDER", str(folder))
    path = folder / "best.pth"
    path.write_bytes(examples.CHECKPOINT.read_bytes())
    return path


@pytest.fixture
def app(own_store, best):
    app = dashboard(SECONDS)
    for name, value in {"checkpoint": "folder:best.pth", **IMAGENET}.items():
        app.query_params[name] = value
    return app.run()


def verdict(app) -> str:
    return (app.success or app.warning)[0].value.splitlines()[0]


def replace_by_zeros(path):
    content = torch.load(path, weights_only=True)
    for tensor in content["model"].values():
        tensor.zero_()
    times = path.stat()
    torch.save(content, path)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns + 1))


def test_the_result_of_a_file_that_was_replaced_is_that_of_the_new_one(app, best):
    assert "mIoU 0.9" in verdict(app)
    replace_by_zeros(best)
    app.run()

    assert not app.exception
    assert "mIoU 0.9" not in verdict(app)


def test_a_file_that_was_deleted_is_said_to_be_gone_and_the_screen_stays(app, best):
    before = verdict(app)
    best.unlink()
    app.run()

    assert not app.exception
    assert "not in the folder" in app.error[0].value
    assert before in verdict(app)


def test_a_new_file_is_never_shared_under_the_sentence_of_the_old_one(app, best, monkeypatch):
    """The dialog is a part of the page: pressing its button computes nothing anew."""
    app.button(key="share").click().run()
    check = share_dialog._check_version
    monkeypatch.setattr(
        share_dialog, "_check_version", lambda seen: (replace_by_zeros(best), check(seen))
    )
    app.button(key="share_make").click().run()

    assert not app.exception
    assert "replaced on the server" in app.error[0].value
    assert list_runs(files.store()) == []
