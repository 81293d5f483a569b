"""The door that a login opens: OpenID Connect by Streamlit's own routes, and a list of guests.

Streamlit knows who somebody is; whether they may come in is for this door alone, which asks on
every request and before every websocket.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlencode

from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from streamlit.auth_util import (
    encode_provider_token,
    get_cookie_with_chunks,
    get_origin_from_redirect_uri,
    get_secrets_auth_section,
    is_authlib_installed,
    validate_auth_credentials,
)
from streamlit.errors import StreamlitAuthError
from streamlit.web.server.server_util import get_cookie_secret
from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

from serving.addresses import is_own, own_address
from serving.patience import Patience
from serving.sign_in import GUESSED, NOT_A_GUEST, NOT_SIGNED_IN, login_page
from serving.tokens import bearer_of

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection, Request

RETURN = "maskscope_return"  # where somebody wanted to go before they were asked who they are
RETURN_SECONDS = 600
SHORTEST_SECRET = 32  # characters
LOGIN_DAYS = 1  # then the provider is asked again: somebody may have left since
UNAUTHORIZED, FORBIDDEN, SEE_OTHER, TOO_MANY = 401, 403, 303, 429


class LoginError(Exception):
    """Logins are configured, but not whole; the text says what is missing."""


def is_guest(guests: tuple[str, ...], person: Mapping[str, Any]) -> bool:
    """Whether the list of guests names a person.

    Args:
        guests: "ann@example.org", "@example.org" for all of a domain, "google:1234" for a
            provider's own id of a person, "*" for everybody whom the providers know.
        person: what the provider says of them. An address counts only where it says that it has
            verified it: with some, people may write there what they like.
    """
    email = str(person.get("email", "")).lower()
    verified = person.get("email_verified") in (True, "true") and "@" in email
    names = {"*", f"{person.get('provider')}:{person.get('sub')}"}
    if verified:
        names |= {email, f"@{email.rpartition('@')[2]}"}
    return bool(set(guests) & names)


@dataclass(frozen=True)
class LoginDoor:
    """Opens to guests who have signed in; to programs by the host's token, where there is one."""

    guests: tuple[str, ...]
    providers: tuple[str, ...]  # names of sections in [auth]; "default" for [auth] itself
    base: str
    token: str = ""
    patience: Patience = field(default_factory=Patience)

    @property
    def open_paths(self) -> frozenset[str]:
        """Streamlit's routes of the login itself: they redirect, and show nothing."""
        names = ("auth/login", "auth/logout", "oauth2callback")
        return frozenset(f"{self.base}/{name}" for name in names)

    def knows(self, connection: HTTPConnection) -> bool:
        """Whether they are a guest who has signed in, or a program with the token."""
        person = signed_in(connection.cookies)
        guest = bool(person) and is_guest(self.guests, person)
        shown = bearer_of(connection.headers)
        program = bool(shown and self.token)
        return guest or (program and self.patience.opens(connection, shown, self.token))

    async def enter(self, request: Request) -> Response | None:
        """Send to the provider, and back to where somebody wanted to go."""
        path = request.scope["path"]
        if path == f"{self.base}/sign-in":
            return self._to_provider(request.query_params.get("provider", ""))
        wanted = unquote(request.cookies.get(RETURN, ""))
        if path == f"{self.base}/" and is_own(wanted, self.base) and self.knows(request):
            back = RedirectResponse(wanted, SEE_OTHER)
            back.delete_cookie(RETURN, path=f"{self.base}/")
            return back
        return None

    def turn_away(self, request: Request) -> Response:
        """Offer the providers."""
        if "authorization" in request.headers and (wait := self.patience.wait(request)):
            return PlainTextResponse(f"{GUESSED}\n", TOO_MANY, {"retry-after": str(wait)})
        person = signed_in(request.cookies)
        status = FORBIDDEN if person or "authorization" in request.headers else UNAUTHORIZED
        headers = {"cache-control": "no-store"}
        if "text/html" not in request.headers.get("accept", ""):
            sentence = NOT_A_GUEST if person else NOT_SIGNED_IN
            return PlainTextResponse(f"{sentence}\n", status, headers)
        name = str(person.get("email") or person.get("sub") or "")
        page = HTMLResponse(login_page(self.base, self.providers, name), status, headers)
        if request.method == "GET":
            self._remember(request, page)
        return page

    def _to_provider(self, provider: str) -> Response:
        if provider not in self.providers:
            return RedirectResponse(f"{self.base}/", SEE_OTHER)
        query = urlencode({"provider": encode_provider_token(provider)})  # good for 2 minutes
        return RedirectResponse(f"{self.base}/auth/login?{query}", SEE_OTHER)

    def _remember(self, request: Request, page: Response) -> None:
        wanted = own_address(request, without="token")
        if is_own(wanted, self.base) and wanted != f"{self.base}/":
            page.set_cookie(
                RETURN,
                quote(wanted, safe=""),
                max_age=RETURN_SECONDS,
                path=f"{self.base}/",
                secure=request.scope["scheme"] == "https",
                httponly=True,
                samesite="lax",
            )


def signed_in(cookies: Mapping[str, str]) -> dict[str, Any]:
    """Who Streamlit's signed cookie says they are; {} for nobody."""
    secret = get_cookie_secret()

    def part(name: str) -> bytes | None:
        if not (value := cookies.get(name, "").encode("latin-1", "replace")):
            return None
        return decode_signed_value(secret, name, value, max_age_days=LOGIN_DAYS)

    whole = get_cookie_with_chunks(part, USER_COOKIE_NAME)
    person: dict[str, Any] = json.loads(whole) if whole else {}
    known = person.get("is_logged_in") is True
    return person if known and person.get("origin") == get_origin_from_redirect_uri() else {}


def login_door(base: str, token: str, guests: str) -> LoginDoor | None:
    """Make the door from `[auth]` in Streamlit's secrets; None where there is none.

    Args:
        base: the sub-path.
        token: for programs; "" for none.
        guests: who may come in, with commas between.

    Raises:
        LoginError: something is missing.
    """
    auth = get_secrets_auth_section()
    if not auth:
        return None
    if not is_authlib_installed():
        raise LoginError("Logins need Authlib: pip install -r requirements-team.txt")
    named = tuple(
        name for name, part in auth.items() if isinstance(part, Mapping) and "client_id" in part
    )
    providers = (("default",) if "client_id" in auth else ()) + named
    try:
        for provider in providers or ("default",):
            validate_auth_credentials(provider)
    except StreamlitAuthError as error:
        raise LoginError(" ".join(str(error).split())) from error
    if len(str(auth["cookie_secret"])) < SHORTEST_SECRET:
        raise LoginError(
            f"cookie_secret signs who people are; give it at least {SHORTEST_SECRET} characters. "
            "This makes a good one: openssl rand -hex 32"
        )
    listed = tuple(_guest(guest.strip()) for guest in guests.split(",") if guest.strip())
    if not listed:
        raise LoginError(
            "Logins are configured, but not whose: set MASKSCOPE_GUESTS to addresses with commas "
            "between (ann@example.org, @example.org), or to * for all whom the provider knows."
        )
    return LoginDoor(listed, providers, base, token)


def _guest(name: str) -> str:
    """Addresses are the same in any case; ids of providers are not."""
    return name if ":" in name else name.lower()
