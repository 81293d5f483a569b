"""What could not be computed, and why: counted, told, and never taken for evidence."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field

from core.errors import InspectionError

LOGGED = "An unexpected error ({}), whose trace is in the log."


@dataclass(frozen=True)
class Failed:
    """What could not be computed for one reason."""

    what: tuple[str, ...]  # checks and trials: "order", "8 of 8 conventions"
    why: str  # one sentence

    @property
    def words(self) -> str:
        """Two sentences for people."""
        return f"Could not be computed: {', '.join(self.what)}. {self.why}"

    def to_dict(self) -> dict[str, object]:
        """Texts, and a list of them."""
        return {"what": list(self.what), "why": self.why}


@dataclass
class Failures:
    """All that could not be computed in one diagnosis, by the reason; each thing once."""

    _found: dict[str, dict[str, None]] = field(default_factory=dict)

    def add(self, what: str, error: Exception) -> None:
        """Note what could not be computed; an error that nobody foresaw goes to the log as well."""
        if isinstance(error, InspectionError):
            why = error.message
        else:
            why = LOGGED.format(type(error).__name__)
            logging.getLogger(__name__).error("%s could not be computed", what, exc_info=error)
        self._found.setdefault(why, {})[what] = None

    def __bool__(self) -> bool:
        """Whether anything could not be computed."""
        return bool(self._found)

    def __iter__(self) -> Iterator[Failed]:
        """By the reason, in the order of the first of each."""
        return (Failed(tuple(what), why) for why, what in self._found.items())
