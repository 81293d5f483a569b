"""A team that signs in: guests come in, others are told, and every route asks."""

from __future__ import annotations

import http.cookiejar
import json
import re
import time
import urllib.request
from dataclasses import dataclass
from urllib.error import HTTPError

import pytest
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value
from websockets.exceptions import InvalidStatus

from serving.addresses import is_own
from serving.by_login import LoginError, is_guest, login_door, signed_in
from tests.serving.test_serve import RUN, ask, bearer, first_message
from tests.support.provider import CLIENT, SECRET, provide
from tests.support.serving import free_port, serve_team

TOKEN = "a token for programs 7f3c"
ANN = {"sub": "1", "email": "Ann@Example.org", "email_verified": True}
SECRETS = """
[auth]
redirect_uri = "http://localhost:{port}/oauth2callback"
cookie_secret = "a secret that signs the cookies of this test"
client_id = "{client}"
client_secret = "{secret}"
server_metadata_url = "{issuer}/.well-known/openid-configuration"
"""


@dataclass
class Team:
    address: str
    provider: object
    log: object


@pytest.fixture(scope="module")
def team(tmp_path_factory):
    """A server below no sub-path, whose people are those of example.org."""
    home, port = tmp_path_factory.mktemp("team"), free_port()
    with provide() as provider:
        (home / ".streamlit").mkdir()
        (home / ".streamlit" / "secrets.toml").write_text(
            SECRETS.format(port=port, client=CLIENT, secret=SECRET, issuer=provider.issuer)
        )
        given = {"HOME": str(home), "MASKSCOPE_TOKEN": TOKEN, "MASKSCOPE_GUESTS": "@example.org"}
        with serve_team(home, port=port, **given) as address:
            yield Team(address, provider, home / "server.log")


class Browser:
    """Cookies and redirects, as a browser has them."""

    def __init__(self, address):
        self.address, self.jar = address, http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar))

    def get(self, path):
        """Status, address where it ended, text."""
        request = urllib.request.Request(self.address + path, headers={"Accept": "text/html"})
        try:
            answer = self._opener.open(request, timeout=20)
        except HTTPError as refused:
            answer = refused
        return answer.status, answer.url.removeprefix(self.address), answer.read().decode()

    def sign_in(self):
        return self.get("/sign-in?provider=default")

    def cookies(self):
        return {cookie.name: cookie for cookie in self.jar}

    def header(self):
        return {"Cookie": "; ".join(f"{c.name}={c.value}" for c in self.jar)}


@pytest.fixture
def browser(team):
    return Browser(team.address)


ROUTES = ("/", "/compare", "/metrics", "/healthz/details", "/_stcore/health", "/static/js/x.js")


def test_a_guest_comes_to_where_they_wanted_to_go(team, browser):
    team.provider.person = ANN
    status, _, page = browser.get(f"/compare?run={RUN}")

    assert status == 401
    assert 'href="/sign-in?provider=default"' in page
    assert browser.sign_in()[:2] == (200, f"/compare?run={RUN}")
    assert "maskscope_return" not in browser.cookies()
    assert browser.get("/")[:2] == (200, "/")


def test_a_guest_has_every_route_and_the_websocket(team, browser):
    team.provider.person = ANN
    browser.sign_in()

    for route in ROUTES:
        assert ask(team.address + route, **browser.header()).status == 200
    message = first_message(team.address, additional_headers=browser.header())
    assert message.WhichOneof("type") in ("new_session", "session_status_changed")


@pytest.mark.parametrize("route", ROUTES)
def test_nobody_else_has_any_route(team, route):
    assert ask(team.address + route).status == 401
    assert ask(team.address + route, Cookie="_streamlit_user=forged").status == 401


def test_nobody_else_has_the_websocket(team):
    with pytest.raises(InvalidStatus):
        first_message(team.address)


@pytest.mark.parametrize(
    "person",
    [
        {"sub": "2", "email": "eve@elsewhere.example", "email_verified": True},
        {"sub": "3", "email": "eve@example.org", "email_verified": False},
        {"sub": "4", "email": "eve@example.org"},
    ],
)
def test_who_signs_in_and_is_no_guest_stays_outside(team, browser, person):
    team.provider.person = person
    status, _, page = browser.sign_in()

    assert status == 403
    assert "not among those" in page
    assert "Sign in as somebody else" in page
    assert ask(f"{team.address}/metrics", **browser.header()).status == 403
    with pytest.raises(InvalidStatus):
        first_message(team.address, additional_headers=browser.header())


