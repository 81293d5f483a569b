"""Settings as JSON that a later version still understands: whole, with the number of the schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from core.errors import SettingsError
from core.settings import CONTROLS, PART_OF, PARTS, Settings, change

# Raised by a new field, which says so in `since`, and by a change of meaning, with a step below.
SCHEMA = max(2, *(control.since for control in CONTROLS.values()))


def to_json(settings: Settings) -> dict[str, Any]:
    """Every choice, nothing left to a default that may change."""
    return {"schema": SCHEMA, **asdict(settings)}


def from_json(value: Any) -> Settings:
    """Read what this version or an older one wrote.

    Args:
        value: parsed JSON, from anywhere.

    Raises:
        SettingsError: a newer version wrote it, something is missing, or a value is unusable.
    """
    parts = _brought_up_to_date(value)
    there = [name for name, control in CONTROLS.items() if control.since <= value["schema"]]
    given = {name: _plain(parts, PART_OF[name], name) for name in there}
    try:
        return change(Settings(), **given)
    except TypeError as error:  # a number where a list belongs
        raise _unreadable("a value has the wrong type") from error


def _brought_up_to_date(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or type(value.get("schema")) is not int:
        raise _unreadable("the number of their schema is missing")
    parts: Mapping[str, Any] = value
    schema = value["schema"]
    if schema > SCHEMA:
        raise SettingsError(
            f"These settings were written by a newer Maskscope (schema {schema}).",
            remedy=f"Open them there, or update this one: it knows schema {SCHEMA}.",
        )
    if schema < 1:
        raise _unreadable(f"there never was a schema {schema}")
    for number in range(schema, SCHEMA):
        parts = STEPS[number](parts) if number in STEPS else parts
    return parts


def _plain(parts: Mapping[str, Any], part: str, name: str) -> Any:
    if not isinstance(parts.get(part), Mapping) or name not in parts[part]:
        raise _unreadable(f"{name} is missing")
    value = parts[part][name]
    return tuple(value) if isinstance(value, list) else value


def _unreadable(why: str) -> SettingsError:
    return SettingsError(
        f"These settings cannot be read: {why}.", remedy="Write them with Maskscope again."
    )


# --- steps: each turns the JSON of one schema into that of the next -------------------------------


def _into_parts(old: Mapping[str, Any]) -> Mapping[str, Any]:
    """1 was flat."""
    return {
        part: {name: old[name] for name in PART_OF if PART_OF[name] == part and name in old}
        for part in PARTS
    }


STEPS: dict[int, Callable[[Mapping[str, Any]], Mapping[str, Any]]] = {1: _into_parts}
