"""The gallery: every fault as it looks, and each named when it is opened."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from examples.gallery import cases, healthy, material_of
from pages.components import diagnosing, gallery

FAULTS = {fault.name: fault for faults in cases().values() for fault in faults}
SECONDS = 60


@pytest.fixture
def page(app):
    """The gallery, all thumbnails painted."""
    diagnosing._works.clear()
    app.switch_page("pages/gallery.py").run()
    assert gallery._works().start("gallery", None, person="gallery").wait(SECONDS)
    yield app.run()
    for job in diagnosing._works()._of.values():  # torch aborts in a thread that outlives Python
        assert job.wait(SECONDS)


def pixels(look) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(look[1])))


def test_every_fault_has_a_card_with_what_a_person_sees(page):
    assert not page.exception
    names = {button.key.removeprefix("open ") for button in page.button if button.label == "Open"}
    looks = gallery._works().start("gallery", None, person="gallery").partial

    assert names == set(FAULTS)
    assert len(names) >= 45
    assert names | {"picture", "healthy"} == set(looks)
    assert (pixels(looks["healthy"]) > 0).mean() > 0.2
    assert pixels(looks["ids as gray levels"]).max() < 10
    assert pixels(looks["ids in 16 bits"]).max() == 0
    assert looks["gray for color"] == ("no mask, but a message", b"")


def test_an_opened_case_replaces_what_was_open_and_is_named(page):
    page.button(key="open ids as gray levels").click().run()
    material = material_of(FAULTS["ids as gray levels"])

    assert not page.exception
    assert page.session_state.settings == material.settings == healthy().settings
    assert page.session_state.sources.saved
    assert "mIoU" in (page.success or page.warning)[0].value
    diagnosing._works()._of[page.session_state.person].wait(SECONDS)
    named = page.switch_page("app.py").run()
    assert "Class ids saved as gray levels" in named.warning[0].value


def test_a_case_whose_network_cannot_run_is_named_by_its_message(page):
    page.button(key="open gray for color").click().run()

    assert "The number of input channels differs" in page.error[0].value
    page.switch_page("app.py").run().button(key="remedy").click().run()
    assert not page.error
