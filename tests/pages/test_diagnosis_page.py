"""The verdict on the dashboard and the diagnosis page: named, mended by a click, and taken back."""

from __future__ import annotations

import threading
from threading import Event

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

import examples
from core.diagnosis import CAUSES
from core.testing import paused, wait_until
from pages.components.diagnosis import background
from pages.components.pipeline import results
from pages.components.state import files, inspecting
from tests.conftest import dashboard, png, saved, upload
from tests.support.fields import field
from tests.support.networks import deeplab_mobilenet, seeded


@pytest.fixture(autouse=True)
def own_works(own_store):
    background.works.clear()


def finished(app):
    """Run the page until the diagnosis has said all."""
    for _ in range(60):
        job = background.works().job_of(app.session_state.tab.person)
        ended = job.wait(1)  # before the page is drawn: what ends afterwards is not on it
        app.run()
        if ended and background.works().job_of(app.session_state.tab.person) is job:
            return app
    raise AssertionError("the diagnosis did not end")


def verdict(app) -> str:
    return (app.success or app.warning)[0].value


def says(app) -> str:
    kinds = (app.markdown, app.caption, app.success, app.warning)
    return "\n".join(e.value for kind in kinds for e in kind).replace("\\", "")


def test_the_example_is_named_with_what_is_fed_and_what_the_training_fed(app):
    finished(app)

    assert not app.exception
    assert "Normalization is missing" in verdict(app)
    assert "0.485 0.456 0.406" in verdict(app)


def test_apply_brings_the_mask_alive_and_undo_takes_it_back(app):
    before = finished(app).session_state.tab.settings
    app.button(key="apply_first").click().run()

    assert not app.exception
    assert float(verdict(app).split("mIoU ")[1][:5]) >= 0.85
    finished(app)
    assert app.success
    assert "No problem found in these files" in verdict(app)

    app.button(key="undo_fix").click().run()
    assert app.session_state.tab.settings == before
    assert not [button for button in app.button if button.key == "undo_fix"]


def test_undo_is_for_the_fix_and_ends_with_the_next_choice(app):
    finished(app).button(key="apply_first").click().run()
    field(app.number_input, "set_mean_0").set_value(0.5).run()

    assert not [button for button in app.button if button.key == "undo_fix"]


def test_a_mask_far_from_the_truth_is_not_called_well_where_nothing_is_found(app):
    """As with the ground truth of another picture."""
    empty = files.keep_bytes(png(np.zeros((256, 256))), "empty.png").digest
    app.session_state.tab = app.session_state.tab.with_sources(truth=empty)
    app.button(key="preset_imagenet").click().run()

    assert not finished(app).success
    assert "these files do not tell why" in verdict(app)
    assert "whether the ground truth belongs to this picture" in verdict(app)


def test_undo_ends_with_the_next_preset(app):
    finished(app).button(key="apply_first").click().run()
    app.button(key="preset_unit").click().run()

    assert not [button for button in app.button if button.key == "undo_fix"]


def test_the_page_shows_evidence_effect_code_and_what_the_cause_is(app):
    finished(app).switch_page("pages/diagnosis.py").run()

    assert not app.exception
    assert "The network is fed pixels of 0 to 1" in says(app)
    assert "Pixels whose class changes when this is fixed" in says(app)
    assert "Trained with ImageNet mean/std" in says(app)
    assert any("/ std" in code.value for code in app.code)
    assert CAUSES["P1"].explanation[:30] in says(app)


def test_the_page_says_that_the_input_is_that_of_the_training_and_names_no_other(app):
    finished(app).button(key="apply_first").click().run()
    finished(app).switch_page("pages/diagnosis.py").run()

    assert "The network is fed as in its training" in says(app)
    assert "Trained with" not in says(app)


def test_the_page_shows_the_mask_before_and_after_the_fix_and_runs_the_network_no_more(app):
    finished(app)
    before = inspecting.engine().forwards
    app.switch_page("pages/diagnosis.py").run()
    shown = [element.value for element in app.caption]

    assert not app.exception
    assert any(words.startswith("now: mIoU 0.1") for words in shown)
    assert any(words.startswith("fixed: mIoU 0.9") for words in shown)
    assert inspecting.engine().forwards == before


@pytest.mark.parametrize("cause", CAUSES)
def test_every_cause_is_explained(cause):
    assert len(CAUSES[cause].explanation) > 100


