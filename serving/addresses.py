"""Addresses that a redirect may lead to: always a path of this server."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlencode

if TYPE_CHECKING:
    from starlette.requests import Request

PATH = re.compile(r"/(?![/\\])[!-~]{0,2000}")  # "//elsewhere" and "/\elsewhere" are other hosts


def own_address(request: Request, *, without: str) -> str:
    """Write the address that was asked for, without one variable of its query."""
    pairs = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    query = urlencode([(name, value) for name, value in pairs if name != without])
    path = "/" + quote(request.scope["path"].lstrip("/"))
    return f"{path}?{query}" if query else path


def is_own(address: str, base: str) -> bool:
    """Whether this leads to a page below the sub-path."""
    return bool(PATH.fullmatch(address)) and address.startswith(f"{base}/")
