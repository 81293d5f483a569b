"""Why this class here: asked for a pinned pixel, computed only then, and refused in a sentence."""

from dataclasses import replace
from itertools import pairwise

import pytest

from core.errors import ForwardError
from pages.components.state import inspecting

TITLE = "Why this class here?"

pytestmark = pytest.mark.usefixtures("own_store")


def opened(app, pin=None):
    app.session_state["why"] = True
    app.session_state.tab = replace(app.session_state.tab, pin=pin)
    return app.run()


def said(app):
    parts = [*app.caption, *app.markdown, *app.info]
    return " ".join(part.value for part in parts).replace("\\", "")


def test_nothing_is_computed_while_it_is_closed(app, monkeypatch):
    monkeypatch.setattr(inspecting, "why", lambda *_, **__: pytest.fail("it was asked"))
    app.session_state.tab = replace(app.session_state.tab, pin=(10, 10))

    assert TITLE in [expander.label for expander in app.run().expander]
    assert not app.exception


def test_without_a_pinned_pixel_it_says_how_to_pin_one(app):
    assert "Click a pixel in a panel above" in said(opened(app))


def test_the_map_of_the_pinned_pixel_names_class_and_layer(app):
    text = said(opened(app, (200, 200)))

    assert not app.exception
    assert "Row 200, column 200: desk" in text
    assert "classifier.3, the last feature map before the classifier" in text
    assert [radio.options for radio in app.radio if radio.key == "why_of"] == [
        ["the pinned pixel", "all pixels of its class"]
    ]


def test_a_network_that_gives_no_gradients_is_told_in_a_sentence(app, monkeypatch):
    def refused(*_, **__):
        raise ForwardError("It gives none.", remedy="Open the checkpoint.")

    monkeypatch.setattr(inspecting, "why", refused)

    assert "It gives none. Open the checkpoint." in said(opened(app, (5, 5)))
    assert not app.exception


def test_it_is_one_forward_through_the_door_and_it_is_kept(app):
    asked_by = inspecting.engine().forwards_of
    ran = [asked_by[app.session_state.tab.person]]
    for pin in ((120, 30), (120, 30), (121, 30)):
        opened(app, pin)
        ran.append(asked_by[app.session_state.tab.person])

    assert [after - before for before, after in pairwise(ran)] == [1, 0, 1]
