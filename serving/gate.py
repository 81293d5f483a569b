"""The gate around the whole app: every route is behind it, websocket included, but for one.

It is the outermost layer, so that a route that Streamlit adds tomorrow is behind it too. Only
`/healthz`, which says nothing but "ok", is open.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, parse_qsl, quote, urlencode

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from serving.cookies import cookie_name, cookie_opens, set_cookie
from serving.quiet_log import access_log
from serving.sign_in import MISSING, WRONG, sign_in_page
from serving.tokens import same_token

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

OPEN = "/healthz"
FORM = "application/x-www-form-urlencoded"
MOST_FORM_BYTES = 4096
UNAUTHORIZED, FORBIDDEN, SEE_OTHER = 401, 403, 303
POLICY_VIOLATION = 1008  # close code of a websocket; before it is accepted this is a 403


class Gate:
    """Lets those through who have the token."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        token: str,
        base: str = "",
        headers: dict[str, str],
        answers: Counter[int],
    ) -> None:
        """Stand before `app`.

        Args:
            app: all of Streamlit.
            token: of this server.
            base: the sub-path below which the app is, as "/tools/maskscope"; "" for none.
            headers: of every answer.
            answers: counts them by status.
        """
        self._app, self._token, self._base = app, token, base
        self._headers, self._answers = headers, answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let the app answer."""
        if scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        elif scope["type"] == "http":
            noted = self._noting(scope, send)
            refusal = await self._refusal(scope, receive)
            await (refusal or self._app)(scope, receive, noted)
        else:
            await self._app(scope, receive, send)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._has_token(HTTPConnection(scope)):
            await self._app(scope, receive, send)
            return
        self._note(scope, FORBIDDEN)
        await receive()  # "websocket.connect"; a refusal is only valid after it
        await send({"type": "websocket.close", "code": POLICY_VIOLATION})

    async def _refusal(self, scope: Scope, receive: Receive) -> Response | None:
        """Everything but letting them through: asking for the token, taking it, turning away."""
        request = Request(scope, receive)
        if scope["path"] == f"{self._base}{OPEN}":  # request.url believes the Host header
            return None
        if request.method == "POST" and request.headers.get("content-type", "").startswith(FORM):
            return self._enter(request, await _posted_token(request))
        if request.method in ("GET", "HEAD") and "token" in request.query_params:
            return self._enter(request, request.query_params["token"])
        return None if self._has_token(request) else _turn_away(request, wrong=_tried(request))

    def _has_token(self, connection: HTTPConnection) -> bool:
        cookie = connection.cookies.get(cookie_name(self._token), "")
        scheme, _, bearer = connection.headers.get("authorization", "").partition(" ")
        return cookie_opens(self._token, cookie) or (
            scheme.lower() == "bearer" and same_token(bearer.strip(), self._token)
        )

    def _enter(self, request: Request, token: str) -> Response:
        """Give the cookie to who shows the token, and the address without it."""
        if not same_token(token, self._token):
            return _turn_away(request, wrong=True)
        secure = request.scope["scheme"] == "https"
        return Response(
            status_code=SEE_OTHER,
            headers={
                "location": _without_token(request),
                "set-cookie": set_cookie(self._token, path=self._base or "/", secure=secure),
                "cache-control": "no-store",
            },
        )

    def _noting(self, scope: Scope, send: Send) -> Send:
        """Add the headers to the answer, and note it."""

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self._headers)
                self._note(scope, message["status"])
            await send(message)

        return noted

    def _note(self, scope: Scope, status: int) -> None:
        self._answers[status] += 1
        client = (scope.get("client") or ("-",))[0]
        method = scope.get("method", "WEBSOCKET")
        access_log.info("%s %s %s %d", client, method, _loggable(scope["path"], self._base), status)


def _loggable(path: str, base: str) -> str:
    """Return the first two parts of a path: what follows may be the id of a session."""
    parts = path.removeprefix(base).split("/")[1:]
    return quote("/".join(["", *parts[:2]]) + ("/..." if len(parts) > 2 else ""))


def _tried(request: Request) -> bool:
    return "authorization" in request.headers


def _turn_away(request: Request, *, wrong: bool) -> Response:
    status = FORBIDDEN if wrong else UNAUTHORIZED
    headers = {"cache-control": "no-store"} | ({} if wrong else {"www-authenticate": "Bearer"})
    if "text/html" in request.headers.get("accept", ""):
        return HTMLResponse(sign_in_page(wrong=wrong), status, headers)
    return PlainTextResponse(f"{WRONG if wrong else MISSING}\n", status, headers)


def _without_token(request: Request) -> str:
    """Write the same address without the token; always a path of this host."""
    pairs = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    query = urlencode([(name, value) for name, value in pairs if name != "token"])
    path = "/" + quote(request.scope["path"].lstrip("/"))
    return f"{path}?{query}" if query else path


async def _posted_token(request: Request) -> str:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_FORM_BYTES:
            return ""
    return parse_qs(body.decode("latin-1")).get("token", [""])[0]
