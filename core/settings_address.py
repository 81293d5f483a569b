"""Settings as text: the address bar, which holds every choice by its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.errors import SettingsError
from core.settings import HINTS, PART_OF, Settings, Triple, change, flatten


def to_query(settings: Settings) -> dict[str, str]:
    """The address-bar form: every choice explicit, so that a link outlives a changed default."""
    return {name: _to_text(value) for name, value in flatten(settings).items()}


def from_query(query: Mapping[str, str]) -> tuple[Settings, tuple[str, ...]]:
    """Read the address bar back.

    Returns:
        The settings, and the names whose value was unusable and fell back to the default.
        Names that are no settings are left to others.
    """
    settings, ignored = Settings(), []
    for name in PART_OF.keys() & query.keys():
        try:
            settings = change(settings, **{name: _from_text(name, query[name])})
        except (SettingsError, ValueError):
            ignored.append(name)
    return settings, tuple(sorted(ignored))


def _to_text(value: Any) -> str:
    if isinstance(value, tuple):
        joint = "|" if value and isinstance(value[0], str) else ","  # names may hold commas
        return joint.join(_to_text(item) for item in value)
    if isinstance(value, bool):
        return "1" if value else "0"
    return f"{value:.9g}" if isinstance(value, float) else str(value)


def _from_text(name: str, text: str) -> Any:
    hint = HINTS[name]
    if hint == Triple:
        return tuple(float(item) for item in text.split(","))
    if hint == tuple[str, ...]:
        return tuple(item for item in text.split("|") if item)
    if hint is bool:
        return {"1": True, "0": False}[text] if text in ("0", "1") else text
    return hint(text) if hint in (int, float) else text
