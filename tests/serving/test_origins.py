"""A websocket is opened by a page of the same scheme, host and port, or by a program."""

from __future__ import annotations

import pytest
from starlette.requests import HTTPConnection

from serving.origins import allowed_origins, is_own

HOST = "localhost:8501"


def asked_from(*origins, host=HOST, scheme="ws", others=""):
    headers = [(b"host", host.encode()), *((b"origin", one.encode()) for one in origins)]
    connection = HTTPConnection({"type": "websocket", "scheme": scheme, "headers": headers})
    return is_own(connection, allowed_origins({"MASKSCOPE_ORIGINS": others}))


def test_a_page_of_the_server_and_a_program_may():
    assert asked_from("http://localhost:8501")
    assert asked_from()
    assert asked_from("https://maskscope.example", host="maskscope.example", scheme="wss")
    assert asked_from("https://maskscope.example:443", host="maskscope.example", scheme="wss")


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost:3000",  # another port of this host: the cookie goes there too
        "http://localhost",
        "https://localhost:8501",
        "http://127.0.0.1:8501",
        "http://localhost:8501.evil.example",
        "http://evil.example",
        "null",
        "",
        "http://[",
        "http://localhost:99999",
    ],
)
def test_another_page_may_not(origin):
    assert not asked_from(origin)


def test_two_origins_are_none():
    assert not asked_from("http://localhost:8501", "http://localhost:8501")


def test_a_proxy_that_changes_the_host_is_named_by_the_one_who_runs_it():
    outside = "https://tools.example"

    assert not asked_from(outside, host="app:8501")
    assert asked_from(outside, host="app:8501", others=f"https://a.example {outside}/")
    assert not asked_from("null", host="app:8501", others="null nonsense")
