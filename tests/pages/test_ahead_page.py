"""At rest a page computes what may be clicked next; a click on it takes no forward of the page."""

from __future__ import annotations

import pytest

from core.presets import PRESETS
from pages.components.diagnosis import background
from pages.components.pipeline import ahead
from pages.components.state import inspecting
from tests.conftest import dashboard
from tests.support.fields import field

pytestmark = pytest.mark.usefixtures("own_store")
SECONDS = 60


@pytest.fixture
def open_tabs(monkeypatch):
    """Whether the tab is open: without a server nobody tells. The caches are empty."""
    tabs = {"open": True}
    monkeypatch.setattr(ahead, "tab_is_open", lambda: lambda: tabs["open"])
    inspecting.engine.clear()
    yield tabs
    inspecting.engine.clear()


def finished(app):
    person = app.session_state.tab.person
    assert background.works().job_of(person).wait(SECONDS)
    job = ahead.works().job_of(person)
    assert job.wait(SECONDS)
    return job


def test_a_preset_is_clicked_without_a_forward(open_tabs):
    app = dashboard().run()
    done = finished(app).partial
    of_the_page = inspecting.engine().forwards_of[app.session_state.tab.person]
    for name in PRESETS:
        field(app.selectbox, "preset_choice").set_value(name).run()
        assert not app.exception

    assert done > 0  # the diagnosis has asked for the others itself
    assert inspecting.engine().forwards_of[app.session_state.tab.person] == of_the_page
    finished(app)


def test_what_the_diagnosis_advises_is_applied_without_a_forward(open_tabs):
    app = dashboard().run()
    finished(app)
    of_the_page = inspecting.engine().forwards_of[app.session_state.tab.person]
    app.run()
    app.button(key="apply_first").click().run()

    assert not app.exception
    assert inspecting.engine().forwards_of[app.session_state.tab.person] == of_the_page
    finished(app)


def test_nothing_is_computed_for_a_tab_that_was_closed(open_tabs, monkeypatch):
    monkeypatch.setattr(background, "REST_SECONDS", 0.3)
    app = dashboard().run()
    open_tabs["open"] = False
    job = ahead.works().job_of(app.session_state.tab.person)

    assert job.wait(SECONDS)
    assert job.cancelled
    assert not [who for who in inspecting.engine().forwards_of if who.startswith("ahead")]
    background.works().job_of(app.session_state.tab.person).wait(SECONDS)


def test_where_no_server_tells_of_tabs_nothing_is_computed(app):
    assert not ahead.tab_is_open()()
    assert ahead.works().job_of(app.session_state.tab.person) is None


def test_a_server_is_asked_whether_the_tab_is_open(monkeypatch):
    class Server:
        active = True

        def is_active_session(self, _):
            return self.active

    server = Server()
    monkeypatch.setattr(ahead.runtime, "exists", lambda: True)
    monkeypatch.setattr(ahead.runtime, "get_instance", lambda: server)
    monkeypatch.setattr(ahead, "get_script_run_ctx", lambda **_: type("Run", (), {"session_id": 1}))
    is_open = ahead.tab_is_open()
    before, server.active = is_open(), False

    assert (before, is_open()) == (True, False)
