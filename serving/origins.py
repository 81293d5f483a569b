"""From which pages a websocket may be opened: cookies go to all ports of a host, so ports count."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}
Origin = tuple[str, str, int]  # scheme of a page, host, port


def allowed_origins(environment: Mapping[str, str]) -> frozenset[Origin]:
    """What MASKSCOPE_ORIGINS names; what is no origin allows nothing."""
    named = map(_origin, environment.get("MASKSCOPE_ORIGINS", "").split())
    return frozenset(origin for origin in named if origin is not None)


def is_own(connection: HTTPConnection, others: frozenset[Origin]) -> bool:
    """Whether a page of this server asks, or none at all: programs send no Origin, browsers do.

    Args:
        connection: of a websocket; its scheme is the proxy's where that is believed.
        others: origins that are allowed besides.
    """
    sent = connection.headers.getlist("origin")
    if not sent:
        return True
    asking = _origin(sent[0]) if len(sent) == 1 else None
    scheme = "https" if connection.scope["scheme"] in ("https", "wss") else "http"
    own = _origin(f"{scheme}://{connection.headers.get('host', '')}")
    return asking is not None and (asking == own or asking in others)


def _origin(text: str) -> Origin | None:
    try:
        parts = urlsplit(text.strip().lower())
        port = parts.port or PORTS.get(parts.scheme)
    except ValueError:
        return None
    return (parts.scheme, parts.hostname, port) if parts.hostname and port else None
