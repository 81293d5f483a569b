"""The cookie of who has shown the token: signed with it, so that replicas need no table."""

from __future__ import annotations

import hashlib
import hmac
import time
from functools import lru_cache

DAYS = 30
SECONDS = DAYS * 24 * 3600
ROUNDS = 200_000  # so that a short token cannot be found by trying what signs a cookie as it does


@lru_cache(maxsize=8)
def _key(token: str) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", token.encode(), b"maskscope cookie", ROUNDS)


def _sign(token: str, text: str) -> str:
    return hmac.new(_key(token), text.encode(), hashlib.sha256).hexdigest()


def cookie_name(token: str) -> str:
    """Name it after the token: browsers give cookies of one port to all ports of a host."""
    return f"maskscope_{_sign(token, 'name')[:8]}"


def cookie_value(token: str, now: float | None = None) -> str:
    """Say until when it is good, signed. The token cannot be had from it."""
    until = str(int((now or time.time()) + SECONDS))
    return f"{until}.{_sign(token, f'until {until}')}"


def cookie_opens(token: str, value: str, now: float | None = None) -> bool:
    """Whether we have written this, and it is still good."""
    until, _, signature = value.partition(".")
    ours = hmac.compare_digest(signature.encode(), _sign(token, f"until {until}").encode())
    return ours and int(until) > (now or time.time())


def set_cookie(token: str, *, path: str, secure: bool) -> str:
    """Write the header that gives the cookie.

    Args:
        token: of this server.
        path: below which it is sent.
        secure: whether the browser came by https and must never send it otherwise.
    """
    flags = f"Path={path}; Max-Age={SECONDS}; HttpOnly; SameSite=Lax"  # Lax: a link in a chat opens
    return f"{cookie_name(token)}={cookie_value(token)}; {flags}" + ("; Secure" if secure else "")