def test_a_name_with_markup_is_shown_as_text(team, browser):
    team.provider.person = {"sub": "5", "email": "<script>alert(1)</script>@elsewhere.example"}

    assert "&lt;script&gt;alert" in browser.sign_in()[2]


def test_who_signs_out_is_outside(team, browser):
    team.provider.person = ANN
    browser.sign_in()
    browser.get("/auth/logout")

    assert browser.get("/")[0] == 401


def test_the_token_is_for_programs_alone(team):
    assert ask(f"{team.address}/metrics", **bearer(TOKEN)).status == 200
    assert ask(f"{team.address}/metrics", **bearer(TOKEN[:-1])).status == 403
    assert ask(f"{team.address}/metrics?token={TOKEN.replace(' ', '+')}").status == 401


def test_an_unknown_provider_leads_to_the_choice(browser):
    assert browser.get("/sign-in?provider=none")[:2] == (401, "/")


def test_the_log_holds_nothing_of_the_login(team, browser):
    team.provider.person = ANN
    browser.sign_in()
    text = team.log.read_text()

    assert "GET /oauth2callback 302" in text
    assert not re.search(r"(code|state|provider)=[^\[]", text)
    assert TOKEN not in text


@pytest.mark.parametrize(
    ("guests", "person", "comes_in"),
    [
        ("ann@example.org", ANN, True),
        ("@example.org", ANN, True),
        ("@example.org", ANN | {"email": "x@evil-example.org"}, False),
        ("@example.org", ANN | {"email": "example.org"}, False),
        ("@example.org", ANN | {"email": "ann@example.org@evil.example"}, False),
        ("@example.org", ANN | {"email_verified": False}, False),
        ("default:1", {"sub": "1", "provider": "default"}, True),
        ("google:1", {"sub": "1", "provider": "default"}, False),
        ("default:aB", {"sub": "ab", "provider": "default"}, False),
        ("*", {"sub": "9"}, True),
        ("@", ANN | {"email": ""}, False),
    ],
)
def test_the_list_of_guests(guests, person, comes_in):
    assert is_guest((guests,), person) is comes_in


@pytest.mark.parametrize(
    ("address", "own"),
    [
        ("/b/compare?run=1", True),
        ("/b", False),
        ("/bc/", False),
        ("//elsewhere.example/b/", False),
        ("/\\elsewhere.example", False),
        ("https://elsewhere.example/b/", False),
        ("/b/\r\nSet-Cookie: x=1", False),
    ],
)
def test_only_addresses_of_this_server_are_returned_to(address, own):
    assert is_own(address, "/b") is own


def test_logins_start_only_with_guests_and_a_long_secret(monkeypatch):
    section = {
        **{"redirect_uri": "http://localhost/oauth2callback", "cookie_secret": "x" * 32},
        **{"client_id": "c", "client_secret": "s", "server_metadata_url": "http://localhost/m"},
    }
    monkeypatch.setattr("serving.by_login.get_secrets_auth_section", lambda: section)
    monkeypatch.setattr("serving.by_login.validate_auth_credentials", lambda provider: None)

    with pytest.raises(LoginError, match="MASKSCOPE_GUESTS"):
        login_door("", "", " , ")
    door = login_door("", "", "Ann@b.c, default:aB")
    assert (door.providers, door.guests) == (("default",), ("ann@b.c", "default:aB"))
    section["cookie_secret"] = "x" * 31
    with pytest.raises(LoginError, match="cookie_secret"):
        login_door("", "", "ann@b.c")


@pytest.mark.parametrize(("hours", "known"), [(23, True), (25, False)])
def test_a_login_is_good_for_a_day(monkeypatch, hours, known):
    person = {"is_logged_in": True, "origin": "http://localhost", "sub": "1"}
    monkeypatch.setattr("serving.by_login.get_cookie_secret", lambda: "secret")
    monkeypatch.setattr("serving.by_login.get_origin_from_redirect_uri", lambda: "http://localhost")
    cookie = create_signed_value("secret", "_streamlit_user", json.dumps(person)).decode()
    later = time.time() + hours * 3600
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: later)

    assert bool(signed_in({"_streamlit_user": cookie})) is known
