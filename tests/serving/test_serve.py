"""The app of a team: nothing without the token, everything with it, and the token nowhere else."""

from __future__ import annotations

import hmac
import http.client
import io
import json
import re
import socket
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import numpy as np
import pytest
from starlette.requests import HTTPConnection
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

import serve
from core.store import open_store
from core.version import VERSION
from serving import cookies, tokens
from serving.by_login import LoginDoor
from serving.headers import security_headers
from serving.health import Health, exposition
from serving.quiet_log import redactor
from tests.conftest import png
from tests.pages.test_browser import FIRST_PAINT_MS, READY, settle, upload
from tests.support.serving import serve_team

BASE = "/tools/maskscope"  # as behind a reverse proxy; the root is tried in test_login.py
RUN = "Zk3vQ9XwT1uYb7RnLs0aPd"  # the id of a shared run is as secret as the token
WRONG = "w" * 43


@dataclass
class Team:
    """A server, and what whoever started it knows."""

    address: str
    link: str
    log: object
    token: str = field(init=False)

    def __post_init__(self):
        self.token = self.link.partition("token=")[2]


@pytest.fixture(scope="module")
def team(tmp_path_factory):
    data = tmp_path_factory.mktemp("team")
    with serve_team(data, BASE) as address:
        yield Team(address, (data / "access-link").read_text().strip(), data / "server.log")


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