def test_what_could_not_be_computed_is_shown_with_its_reason():
    def page():
        from core.diagnosis import Diagnosis
        from core.diagnosis.measure.failures import Failed
        from core.settings import Settings
        from pages.components.diagnosis.findings import show_diagnosis

        failed = Failed(("8 of 8 conventions", "order"), "The network stops.")
        show_diagnosis(Diagnosis(Settings(), failed=(failed,), finished=True), None)

    shown = AppTest.from_function(page).run()

    assert not shown.exception
    assert shown.info[0].value.replace("\\", "") == (
        "Could not be computed: 8 of 8 conventions, order. The network stops."
    )


def test_a_head_that_was_never_trained_is_named_for_an_upload(app):
    torch.manual_seed(0)
    fresh = saved(seeded(deeplab_mobilenet()).state_dict())
    upload(app, "Upload a checkpoint", "fresh.pth", fresh)
    finished(app)

    assert not app.exception
    assert "never trained" in verdict(app)


def test_other_weights_of_the_same_file_are_opened_by_apply_and_closed_by_undo(app):
    good = torch.load(examples.CHECKPOINT, weights_only=True)["model"]
    torch.manual_seed(0)
    bad = {key: torch.randn_like(t) * 0.05 if t.ndim == 4 else t for key, t in good.items()}
    upload(app, "Upload a checkpoint", "last.pth", saved({"model": bad, "ema": good}))
    finished(app)
    assert "Other weights of the same file give a mask" in verdict(app)

    app.button(key="apply_first").click().run()
    assert not app.exception
    assert app.session_state.tab.sources.part == "ema"
    finished(app)
    assert "No problem found in these files" in verdict(app)

    app.button(key="undo_fix").click().run()
    assert app.session_state.tab.sources.part == ""


def test_the_users_own_black_output_is_compared(app):
    app.button(key="preset_imagenet").click().run()
    finished(app).switch_page("pages/diagnosis.py").run()
    ids = app.session_state.tab.good[0].inspection.labels.ids.astype(np.uint8)
    upload(app, "Your own output", "black.png", png(ids))
    finished(app)

    assert not app.exception
    assert "Class ids saved as gray levels" in verdict(app)
    app.button(key="drop_saved").click().run()
    assert app.session_state.tab.sources.saved == ""


def test_another_picture_forgets_the_output_of_the_one_before(app):
    app.switch_page("pages/diagnosis.py").run()
    upload(app, "Your own output", "black.png", examples.mask_of(examples.SCENES[0]).read_bytes())
    assert app.session_state.tab.sources.saved
    field(app.selectbox, "source_picture").set_value("example:scene_02").run()

    assert app.session_state.tab.sources.saved == ""


def test_who_goes_on_to_something_else_does_not_end_the_diagnosis_of_others(own_store, monkeypatch):
    inspecting.engine.clear()
    engine, rested = inspecting.engine(), Event()
    monkeypatch.setattr(background, "rest", lambda job: rested.wait(60))
    ada, bob = (dashboard(120).run() for _ in range(2))
    job = background.works().job_of(bob.session_state.tab.person)
    joined = set(job.people)
    with paused(engine):
        rested.set()
        wait_until(lambda: engine.waiting == 1)
        field(ada.selectbox, "set_rule").set_value("argmax").run()  # same logits, another diagnosis
        wait_until(lambda: engine.waiting == 2 or job.finished)

    assert joined == {ada.session_state.tab.person, bob.session_state.tab.person}
    assert job.wait(60)
    assert not job.cancelled
    assert "Normalization is missing" in verdict(bob.run())


def test_no_page_runs_a_network_beside_the_engine(app, monkeypatch):
    """The mask, the gauge, the diagnosis, and the pictures of its page; building aside."""
    called, call = [], torch.nn.Module.__call__

    def noted(module, *args, **kwargs):
        called.append(threading.current_thread().name)
        return call(module, *args, **kwargs)

    monkeypatch.setattr(torch.nn.Module, "__call__", noted)
    results._gauge.clear()
    field(app.number_input, "set_mean_0").set_value(0.3).run()
    finished(app).switch_page("pages/diagnosis.py").run()

    assert not app.exception
    assert called
    assert {name for name in called if not name.startswith("forward")} == set()
