"""The gate around the whole app: every route is behind it, websocket included, but for one.

It is the outermost layer, so that a route that Streamlit adds tomorrow is behind it too. Only
`/healthz`, which says nothing but "ok", is open, and what a login needs where there is one.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection, Request

from serving.headers import FILE_POLICY
from serving.origins import Origin, is_own
from serving.quiet_log import access_log

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

OPEN = "/healthz"
FORBIDDEN = 403
POLICY_VIOLATION = 1008  # close code of a websocket; before it is accepted this is a 403


class Door(Protocol):
    """Who may come in, and how one becomes such a one."""

    @property
    def open_paths(self) -> frozenset[str]:
        """Routes of the app on the way in."""

    def knows(self, connection: HTTPConnection) -> bool:
        """Whether they may come in."""

    async def enter(self, request: Request) -> Response | None:
        """Answer who is just coming in; None for everybody else."""

    def turn_away(self, request: Request) -> Response:
        """Say how one comes in, with status 401 or 403."""


class Gate:
    """Lets those through whom the door knows."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        door: Door,
        base: str,
        headers: dict[str, str],
        answers: Counter[int],
        origins: frozenset[Origin] = frozenset(),
    ) -> None:
        """Stand before `app`.

        Args:
            app: all of Streamlit.
            door: who may come in.
            base: the sub-path below which the app is, as "/tools/maskscope"; "" for none.
            headers: of every answer.
            answers: counts them by status.
            origins: of pages that may open the websocket, besides the server's own.
        """
        self._app, self._door, self._base = app, door, base
        self._open = door.open_paths | {f"{base}{OPEN}"}
        self._headers, self._answers, self._origins = headers, answers, origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let the app answer."""
        if scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        elif scope["type"] == "http":
            noted = self._noting(scope, send)
            answer = await self._answer(scope, receive)
            await (answer or self._app)(scope, receive, noted)
        else:
            await self._app(scope, receive, send)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection = HTTPConnection(scope)
        if self._door.knows(connection) and is_own(connection, self._origins):
            await self._app(scope, receive, send)
            return
        self._note(scope, FORBIDDEN)
        await receive()  # "websocket.connect"; a refusal is only valid after it
        await send({"type": "websocket.close", "code": POLICY_VIOLATION})

    async def _answer(self, scope: Scope, receive: Receive) -> Response | None:
        """What is not the app's to answer."""
        if scope["path"] in self._open:  # not request.url: it has the Host header in it
            return None
        request = Request(scope, receive)
        entered = await self._door.enter(request)
        return entered or (None if self._door.knows(request) else self._door.turn_away(request))

    def _noting(self, scope: Scope, send: Send) -> Send:
        """Add the headers to the answer, and note it."""

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self._headers_of(scope["path"]))
                self._note(scope, message["status"])
            await send(message)

        return noted

    def _headers_of(self, path: str) -> dict[str, str]:
        is_file = path.startswith(f"{self._base}/media/")
        return self._headers | (FILE_POLICY if is_file else {})

    def _note(self, scope: Scope, status: int) -> None:
        self._answers[status] += 1
        client = (scope.get("client") or ("-",))[0]
        method = scope.get("method", "WEBSOCKET")
        access_log.info("%s %s %s %d", client, method, _loggable(scope["path"], self._base), status)


def _loggable(path: str, base: str) -> str:
    """Return the first two parts of a path: what follows may be the id of a session."""
    parts = path.removeprefix(base).split("/")[1:]
    return quote("/".join(["", *parts[:2]]) + ("/..." if len(parts) > 2 else ""))
