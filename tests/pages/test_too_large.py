"""What is too large is told with the size that fits, and a button that takes it."""

from __future__ import annotations

import numpy as np
import pytest

from core import cost, inspection
from pages.components.state import files, uploads
from tests.conftest import dashboard, png, upload

pytestmark = pytest.mark.usefixtures("own_store")


@pytest.fixture(autouse=True)
def afresh():
    cost.forget()
    yield
    cost.forget()


@pytest.fixture
def little_memory(monkeypatch):
    """A server on which the forward of the example's 128 x 128 pixels is too much."""
    monkeypatch.setattr(cost, "FREE_PIXELS", 0)
    monkeypatch.setenv("MASKSCOPE_FORWARD_GB", "0.004")


def test_a_forward_that_is_too_large_is_told_with_a_button_that_makes_it_fit(little_memory):
    app = dashboard().run()
    said = app.error[0].value
    app.button(key="remedy").click().run()

    assert "GiB of memory" in said
    assert "fits" in said
    assert not app.error
    assert app.session_state.tab.settings.preprocessing.resize == "fixed"


def test_a_column_of_the_comparison_has_that_button_too(app, little_memory):
    compare = app.switch_page("pages/compare.py").run()
    said = [error.value for error in compare.error]
    compare.button(key="remedy_1").click().run()

    assert any("GiB of memory" in each for each in said)
    assert compare.session_state.tab.columns[1].preprocessing.resize == "fixed"


def test_a_picture_that_is_too_large_is_opened_as_a_smaller_copy(app):
    upload(app, "Upload a picture", "large.png", png(np.zeros((9, 3_000_000), np.uint8)))
    said = app.error[0].value
    app.button(key="smaller").click().run()

    assert "16384 x 1 fits" in said.replace("\\", "")
    assert not app.exception
    assert files.picture_name(app.session_state.tab.sources.picture) == "large 16384 x 1.png"


def test_logits_that_are_too_large_at_the_pictures_size_ask_for_a_smaller_copy(app, monkeypatch):
    monkeypatch.setattr(inspection, "MAX_LOGITS_BYTES", 6 * 4 * 128 * 128)
    upload(app, "Upload a picture", "large.png", png(np.zeros((300, 300, 3))))
    app.button(key="smaller").click().run()

    assert not app.error
    assert app.session_state.tab.good[0].inspection.image.pixels.shape == (128, 128, 3)


def test_a_copy_is_small_enough_for_the_network_that_is_open_as_well(app, monkeypatch):
    monkeypatch.setattr(inspection, "MAX_LOGITS_BYTES", 6 * 4 * 512 * 512)
    upload(app, "Upload a picture", "large.png", png(np.zeros((9_000, 12_000), np.uint8)))

    assert app.button(key="smaller").label == "Open a copy of 591 x 443 pixels"


def test_a_ground_truth_that_is_too_large_does_not_offer_a_copy_of_the_picture(app):
    upload(app, "Upload a mask", "large.png", png(np.zeros((9, 3_000_000), np.uint8)))

    assert "too large" in app.error[0].value
    assert "smaller" not in {button.key for button in app.button}


@pytest.mark.parametrize("name", ["a photo", "a photo.jpg", "a photo.webp"])
def test_a_copy_is_called_as_its_picture_and_its_size(name):
    assert uploads.copy_name(name, (591, 443)) == "a photo 591 x 443.png"
