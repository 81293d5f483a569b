"""What the browser still asks of a page that was left gets no answer."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.scriptrunner_utils.script_requests import (
    RerunData,
    ScriptRequests,
    ScriptRequestType,
)
from websockets.sync.client import connect

from pages.components.state import page_clock

SECONDS = 60  # of the first run, which imports torch
QUIET_SECONDS = 2
NEW = "mean=0.41,0.42,0.43{}"  # settings whose diagnosis nobody has asked for


def ask(socket, **request):
    message = BackMsg()
    for name, value in request.items():
        setattr(message.rerun_script, name, value)
    socket.send(message.SerializeToString())


def next_message(socket, kind, seconds=SECONDS):
    """The next message of this kind."""
    while True:
        message = ForwardMsg()
        message.ParseFromString(socket.recv(timeout=seconds))
        if message.WhichOneof("type") == kind:
            return getattr(message, kind)


def run_of(socket, page, seconds=SECONDS):
    """Wait until the server runs the page of this hash."""
    while next_message(socket, "new_session", seconds).page_script_hash != page:
        pass


@pytest.mark.browser
@pytest.mark.parametrize("begun", [True, False])
def test_the_clock_of_a_page_that_was_left_brings_nobody_back(address, begun):
    """Whether the server has begun the page of the click, or has only been told of it."""
    url = address.replace("http", "ws") + "/_stcore/stream"
    with connect(url, max_size=None, close_timeout=0.1) as socket:
        ask(socket, query_string=NEW.format(int(begun)))
        known = next_message(socket, "navigation").app_pages
        pages = {page.url_pathname: page.page_script_hash for page in known}
        clock = next_message(socket, "auto_rerun").fragment_id
        next_message(socket, "script_finished")
        ask(socket, page_script_hash=pages["compare"])
        if begun:
            run_of(socket, pages["compare"])
        ask(socket, page_script_hash=pages[""], fragment_id=clock, is_auto_rerun=True)
        if not begun:
            run_of(socket, pages["compare"], QUIET_SECONDS)

        with pytest.raises(TimeoutError):
            run_of(socket, pages[""], QUIET_SECONDS)


@pytest.mark.parametrize(("waiting", "stays"), [("compare", "compare"), ("dashboard", "dashboard")])
def test_a_script_that_asks_for_its_page_again_does_not_undo_a_click_that_waits(
    waiting, stays, monkeypatch
):
    page_clock.keep_clicks()
    monkeypatch.setattr(
        page_clock, "get_script_run_ctx", lambda **_: SimpleNamespace(page_script_hash="dashboard")
    )
    requests = ScriptRequests()
    requests._rerun_data = RerunData(page_script_hash=waiting)
    requests._state = ScriptRequestType.RERUN

    requests.request_rerun(RerunData(page_script_hash="dashboard", query_string="again"))
    taken = requests.on_scriptrunner_yield().rerun_data

    assert taken.page_script_hash == stays
    assert (taken.query_string == "again") == (waiting == "dashboard")


def test_a_script_may_lead_to_another_page(monkeypatch):
    page_clock.keep_clicks()
    monkeypatch.setattr(
        page_clock, "get_script_run_ctx", lambda **_: SimpleNamespace(page_script_hash="gallery")
    )
    requests = ScriptRequests()
    requests.request_rerun(RerunData(page_script_hash="gallery"))
    requests.request_rerun(RerunData(page_script_hash="dashboard"))

    assert requests.on_scriptrunner_yield().rerun_data.page_script_hash == "dashboard"
