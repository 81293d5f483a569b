"""What a tab may ask of the server beside its page: found by a token that nobody else can guess."""

from __future__ import annotations

import secrets
from typing import Generic, Protocol, TypeVar
from weakref import WeakValueDictionary


class Door(Protocol):
    """What a tab holds, and the server looks up."""

    token: str


D = TypeVar("D", bound=Door)


def new_token() -> str:
    """192 bits of chance, as they stand in an address."""
    return secrets.token_urlsafe(24)


class TabDoors(Generic[D]):
    """The doors of one kind, by token: each is known as long as its tab holds it."""

    def __init__(self) -> None:
        self._known: WeakValueDictionary[str, D] = WeakValueDictionary()
        self._path = ""  # below which the server that runs answers

    def offer(self, path: str) -> None:
        """Say where they are asked: a server does so before its first page."""
        self._path = path

    def know(self, door: D) -> None:
        """From now on it is found by its token."""
        self._known[door.token] = door

    def address_of(self, door: D) -> str:
        """Where this one is asked; "" where no server answers beside the page."""
        return f"{self._path}/{door.token}" if self._path else ""

    def behind(self, token: str) -> D | None:
        """The door of a token; None where its tab is gone."""
        return self._known.get(token)