def ask(url, method="GET", body=None, **headers) -> Answer:
    """One request; redirects are not followed."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    connection.request(method, target, body, names)
    got = connection.getresponse()
    answer = Answer(got.status, {k.lower(): v for k, v in got.getheaders()}, got.read())
    connection.close()
    return answer


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def first_message(address, **options):
    """Open a websocket as the page does, ask for a run, and read what comes first."""
    url = address.replace("http", "ws") + "/_stcore/stream"
    with connect(url + options.pop("query", ""), close_timeout=0.1, **options) as socket:
        ask_for_run = BackMsg()
        ask_for_run.rerun_script.query_string = ""
        socket.send(ask_for_run.SerializeToString())
        message = ForwardMsg()
        message.ParseFromString(socket.recv(timeout=20))
        return message


# --- a visit with a real browser ------------------------------------------------------------------


@dataclass
class Visit:
    """Everything that a browser said and was told from the link to a download."""

    address: str = ""
    icon: str = ""
    requests: list = field(default_factory=list)
    sockets: list = field(default_factory=list)
    console: list = field(default_factory=list)
    cookies: dict = field(default_factory=dict)

    def of(self, part, method="GET"):
        return next(r for r in self.requests if part in r.url and r.method == method)


@pytest.fixture(scope="module")
def visit(chromium, team, tmp_path_factory):
    """Open the link, upload a picture, look into the checkpoint and download it."""
    seen, folder = Visit(), tmp_path_factory.mktemp("visit")
    (folder / "mine.png").write_bytes(png(np.full((64, 64, 3), 90)))
    context = chromium.new_context(viewport={"width": 1280, "height": 1000})
    context.set_default_timeout(FIRST_PAINT_MS)
    page = context.new_page()
    page.on("request", lambda request: seen.requests.append(request))
    page.on("websocket", lambda socket: seen.sockets.append(socket.url))
    page.on("console", lambda message: seen.console.append(message.text))
    page.goto(f"{team.link}&preset=imagenet")
    page.wait_for_selector(READY, timeout=FIRST_PAINT_MS)
    seen.address = page.url
    seen.icon = page.locator("link[rel~=icon]").last.get_attribute("href")
    page.get_by_role("link", name="Checkpoint", exact=True).click()
    page.get_by_role("button", name="Clean safetensors").wait_for(timeout=FIRST_PAINT_MS)
    settle(page)
    upload(page, "Upload a picture", folder / "mine.png")
    page.wait_for_url(re.compile(r"picture=[0-9a-f]{64}"), timeout=FIRST_PAINT_MS)
    settle(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Clean safetensors").click()
    download.value.save_as(folder / "clean.safetensors")
    seen.cookies = {cookie["name"]: cookie for cookie in context.cookies()}
    yield seen
    context.close()


@pytest.mark.browser
def test_a_port_that_is_taken_ends_the_start_and_leaves_the_link_alone(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("MASKSCOPE_DATA", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ended = serve.main(["--address", "127.0.0.1", "--port", str(port)])

    assert ended == 2
    assert f"Port {port} is taken. End what listens there" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_link_opens_the_app_and_leaves_the_address(visit, team):
    assert visit.address.startswith(f"{team.address}/?")
    assert "preset=imagenet" in visit.address
    assert "token" not in visit.address


@pytest.mark.browser
def test_no_request_of_the_page_carries_the_token_or_a_referrer(visit, team):
    first, *others = visit.requests

    assert team.token in first.url
    assert len(others) > 20
    assert not [request.url for request in others if team.token in request.url]
    assert not [url for url in visit.sockets if team.token in url]
    assert {request.headers.get("referer", "") for request in visit.requests} == {""}


@pytest.mark.browser
def test_the_page_works_under_its_content_security_policy(visit):
    assert visit.sockets
    assert not [text for text in visit.console if "Content Security Policy" in text]


@pytest.mark.browser
def test_no_request_of_the_page_leaves_the_server(visit, team):
    local = (team.address, "blob:", "data:")

    assert not [r.url for r in visit.requests if not r.url.startswith(local)]


@pytest.mark.browser
def test_the_tab_has_an_icon_that_nobody_else_is_asked_for(visit):
    assert visit.icon.startswith("data:image/svg+xml;base64,")


@pytest.mark.browser
def test_a_download_needs_the_token(visit):
    url = visit.of(f"{BASE}/media/").url

    assert ask(url).status == 401
    assert ask(url, **bearer(WRONG)).status == 403


@pytest.mark.browser
def test_a_download_works_with_the_cookie(visit, team):
    name = cookies.cookie_name(team.token)
    answer = ask(visit.of(f"{BASE}/media/").url, Cookie=f"{name}={visit.cookies[name]['value']}")

    assert answer.status == 200
    assert json.loads(answer.body[8 : 8 + int.from_bytes(answer.body[:8], "little")])
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"


@pytest.mark.browser
def test_an_upload_needs_the_token_and_works_with_it(visit, team):
    put = visit.of("/_stcore/upload_file/", "PUT")
    body = b'--x\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\nb\r\n--x--\r\n'
    proof = visit.cookies["_streamlit_xsrf"]["value"]
    options = {
        "Content_Type": "multipart/form-data; boundary=x",
        "Cookie": f"_streamlit_xsrf={proof}",
        "X_Xsrftoken": proof,
    }

    assert ask(put.url, "PUT", body, **options).status == 401
    assert ask(put.url, "PUT", body, **options, **bearer(WRONG)).status == 403
    assert ask(put.url, "PUT", body, **options, **bearer(team.token)).status == 204


@pytest.mark.browser
def test_the_cookie_is_kept_from_scripts_and_from_other_sites(visit, team):
    cookie = visit.cookies[cookies.cookie_name(team.token)]

    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Lax"
    assert cookie["path"] == BASE
    assert team.token not in cookie["value"]


# --- each route -----------------------------------------------------------------------------------

ROUTES = (
    *("/", "/compare", f"/?run={RUN}", "/healthz/details", "/metrics", "/favicon.png"),
    *("/_stcore/health", "/_stcore/host-config", "/_stcore/metrics"),
    *("/_stcore/agent/openapi.json", "/static/js/none.js", "/app/static/none", "/media/none"),
    *("/component/none/index.html", "/_stcore/bidi-components/none", "/whatever/comes/next"),
)


@pytest.mark.parametrize("route", ROUTES)
def test_a_route_is_closed_without_the_token_and_with_a_wrong_one(team, route):
    forged = f"{cookies.cookie_name(team.token)}={int(time.time() + 99)}.{'0' * 64}"

    assert ask(team.address + route).status == 401
    assert ask(team.address + route, Cookie=forged).status == 401
    assert ask(team.address + route, **bearer(WRONG)).status == 403
    assert ask(f"{team.address}{route}{'&' if '?' in route else '?'}token=wrong").status == 403


@pytest.mark.parametrize("route", ROUTES)
def test_a_route_opens_with_the_token(team, route):
    assert ask(team.address + route, **bearer(team.token)).status in (200, 404)


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE", "OPTIONS"])
def test_every_method_is_behind_the_gate(team, method):
    assert ask(f"{team.address}/_stcore/health", method).status == 401


def test_outside_the_sub_path_there_is_nothing(team):
    origin = team.address.removesuffix(BASE)

    assert ask(f"{origin}/").status == 401
    assert ask(f"{origin}/healthz").status == 401
    assert ask(f"{origin}/healthz", **bearer(team.token)).status == 404


def test_only_the_word_ok_is_open(team):
    answer = ask(f"{team.address}/healthz")

    assert (answer.status, answer.body) == (200, b"ok\n")


@pytest.mark.parametrize("host", [f"x{BASE}/healthz?", f"x{BASE}/healthz#", "x/healthz?"])
def test_the_host_header_opens_nothing(team, host):
    assert ask(f"{team.address}/metrics", Host=host).status == 401


@pytest.mark.parametrize("path", ["/healthz/", "//healthz", "/healthz/../metrics", "/healthz%2F"])
def test_nothing_that_looks_like_the_open_route_is_open(team, path):
    assert ask(team.address + path).status == 401


@pytest.mark.parametrize("headers", [None, bearer(WRONG), {"Cookie": "maskscope_0=1.0"}])
def test_a_websocket_is_refused_without_the_token(team, headers):
    with pytest.raises(InvalidStatus) as refused:
        first_message(team.address, additional_headers=headers)

    assert refused.value.response.status_code == 403


def test_a_token_in_a_websockets_address_opens_nothing(team):
    with pytest.raises(InvalidStatus):
        first_message(team.address, query=f"?token={team.token}")


def test_a_websocket_with_the_token_is_a_session(team):
    message = first_message(team.address, additional_headers=bearer(team.token))

    assert message.WhichOneof("type") in ("new_session", "session_status_changed")


def test_a_websocket_from_another_site_is_refused_even_with_the_cookie(team):
    cookie = f"{cookies.cookie_name(team.token)}={cookies.cookie_value(team.token)}"
    with pytest.raises(InvalidStatus):
        first_message(
            team.address, additional_headers={"Cookie": cookie}, origin="http://elsewhere.example"
        )


# --- coming in ------------------------------------------------------------------------------------


def test_the_address_is_kept_but_for_the_token(team):
    answer = ask(f"{team.address}/compare?mean=0,0,0&token={team.token}&run={RUN}")

    assert answer.status == 303
    assert answer.headers["location"] == f"{BASE}/compare?mean=0%2C0%2C0&run={RUN}"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["//elsewhere.example/", "/%5Celsewhere.example", "/%0d%0aX:%20y"])
def test_the_redirect_never_leaves_the_server(team, path):
    origin = team.address.removesuffix(BASE)
    answer = ask(f"{origin}{path}?token={team.token}")

    assert re.match(r"/[^/\\]", answer.headers["location"])
    assert "x" not in answer.headers


def test_people_are_asked_for_the_token_and_machines_are_told(team):
    page, text = ask(team.address, Accept="text/html"), ask(team.address)

    assert b'<input name="token"' in page.body
    assert page.headers["content-type"].startswith("text/html")
    assert text.headers["content-type"].startswith("text/plain")
    assert text.headers["www-authenticate"] == "Bearer"


def test_the_form_lets_in(team):
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    right = ask(f"{team.address}/compare", "POST", f"token={team.token}", **form)

    assert (right.status, right.headers["location"]) == (303, f"{BASE}/compare")
    assert "HttpOnly; SameSite=Lax" in right.headers["set-cookie"]
    assert ask(team.address, "POST", "token=wrong", **form).status == 403
    assert ask(team.address, "POST", "token=" + "x" * 10_000, **form).status == 403


def test_the_cookie_never_travels_openly_where_the_proxy_speaks_https(team):
    url = f"{team.address}/?token={team.token}"

    assert "; Secure" in ask(url, X_Forwarded_Proto="https").headers["set-cookie"]
    assert "; Secure" not in ask(url).headers["set-cookie"]


@pytest.mark.parametrize("route", ["/", "/healthz", "/_stcore/health", "/none"])
@pytest.mark.parametrize("token", ["right", "none"])
def test_every_answer_has_the_security_headers(team, route, token):
    answer = ask(team.address + route, **(bearer(team.token) if token == "right" else {}))

    assert answer.headers.items() >= security_headers("").items() - {
        ("content-security-policy", security_headers("")["content-security-policy"])
    }
    assert "unsafe-eval" not in answer.headers["content-security-policy"]
    assert "script-src 'self' blob: 'sha256-" in answer.headers["content-security-policy"]


# --- health ---------------------------------------------------------------------------------------


def test_the_details_name_version_queue_and_disk(team):
    facts = json.loads(ask(f"{team.address}/healthz/details", **bearer(team.token)).body)

    assert facts["ok"] is True
    assert facts["version"] == VERSION
    assert set(facts["queue"]) == {"running", "waiting", "done", "kept", "seconds"}
    assert 0 < facts["disk"]["free_bytes"] < facts["disk"]["total_bytes"]
    assert facts["store"]["database"] == "sqlite"
    assert facts["store"]["answers"] is True


def test_a_store_that_does_not_answer_is_told(tmp_path):
    store = open_store(tmp_path, {})
    health = Health(tmp_path, store)
    assert health.facts()["ok"] is True

    (tmp_path / "maskscope.db").unlink()
    store.engine.dispose()

    assert health.facts()["ok"] is False
    assert "maskscope_store_answers 0" in exposition(health.facts(), health.answers)


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("MASKSCOPE_TOKEN", "short", "at least 16"),
        ("DATABASE_URL", "postgresql://nobody@localhost:1/none", "The database does not answer"),
    ],
)
def test_what_cannot_be_used_is_told_at_the_start(
    monkeypatch, capsys, tmp_path, variable, value, told
):
    monkeypatch.setenv("MASKSCOPE_DATA", str(tmp_path))
    monkeypatch.setenv(variable, value)

    assert serve.main([]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.browser
def test_the_metrics_count_forwards_and_refusals(visit, team):
    text = ask(f"{team.address}/metrics", **bearer(team.token)).body.decode()
    figures = dict(re.findall(r"^(maskscope_\S+) ([\d.e+]+)$", text, re.M))

    assert int(figures["maskscope_forwards_total"]) >= 1
    assert float(figures['maskscope_forward_seconds{lane="page",quantile="0.95"}']) > 0
    for stage in ("decode", "preprocess", "forward", "decide", "encode"):
        assert float(figures[f'maskscope_stage_seconds{{stage="{stage}",quantile="0.5"}}']) > 0
    assert int(figures['maskscope_answers_total{status="401"}']) >= 1
    assert "# TYPE maskscope_forwards_total counter" in text


# --- secrets --------------------------------------------------------------------------------------


def test_the_log_holds_no_token_and_no_run(team):
    ask(f"{team.address}/?token={team.token}&run={RUN}")
    ask(f"{team.address}/?token=almost{team.token}")
    headers = bearer(team.token)
    first_message(team.address, query=f"?token={team.token}&run={RUN}", additional_headers=headers)
    text = team.log.read_text()  # uvicorn up to 0.53 wrote a websocket's whole address, 0.54 none

    assert "GET / 303" in text
    assert team.token not in text
    assert RUN not in text


def test_who_started_the_server_finds_the_link_in_a_file_of_their_own(team):
    link = team.log.parent / "access-link"

    assert team.link.startswith(f"{team.address}/?token=")
    assert link.stat().st_mode & 0o777 == 0o600
    assert str(link) in team.log.read_text()


class Terminal(io.StringIO):
    """A stream that is looked at by a person."""

    def isatty(self):
        return True


def test_on_a_terminal_the_link_is_printed_and_written_nowhere(tmp_path):
    out = Terminal()
    tokens.announce("secret", "http://localhost:1/", tmp_path, out)

    assert "http://localhost:1/?token=secret\n" in out.getvalue()
    assert list(tmp_path.iterdir()) == []


def test_the_link_of_a_server_for_the_whole_network_names_this_machine():
    options = serve.read_options(["--address", "0.0.0.0", "--port", "9000"])

    assert serve.link_of(options, "/b") == f"http://{socket.gethostname()}:9000/b/"
    assert serve.link_of(serve.read_options([]), "") == "http://localhost:8501/"


def test_the_hosts_token_is_taken_out_of_the_environment():
    environment = {"MASKSCOPE_TOKEN": "a" * 16}

    assert tokens.given_token(environment) == "a" * 16
    assert environment == {}


def test_the_hosts_token_may_be_in_a_file(tmp_path):
    (tmp_path / "token").write_text("b" * 20 + "\n")

    assert tokens.given_token({"MASKSCOPE_TOKEN_FILE": str(tmp_path / "token")}) == "b" * 20


@pytest.mark.parametrize("given", [{"MASKSCOPE_TOKEN": "short"}, {"MASKSCOPE_TOKEN_FILE": "/none"}])
def test_a_token_that_cannot_be_used_is_told(given):
    with pytest.raises(tokens.TokenError, match=r"characters|cannot be read"):
        tokens.given_token(given)


@pytest.mark.parametrize("shown", ["Bearer ", "Bearer", "Bearer x", ""])
def test_no_token_given_is_no_token_and_opens_nothing(shown):
    door = LoginDoor(("*",), (), "", tokens.given_token({}))
    headers = [(b"authorization", shown.encode())] if shown else []

    assert not door.knows(HTTPConnection({"type": "http", "headers": headers}))


def test_secrets_are_compared_in_constant_time(monkeypatch):
    compared, real = [], hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda *both: compared.append(both) or real(*both))
    good = cookies.cookie_value("token")

    assert tokens.same_token("token", "token")
    assert not tokens.same_token("tokem", "token")
    assert cookies.cookie_opens("token", good)
    assert not cookies.cookie_opens("token", good[:-1] + ("0" if good[-1] != "0" else "1"))
    assert len(compared) == 4


def test_a_cookie_ends_and_cannot_be_prolonged():
    old = cookies.cookie_value("token", now=1_000)
    signature = old.partition(".")[2]

    assert cookies.cookie_opens("token", old, now=1_000 + cookies.SECONDS - 1)
    assert not cookies.cookie_opens("token", old, now=1_000 + cookies.SECONDS + 1)
    assert not cookies.cookie_opens("token", f"{10**12}.{signature}", now=1_000)


def test_a_cookie_of_another_token_opens_nothing():
    assert not cookies.cookie_opens("new token", cookies.cookie_value("old token"))
    assert cookies.cookie_name("new token") != cookies.cookie_name("old token")


@pytest.mark.parametrize("value", ["", ".", "x.y", "9999999999.", "9999999999.é"])
def test_nonsense_is_no_cookie(value):
    assert not cookies.cookie_opens("token", value)


@pytest.mark.parametrize(
    "text",
    ["GET /?token=abc", "bad abc here", "Authorization: Bearer xyz", f"/?a=1&run={RUN}&b=2"],
)
def test_what_looks_like_a_secret_is_not_logged(text):
    quiet = redactor("abc")(text)

    assert "[token]" in quiet or "[hidden]" in quiet
    assert not {"abc", "xyz", RUN} & set(re.split(r"[ =&]", quiet))


def test_a_trace_is_redacted_too(tmp_path):
    import subprocess
    import sys

    script = (
        "import logging; from serving.quiet_log import keep_quiet; keep_quiet('abcdef')\n"
        "logging.basicConfig()\n"
        "try: raise ValueError('it was abcdef')\n"
        "except ValueError: logging.exception('failed with %s', 'abcdef')\n"
        "logging.warning('%d wrong', 'abcdef')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert "ValueError: it was [token]" in done.stderr
    assert "%d wrong ('[token]',)" in done.stderr
    assert "abcdef" not in done.stderr.replace("'abcdef'", "")
