"""The gate alone, in front of an app that notes whatever reaches it."""

from __future__ import annotations

import asyncio
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from random import Random

from serving import cookies
from serving.by_token import FORM, TokenDoor
from serving.gate import Gate


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
    assert set(statuses) <= {401, 403, 1008, None}
    assert {401, 403, 1008} <= set(statuses)
