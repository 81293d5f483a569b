"""What is too large is told with the size that fits, and a button that takes it."""

from __future__ import annotations

import pytest

from core import cost
from tests.conftest import dashboard

pytestmark = pytest.mark.usefixtures("own_store")


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
