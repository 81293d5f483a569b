"""An address that cannot be used as it is: what cannot is named, and its default is shown."""

from __future__ import annotations

import pytest

from core.errors import CheckpointError
from pages.components.state import files
from pages.components.state.address import from_address
from pages.components.state.sources import Sources
from tests.conftest import dashboard

SECONDS = 120  # of the first run, which imports torch
EVICTED = "0" * 64  # a digest that the store does not have
NO_NAMES = ("a\0b", "a" * 3000, "\ud800", "\n")


@pytest.mark.parametrize("name", ["picture", "checkpoint", "truth", "saved", "part", "choices"])
def test_what_is_no_name_of_a_file_is_named_and_its_default_taken(name):
    for text in NO_NAMES:
        tab = from_address({name: text})

        assert tab.sources == Sources()
        assert name in tab.complaint.message


def test_an_unknown_palette_is_named_and_the_default_taken():
    tab = from_address({"palette": "sunset"})

    assert tab.settings == from_address({}).settings
    assert "palette" in tab.complaint.message


@pytest.mark.parametrize("name", ["a" * 300, "a\0b", "\ud800", "nowhere.pth", "../../etc/passwd"])
def test_a_file_that_the_folder_cannot_have_is_refused_in_a_sentence(name, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "ALLOWED_FOLDER", str(tmp_path))
    with pytest.raises(CheckpointError, match="not in the folder"):
        files.checkpoint_file(f"folder:{name}")


@pytest.mark.usefixtures("own_store")
@pytest.mark.parametrize(
    "query",
    [
        {"truth": EVICTED},
        {"saved": EVICTED, "palette": "custom"},
        {"checkpoint": EVICTED, "picture": EVICTED},
        {"part": "nowhere"},
        {"columns": "palette:sunset~\0~mean:1,2;std:0,0,0", "run": "\0" * 300},
    ],
    ids=str,
)
def test_the_page_of_such_an_address_says_so_and_shows_the_example(query):
    app = dashboard(SECONDS)
    for name, value in query.items():
        app.query_params[name] = value
    app.run()

    assert not app.exception
    assert app.error
    assert "class 0 (desk)" in app.warning[0].value
