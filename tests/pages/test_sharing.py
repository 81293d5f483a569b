"""Sharing without a browser: what a link opens, what a fork may do, what stays as it was."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import replace

import pytest

from core.store import add_note, list_runs, open_run
from pages.components.diagnosis import background
from pages.components.state import files
from tests.conftest import dashboard
from tests.pages.test_diagnosis_page import finished

pytestmark = pytest.mark.usefixtures("own_store")

SECONDS = 120  # of the first run, which imports torch
HTML = "<img src=x onerror=alert(1)>\n# **bold** [link](http://x.org) www.example.org"


@pytest.fixture(autouse=True)
def own_works(own_store):
    background.works.clear()


def share(app, kind="everything", note=""):
    """Press Share, choose, make the link; returns the run."""
    app.button(key="share").click().run()
    app.radio(key="share_kind").set_value(kind)
    app.text_input(key="share_author").set_value("Ann")
    app.text_area(key="share_note").set_value(note)
    app.button(key="share_make").click().run()
    assert not app.exception
    return open_run(files.store(), app.session_state.tab.shared)


def opened(run):
    """A clean profile opens the link."""
    app = dashboard(SECONDS)
    app.query_params["run"] = run.id
    return app.run()


def says(app) -> str:
    kinds = (app.text, app.markdown, app.caption, app.info, app.warning, app.error)
    return "\n".join(e.value for kind in kinds for e in kind).replace("\\", "")


def imagenet(app):
    return app.button(key="preset_imagenet").click().run()


def test_a_link_opens_the_picture_settings_pin_and_result_that_were_shared(app):
    imagenet(app)
    app.session_state.tab = replace(app.session_state.tab, pin=(100, 120))
    app.run()
    run = share(app, note="look here")
    other = opened(run)

    assert not other.exception
    assert other.session_state.tab.settings == app.session_state.tab.settings
    assert other.session_state.tab.pin == (100, 120)
    assert "the label map is the shared one, bit for bit" in says(other)
    assert "look here" in says(other)
    assert other.success[0].value.splitlines()[0] == app.success[0].value.splitlines()[0]


def test_a_run_has_no_choices_on_the_screen_until_it_is_forked(app):
    other = opened(share(app))
    at_rest = [box.label for box in other.sidebar.selectbox]
    other.button(key="fork").click().run()

    assert at_rest == []
    assert "Palette" in [box.label for box in other.sidebar.selectbox]
    assert "A copy of the shared run" in says(other)


def test_what_is_changed_in_a_fork_leaves_the_run_as_it_was(app):
    run = share(app)
    other = opened(run)
    other.button(key="fork").click().run()
    imagenet(other)
    again = opened(run)

    assert other.session_state.tab.settings != run.snapshot.settings
    assert again.session_state.tab.settings == run.snapshot.settings
    assert open_run(files.store(), run.id) == run


def test_a_fix_that_is_applied_to_a_run_makes_a_copy_and_the_way_back_leads_to_the_run(app):
    run = share(app)
    other = finished(opened(run))
    other.button(key="apply_first").click().run()
    copy = says(other)
    other.button(key="back_to_run").click().run()

    assert "A copy of the shared run" in copy
    assert "You look at the shared run" in says(other)
    assert "UTC, scene_01.png, deeplabv3_desk.pth (example)." in says(other)
    assert other.session_state.tab.settings == run.snapshot.settings


def test_without_the_weights_the_stored_results_are_shown_and_the_page_says_why_it_rests(app):
    run = share(app, "no weights", note="no weights here")
    other = opened(run)

    assert "checkpoint" not in run.files
    assert not other.exception
    for words in (
        "the sliders rest",
        "100.0 % class 0",
        "Normalization is missing",
        "no weights here",
    ):
        assert words in says(other)
    assert not other.sidebar.selectbox


@pytest.mark.parametrize("page", ["compare", "diagnosis", "checkpoint"])
def test_without_the_weights_every_page_shows_what_is_stored(app, page):
    other = opened(share(app, "no weights")).switch_page(f"pages/{page}.py").run()

    assert not other.exception
    assert "the sliders rest" in says(other)


def test_the_digest_that_opens_the_weights_is_nowhere_in_a_run_without_them(app):
    import examples

    digest = hashlib.sha256(examples.CHECKPOINT.read_bytes()).hexdigest()
    run = share(app, "no weights")

    assert (
        digest.startswith(run.snapshot.checkpoint_mark) and len(run.snapshot.checkpoint_mark) == 16
    )
    assert digest not in repr(run)
    assert digest not in files.store().digests()
    assert examples.CHECKPOINT.exists()


def test_a_fork_without_weights_says_that_the_example_stands_in(app):
    other = opened(share(app, "no weights"))
    other.button(key="fork").click().run()

    assert "the example's checkpoint stands in" in says(other)
    assert "Upload the checkpoint" in says(other)


def test_settings_only_keep_neither_picture_nor_result(app):
    imagenet(app)
    run = share(app, "settings")
    other = opened(run)

    assert (run.files, run.snapshot.result) == ({}, None)
    assert files.store().digests() == set()
    assert other.session_state.tab.settings == app.session_state.tab.settings
    assert "settings only" in says(other)


def test_a_link_to_a_run_that_is_not_there_gets_a_sentence_and_the_example():
    app = dashboard(SECONDS)
    app.query_params["run"] = "a" * 32
    app.run()

    assert not app.exception
    assert "does not have (any more)" in says(app)
    assert "class 0 (desk)" in says(app)


def test_a_full_store_says_so_in_the_dialog(app, monkeypatch):
    monkeypatch.setattr(files.store(), "max_bytes", 1000)
    app.button(key="share").click().run()
    app.button(key="share_make").click().run()

    assert not app.exception
    assert "MASKSCOPE_QUOTA_GB" in says(app)
    assert list_runs(files.store()) == []


# --- the page of all runs -------------------------------------------------------------------------


def runs_page(app):
    app.switch_page("pages/runs.py").run()
    assert not app.exception
    return app


def test_without_a_run_the_page_says_how_to_make_one(app):
    assert "press Share" in says(runs_page(app))


def test_runs_are_listed_and_searched_with_their_notes_as_text(app):
    first, second = share(app, note=HTML), share(imagenet(app), "settings")
    page = runs_page(app)
    listed = [button.key for button in page.button if button.key.startswith("open_")]
    page.text_input(key="search_runs").set_value("normalization").run()
    found = [button.key for button in page.button if button.key.startswith("open_")]

    assert listed == [f"open_{second.id}", f"open_{first.id}"]
    assert found == [f"open_{first.id}"]
    assert HTML in [text.value for text in page.text]
    assert not any("onerror" in element.value for element in (*page.markdown, *page.caption))


def test_a_run_may_have_any_id(app, monkeypatch):
    monkeypatch.setattr("secrets.token_urlsafe", lambda _: "_Zk3v__Q9XwT1uYb7RnLs0aPdE4fG6hJ")
    share(app)
    page = runs_page(app)

    assert page.button(key="open__Zk3v__Q9XwT1uYb7RnLs0aPdE4fG6hJ")


def test_two_runs_are_compared_pixel_by_pixel_and_setting_by_setting(app):
    black = share(app)
    alive = share(imagenet(app))
    page = runs_page(app)
    page.checkbox(key=f"compare_{black.id}").check()
    page.checkbox(key=f"compare_{alive.id}").check().run()
    table = page.dataframe[0].value

    assert not page.exception
    assert "of the pixels have the same class" in says(page)
    assert list(table.iloc[:, 0]) == ["mean", "std"]
    assert table.iloc[0, 1] == "0.485,0.456,0.406"


def test_a_note_is_added_on_the_page_and_an_empty_one_is_told(app):
    run = share(app, "settings")
    page = runs_page(app)
    send = next(button for button in page.button if button.label == "Add the note")
    send.click().run()
    refused = says(page)
    page.text_area(key=f"note_text_{run.id}").set_value("seen")
    next(button for button in page.button if button.label == "Add the note").click().run()

    assert "1 to 4000" in refused
    assert "seen" in says(page)


def test_a_deleted_run_is_gone_with_its_files(app):
    run = share(app)
    page = runs_page(app)
    page.button(key=f"delete_{run.id}").click().run()

    assert list_runs(files.store()) == []
    assert files.store().digests() == set()
    assert "press Share" in says(page)


def test_an_export_is_imported_and_opens_to_the_same(app):
    from pages.components.runs import run_list

    run = share(imagenet(app))
    add_note(files.store(), run.id, "Ben", "thanks")
    content = run_list.exported(run)
    page = runs_page(app)
    page.file_uploader[0].upload("run.zip", content).run()
    imported = next(r for r in list_runs(files.store()) if r.id != run.id)

    assert imported.snapshot == run.snapshot
    assert "bit for bit" in says(opened(imported))
    assert "run.json" in zipfile.ZipFile(io.BytesIO(content)).namelist()


def test_a_file_that_is_no_run_is_told_in_a_sentence(app):
    page = runs_page(app)
    page.file_uploader[0].upload("run.zip", b"no zip").run()

    assert not page.exception
    assert "cannot be read" in says(page)
