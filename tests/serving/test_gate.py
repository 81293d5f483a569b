"""The gate alone, in front of an app that notes whatever reaches it."""

from __future__ import annotations

import asyncio
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest

from serving import cookies
from serving.by_token import FORM, TokenDoor
from serving.gate import Gate
from serving.patience import GUESSES, SECONDS, Patience


def strange(random, token):
    """A request as nobody sends it: pieces of paths, queries and headers, put together anyhow."""
    pick = random.choice
    pieces = [
        "",
        "/",
        "//",
        "healthz",
        "healthz/",
        "..",
        "%2e",
        ";",
        "?",
        "#",
        "\\",
        "\0",
        "é",
        "_stcore",
    ]
    queries = [b"", b"token", b"token=", b"token=%00", b"%74oken=x", b"token[]=" + token.encode()]
    secrets = ["", "Bearer", "Bearer ", "Basic eDp5", f"Token {token}", f"Bearer {token[:-1]}", "é"]
    cookie = f"{cookies.cookie_name(token)}={pick(['', token, '1.', '9' * 12 + '.' + '0' * 64])}"
    headers = [
        (b"host", pick([b"x", b"x/healthz?", b"localhost/healthz#"])),
        (b"cookie", cookie.encode()),
        (b"content-type", pick([b"", FORM.encode()])),
    ]
    if secret := pick(secrets):
        headers.append((b"authorization", secret.encode("latin-1")))
    return {
        "type": pick(["http", "websocket"]),
        "method": pick(["GET", "HEAD", "POST", "PUT", "OPTIONS", "TRACE"]),
        "scheme": "http",
        "path": "/" + "".join(pick(pieces) for _ in range(4)),
        "query_string": pick(queries),
        "headers": headers,
    }


def test_whatever_is_asked_the_app_is_not_reached_without_the_token():
    token, reached, statuses = "a token that nobody knows", [], []

    async def app(scope, receive, send):
        reached.append(scope["path"])

    async def receive():
        return {"type": "http.request", "body": b"token=guess", "more_body": False}

    async def send(message):
        statuses.append(message.get("status", message.get("code")))

    gate = Gate(app, door=TokenDoor(token, ""), base="", headers={}, answers=Counter())

    async def ask_all():
        for seed in range(3_000):
            await gate(strange(Random(seed), token), receive, send)

    with ThreadPoolExecutor(1) as thread:  # Playwright has a loop in this one
        thread.submit(asyncio.run, ask_all()).result()

    assert set(reached) <= {"/healthz"}
    assert set(statuses) <= {401, 403, 429, 1008, None}
    assert {401, 403, 1008} <= set(statuses)


class Asked:
    """A door with a clock of ours, and what it answers to those who show a token."""

    token = "a token that nobody knows"

    def __init__(self):
        self.now = 0.0
        door = TokenDoor(self.token, "", patience=Patience(lambda: self.now))
        self._gate = Gate(self._app, door=door, base="", headers={}, answers=Counter())

    def __call__(self, shown="", address="192.0.2.1", cookie="", by="header"):
        """Return status and headers of the answer."""
        told = {b"authorization": f"Bearer {shown}", b"cookie": cookie}
        query = f"token={shown}" if by == "query" else ""
        headers = [(name, text.encode()) for name, text in told.items() if text and not query]
        scope = {"type": "http", "method": "GET", "scheme": "http", "path": "/metrics"}
        scope |= {"query_string": query.encode(), "headers": headers, "client": (address, 1)}
        sent = []

        async def send(message):
            sent.append(message)

        with ThreadPoolExecutor(1) as thread:  # Playwright has a loop in this one
            thread.submit(asyncio.run, self._gate(scope, None, send)).result()
        return sent[0]["status"], dict(sent[0]["headers"])

    async def _app(self, scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})

    def guess(self, count, **options):
        return [self(f"wrong {number}", **options)[0] for number in range(count)]


@pytest.mark.parametrize("by", ["header", "query"])
def test_who_guesses_is_not_listened_to_for_a_minute(by):
    ask = Asked()
    let_in = 200 if by == "header" else 303

    assert ask.guess(GUESSES - 1, by=by) == [403] * (GUESSES - 1)
    assert ask(ask.token, by=by)[0] == let_in
    assert ask("the tenth", by=by)[0] == 429
    status, headers = ask(ask.token, by=by)
    assert (status, headers[b"retry-after"]) == (429, str(SECONDS).encode())
    ask.now += SECONDS + 1
    assert ask(ask.token, by=by)[0] == let_in
    assert ask("wrong again", by=by)[0] == 403


def test_others_and_those_with_the_cookie_come_in_while_somebody_guesses():
    ask = Asked()
    ask.guess(GUESSES)
    name, value = cookies.cookie_name(ask.token), cookies.cookie_value(ask.token)

    assert ask(ask.token)[0] == 429
    assert ask(ask.token, address="192.0.2.2")[0] == 200
    assert ask(cookie=f"{name}={value}")[0] == 200


def test_the_same_wrong_token_again_keeps_nobody_out():
    ask = Asked()

    assert {ask("that of last week")[0] for _ in range(5 * GUESSES)} == {403}
    assert ask(ask.token)[0] == 200


def test_all_addresses_of_one_ipv6_network_are_one():
    ask = Asked()
    for number in range(GUESSES):
        ask(f"wrong {number}", address=f"2001:db8::{number}")

    assert ask(ask.token, address="2001:db8::ffff")[0] == 429
    assert ask(ask.token, address="2001:db8:0:1::")[0] == 200
