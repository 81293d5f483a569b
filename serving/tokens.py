"""The access token: where it comes from, how people get it, and whether somebody has it."""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import TextIO

BYTES = 32  # of a token that we make
SHORTEST = 16  # characters of one that the host chooses; shorter ones can be guessed


class TokenError(Exception):
    """The host's token cannot be used; the text says what to do."""


def given_token(environment: MutableMapping[str, str]) -> str:
    """Take the host's token out of the environment, so that no child process inherits it.

    Args:
        environment: `MASKSCOPE_TOKEN` holds it, or `MASKSCOPE_TOKEN_FILE` names a file with it.

    Returns:
        The token; "" where the host gives none.

    Raises:
        TokenError: the file cannot be read, or the token is too short.
    """
    token, file = environment.pop("MASKSCOPE_TOKEN", ""), environment.get("MASKSCOPE_TOKEN_FILE")
    if not token and not file:
        return ""
    token = (token or _read(Path(file or ""))).strip()
    if len(token) < SHORTEST:
        raise TokenError(
            f"The access token has {len(token)} characters; give it at least {SHORTEST}. "
            "This makes a good one: openssl rand -hex 32"
        )
    return token


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise TokenError(
            f"MASKSCOPE_TOKEN_FILE names {path}, which cannot be read: {error.strerror}."
        ) from error


def new_token() -> str:
    """Make a token that nobody guesses."""
    return secrets.token_urlsafe(BYTES)


def same_token(one: str, other: str) -> bool:
    """Compare in a time that does not tell how much is right."""
    return hmac.compare_digest(one.encode(), other.encode())


def bearer_of(headers: Mapping[str, str]) -> str:
    """What a program shows in its headers; "" for nothing."""
    scheme, _, shown = headers.get("authorization", "").partition(" ")
    return shown.strip() if scheme.lower() == "bearer" else ""


def announce(token: str, link: str, folder: Path, out: TextIO) -> None:
    """Tell whoever started the server how to come in, once.

    What is not a terminal is a log, and a token in a log is known to all who read logs: there the
    link goes into a file that only its owner may read.
    """
    if out.isatty():
        out.write(f"maskscope: open {link}?token={token}\n")
    else:
        path = folder / "access-link"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.unlink(missing_ok=True)  # an older one may have had other rights
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            file.write(f"{link}?token={token}\n")
        out.write(f"maskscope: the link that opens it is in {path}\n")
    out.flush()
