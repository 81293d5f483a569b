"""How many different wrong tokens an address may show before none of its tokens is looked at.

The same wrong one again is no new guess: a program with last week's token, or an old link that is
opened anew, keeps nobody out.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address
from threading import Lock
from typing import TYPE_CHECKING

from serving.tokens import same_token

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

GUESSES = 10  # different wrong tokens; a person who mistypes needs fewer
SECONDS = 60  # after which they are forgotten
ADDRESSES = 10_000  # that are kept; the oldest go first
NETWORK = 8  # bytes: whoever has one IPv6 address has the 2**64 beside it


@dataclass
class _Guesses:
    since: float  # seconds of the clock
    seen: set[bytes] = field(default_factory=set)  # digests


class Patience:
    """Compares tokens, and ends for an address that guesses."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Args: clock, in seconds."""
        self._clock, self._lock = clock, Lock()
        self._by_address: OrderedDict[str, _Guesses] = OrderedDict()

    def opens(self, connection: HTTPConnection, shown: str, token: str) -> bool:
        """Whether what somebody shows is the token; a wrong one is kept."""
        if self.wait(connection):
            return False  # the right one too, or the answer would still tell which it is
        right = same_token(shown, token)
        if not right:
            self._remember(_network(connection), hashlib.sha256(shown.encode()).digest())
        return right

    def wait(self, connection: HTTPConnection) -> int:
        """How many seconds until this address may show a token again; 0: it may now."""
        with self._lock:
            guesses = self._by_address.get(_network(connection))
            if guesses is None or len(guesses.seen) < GUESSES:
                return 0
            return max(0, round(guesses.since + SECONDS - self._clock()))

    def _remember(self, address: str, guess: bytes) -> None:
        with self._lock:
            now, known = self._clock(), self._by_address.get(address)
            if known is None or now - known.since > SECONDS:
                known = self._by_address[address] = _Guesses(now)
                self._by_address.move_to_end(address)
            if guess not in known.seen:
                known.seen.add(guess)
                known.since = now if len(known.seen) == GUESSES else known.since
            while len(self._by_address) > ADDRESSES:
                self._by_address.popitem(last=False)


def _network(connection: HTTPConnection) -> str:
    """The client's address, as uvicorn makes it from what a trusted proxy says."""
    host = connection.client.host if connection.client else ""
    try:
        address = ip_address(host)
    except ValueError:  # no address: a socket, or a proxy that says none
        return host
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return address.packed[:NETWORK].hex()
    return str(address)
