"""A page that waits for forwards of others says how many, and does not wait forever."""

from __future__ import annotations

import pytest

from core.engine import Lane
from core.testing import in_background, paused, wait_until
from pages.components.state import inspecting

pytestmark = pytest.mark.usefixtures("own_store")


def test_a_page_that_waits_too_long_says_why_and_can_be_asked_again(app, monkeypatch):
    engine = inspecting.engine()
    monkeypatch.setattr(inspecting, "PATIENCE_SECONDS", 0.3)
    with paused(engine):
        app.session_state.tab = app.session_state.tab.with_changes(mean=(0.11, 0.12, 0.13))
        app.run()
        said = app.error[0].value
    app.button(key="again").click().run()

    assert "This server is busy" in said
    assert "1 forward of others is before yours" in said
    assert not app.error
    assert not app.exception


def test_what_it_waits_for_is_said_meanwhile(app, monkeypatch):
    engine, said = inspecting.engine(), []
    monkeypatch.setattr(inspecting, "QUIET_SECONDS", 0.0)

    class Slot:
        empty = staticmethod(lambda: None)
        caption = staticmethod(said.append)

    with paused(engine):
        other = in_background(lambda: engine.run("", lambda: 1, person="other", lane=Lane.DRAG))
        wait_until(lambda: engine.place("other").others == 1)  # idle work may wait as well
        door = inspecting.door_of("me", Slot)
        mine = in_background(lambda: door("", lambda: 1))
        wait_until(lambda: bool(said))
    other.join()
    mine.join()

    assert said[0].startswith("2 forwards of others are before yours")
