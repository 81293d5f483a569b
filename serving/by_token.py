"""The door that a token opens: shown once in the address or a form, a cookie from then on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from starlette.responses import HTMLResponse, PlainTextResponse, Response

from serving.addresses import own_address
from serving.cookies import cookie_name, cookie_opens, set_cookie
from serving.patience import Patience
from serving.sign_in import GUESSED, MISSING, WRONG, token_page
from serving.tokens import bearer_of

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection, Request

FORM = "application/x-www-form-urlencoded"
MOST_FORM_BYTES = 4096
UNAUTHORIZED, FORBIDDEN, SEE_OTHER, TOO_MANY = 401, 403, 303, 429


@dataclass(frozen=True)
class TokenDoor:
    """Opens to who has the token."""

    token: str
    base: str  # the sub-path below which the app is, as "/tools/maskscope"; "" for none
    open_paths: frozenset[str] = frozenset()
    patience: Patience = field(default_factory=Patience)

    def knows(self, connection: HTTPConnection) -> bool:
        """Whether they have shown the token before, or show it as a program does."""
        cookie = connection.cookies.get(cookie_name(self.token), "")
        shown = bearer_of(connection.headers)
        return cookie_opens(self.token, cookie) or (
            bool(shown) and self.patience.opens(connection, shown, self.token)
        )

    async def enter(self, request: Request) -> Response | None:
        """Take the token where it is shown: give the cookie, and the address without it."""
        if request.method == "POST" and request.headers.get("content-type", "").startswith(FORM):
            return self._take(request, await _posted_token(request))
        if request.method in ("GET", "HEAD") and "token" in request.query_params:
            return self._take(request, request.query_params["token"])
        return None

    def turn_away(self, request: Request) -> Response:
        """Ask for the token."""
        if "authorization" in request.headers:
            return self._refuse(request)
        return _answer(request, UNAUTHORIZED, MISSING, {"www-authenticate": "Bearer"})

    def _take(self, request: Request, token: str) -> Response:
        if not self.patience.opens(request, token, self.token):
            return self._refuse(request)
        secure = request.scope["scheme"] == "https"
        return Response(
            status_code=SEE_OTHER,
            headers={
                "location": own_address(request, without="token"),
                "set-cookie": set_cookie(self.token, path=self.base or "/", secure=secure),
                "cache-control": "no-store",
            },
        )

    def _refuse(self, request: Request) -> Response:
        """Say that the token is wrong, or how long none is looked at."""
        if wait := self.patience.wait(request):
            return _answer(request, TOO_MANY, GUESSED, {"retry-after": str(wait)})
        return _answer(request, FORBIDDEN, WRONG, {})


def _answer(request: Request, status: int, sentence: str, headers: dict[str, str]) -> Response:
    headers = {"cache-control": "no-store"} | headers
    if "text/html" in request.headers.get("accept", ""):
        page = token_page(sentence, wrong=status != UNAUTHORIZED)
        return HTMLResponse(page, status, headers)
    return PlainTextResponse(f"{sentence}\n", status, headers)


async def _posted_token(request: Request) -> str:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_FORM_BYTES:
            return ""
    return parse_qs(body.decode("latin-1")).get("token", [""])[0]
