"""What a sweep computes: one network under a few settings, each with a name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from core.errors import SettingsError
from core.settings import PARTS, Settings, digest
from core.settings_json import from_json, to_json

MOST_SETTINGS = 8  # side by side, as many as columns of totals fit a screen
MAX_NAME = 80  # characters of a setting's name
COMPUTED = tuple(part for part in PARTS if part != "display")  # colors change no label


@dataclass(frozen=True)
class Named:
    """Settings, and what a person calls them."""

    name: str
    settings: Settings

    @property
    def digest(self) -> str:
        """Names what is computed under them; opacity and palette are not in it."""
        parts = [digest(getattr(self.settings, part)) for part in COMPUTED]
        return hashlib.sha256("-".join(parts).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Plan:
    """A network, one to eight settings, what does not count, and what is kept."""

    checkpoint: str  # `Network.checkpoint_digest`: the file, the part of it, the choices
    settings: tuple[Named, ...]
    ignore_index: int = 255  # true ids whose pixels do not count; -1: all count
    keep_labels: bool = False  # whether the label maps are written, by digest
    source: str = ""  # the pictures, as the user named them

    def __post_init__(self) -> None:
        """Refuse what could not be told apart in a table.

        Raises:
            SettingsError: no settings, too many, or two of one name.
        """
        names = [named.name for named in self.settings]
        if not 1 <= len(names) <= MOST_SETTINGS:
            raise SettingsError(
                f"A sweep compares 1 to {MOST_SETTINGS} settings; these are {len(names)}.",
                remedy="Choose fewer." if names else "Choose one.",
            )
        if len(set(names)) < len(names) or not all(0 < len(name) <= MAX_NAME for name in names):
            raise SettingsError(
                f"Each settings of a sweep need a name of their own of 1 to {MAX_NAME} characters.",
                remedy="Rename one of them.",
            )

    @property
    def digest(self) -> str:
        """Names the run, 16 hexadecimal digits: equal where the same rows would come."""
        parts = [self.checkpoint, str(self.ignore_index), str(self.keep_labels), self.source]
        parts += [text for named in self.settings for text in (named.name, named.digest)]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]

    def to_json(self) -> dict[str, Any]:
        """Plain data that `plan_of` reads."""
        settings = [{"name": named.name, **to_json(named.settings)} for named in self.settings]
        return {**asdict(self), "settings": settings}


def plan_of(value: Any) -> Plan:
    """Read what `Plan.to_json` gave, from anywhere.

    Raises:
        SettingsError: it is something else, or a newer Maskscope's.
    """
    if not isinstance(value, Mapping) or not isinstance(value.get("settings"), list):
        raise _unreadable()
    given = value["settings"]
    if not all(isinstance(each, Mapping) and isinstance(each.get("name"), str) for each in given):
        raise _unreadable()
    plain = {"checkpoint": str, "ignore_index": int, "keep_labels": bool, "source": str}
    if any(type(value.get(name)) is not kind for name, kind in plain.items()):
        raise _unreadable()
    named = tuple(Named(each["name"], from_json(each)) for each in given)
    return Plan(settings=named, **{name: value[name] for name in plain})


def _unreadable() -> SettingsError:
    return SettingsError(
        "What this sweep computed cannot be read.", remedy="Begin a new one in another folder."
    )
