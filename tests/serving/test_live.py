"""The answers beside the page: whose they are, what is asked, and what is refused."""

import json
import re

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from core import timing
from core.errors import SettingsError
from core.live import DOORS, LiveView
from serving.live import MOST_BYTES, live_route

POSITION = {"mean": [0.1, 0.2, 0.3], "std": [1, 1, 1]}


@pytest.fixture
def client(monkeypatch):
    monkeypatch.setattr(DOORS, "_path", "")
    return TestClient(Starlette(routes=[live_route("/tools")]), base_url="http://localhost:8501")


def view_that(ask):
    return LiveView(ask=ask)


def answers(position, resting, waiting):
    return json.dumps([position["mean"], position["std"], resting]).encode()


def test_a_tab_is_answered_about_what_it_shows(client):
    view = view_that(answers)
    moving = client.post(DOORS.address_of(view), json=POSITION)
    resting = client.post(DOORS.address_of(view), json={**POSITION, "resting": True})

    assert (moving.status_code, moving.json()) == (200, [[0.1, 0.2, 0.3], [1, 1, 1], False])
    assert resting.json()[2] is True


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"7",
        b'{"mean": [1]}',
        b'{"mean": 1, "std": 2}',
        b'{"mean": ["a"], "std": [1]}',
        b'{"mean": [NaN], "std": [1]}',
        b'{"mean": [1e999], "std": [1]}',
        b"\xff\xfe",
        b"[" * 4000,
    ],
)
def test_what_is_no_position_is_said_in_words(client, content):
    view = view_that(answers)
    answer = client.post(DOORS.address_of(view), content=content)

    assert answer.status_code == 422
    assert answer.json()["message"].endswith(".")


def test_a_question_of_any_length_is_not_read(client):
    view = view_that(answers)

    assert client.post(DOORS.address_of(view), content=b" " * (MOST_BYTES + 1)).status_code == 413


def test_a_tab_that_is_gone_is_not_known_any_more(client):
    view = view_that(answers)
    address = DOORS.address_of(view)
    del view

    assert client.post(address, json=POSITION).status_code == 404


def test_a_page_of_somebody_else_is_refused(client):
    view = view_that(answers)
    for origin, status in (("http://localhost:8501", 200), ("http://localhost:9999", 403)):
        answer = client.post(DOORS.address_of(view), json=POSITION, headers={"origin": origin})
        assert answer.status_code == status


def test_settings_that_cannot_be_are_said_in_words(client):
    def refuses(position, resting, waiting):
        raise SettingsError("A std of 0 divides by zero.", remedy="Choose another.")

    view = view_that(refuses)
    answer = client.post(DOORS.address_of(view), json=POSITION)

    assert (answer.status_code, answer.json()["message"]) == (422, "A std of 0 divides by zero.")


def test_an_older_question_of_the_same_tab_is_given_up(client):
    view = view_that(None)

    def asks_again(position, resting, waiting):
        view.asked += 1  # as the next question does
        waiting()
        raise AssertionError("it waits on")

    view.ask = asks_again

    assert client.post(DOORS.address_of(view), json=POSITION).status_code == 204


def test_where_no_server_answers_the_page_is_not_sent_there(monkeypatch):
    monkeypatch.setattr(DOORS, "_path", "")

    assert DOORS.address_of(view_that(answers)) == ""


def test_the_browser_is_told_how_long_the_server_took(client):
    view = view_that(answers)

    assert re.fullmatch(
        r"answer;dur=\d+\.\d",
        client.post(DOORS.address_of(view), json=POSITION).headers["server-timing"],
    )


@pytest.mark.parametrize("nonsense", [[], 7, "soon", {"paint": "soon"}, {"paint": [1]}, {"x": 1}])
def test_what_the_browser_tells_of_the_answer_before_is_noted_and_nonsense_is_not(client, nonsense):
    timing.forget()
    view = view_that(answers)
    for took in ({"send": 4, "paint": 8.5}, nonsense):
        answer = client.post(DOORS.address_of(view), json={**POSITION, "took": took})
        assert answer.status_code == 200

    told = {stage: took for stage, took in timing.stages().items() if took}
    assert told == {"send": (0.004,), "paint": (0.0085,)}
