"""Crafted files by the door of an upload: a sentence or weights, soon, and little memory."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
import torch

import core.checkpoint
from core.checkpoint import Checkpoint, read_checkpoint
from core.errors import CheckpointError
from tests.support.crafted import LAVISH, SHARED, UNWRITABLE
from tests.support.hostile import saved

SECONDS, GROWTH, KEPT = 10, 64 * 2**20, 16 * 2**20


def resident() -> int:
    """Bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.fixture
def upload(tmp_path):
    """Read as the app reads an upload: by a process of its own, kept in a folder."""

    def read(content: bytes, digest: str = "") -> Checkpoint:
        path = tmp_path / "blob"
        path.write_bytes(content)
        digest = digest or hashlib.sha256(content).hexdigest()
        return read_checkpoint(path, name="x.pth", digest=digest, folder=tmp_path / "kept")

    return read


def told(upload, content: bytes) -> str:
    """The sentence of a refusal; "opens" where there is none."""
    try:
        upload(content)
    except CheckpointError as error:
        assert error.message.endswith(".")
        assert len(error.remedy) > 20
        return error.message
    return "opens"


CRAFTED = UNWRITABLE | LAVISH | SHARED


def seconds() -> float:
    """Time that this process and those it started have computed; a busy machine adds none."""
    return sum(os.times()[:4])


@pytest.mark.parametrize("name", CRAFTED)
def test_a_crafted_file_gets_its_sentence_soon_and_in_little_memory(name, upload, tmp_path):
    content, sentence = CRAFTED[name]()
    before, began = resident(), seconds()

    said = told(upload, content)

    assert any(part in said for part in sentence.split("|")), said
    assert seconds() - began < SECONDS
    assert resident() - before < GROWTH
    assert sum(file.stat().st_size for file in (tmp_path / "kept").iterdir()) < KEPT


def test_half_a_character_is_shown_as_one_that_cannot_be_read(upload):
    checkpoint = upload(UNWRITABLE["half a character in a name"]()[0])

    assert list(checkpoint.tensors) == ["\ufffdk"]


def test_no_text_beside_the_weights_holds_half_a_character(upload):
    checkpoint = upload(UNWRITABLE["half a character beside the weights"]()[0])

    assert checkpoint.metadata == {"note": "\ufffdk"}


def test_what_is_cut_beside_the_weights_is_told(upload):
    notes = upload(LAVISH["one text of a million letters 2,000 times"]()[0]).notes

    assert any("first 4 MiB" in note for note in notes)
    assert any("up to 20,000 characters" in note for note in notes)


@pytest.mark.parametrize("part", ["gone", "a\0b", "\ud800", "x" * 200_000])
def test_a_part_that_is_not_there_is_told_whatever_it_is_called(upload, tmp_path, part):
    upload(saved({"model": {"w": torch.ones(4)}}))

    with pytest.raises(CheckpointError, match="no weights under"):
        read_checkpoint(tmp_path / "blob", name="x", digest="d", choice=part)


# --- what was kept before -------------------------------------------------------------------------


def kept(tmp_path, suffix: str) -> Path:
    return next((tmp_path / "kept").glob(f"*{suffix}"))


@pytest.mark.parametrize("damage", [b"", b"{}", b"\x02\0\0\0\0\0\0\0{}rest"])
def test_a_kept_file_that_was_damaged_is_read_again(upload, tmp_path, damage):
    content = saved({"w": torch.ones(4)})
    upload(content)
    kept(tmp_path, ".safetensors").write_bytes(damage)

    assert torch.equal(upload(content).tensors["w"], torch.ones(4))


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"of": "another version"}'])
def test_a_kept_report_of_another_kind_is_read_again(upload, tmp_path, damage):
    content = saved({"w": torch.ones(4)})
    upload(content)
    kept(tmp_path, ".json").write_text(damage)

    assert list(upload(content).tensors) == ["w"]


def test_what_another_version_of_the_reader_kept_is_not_believed(upload, tmp_path, monkeypatch):
    content = saved({"w": torch.ones(4)})
    monkeypatch.setattr(core.checkpoint, "_reader", lambda: "before")
    upload(content)
    report = json.loads(kept(tmp_path, ".json").read_text())
    kept(tmp_path, ".json").write_text(json.dumps(report | {"keys": ["gone"]}))
    monkeypatch.undo()

    assert list(upload(content).tensors) == ["w"]
