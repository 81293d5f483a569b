"""settings.json: every choice of the screen as a file, and back."""

from __future__ import annotations

import json

from core.errors import SettingsError
from core.settings import Settings
from core.settings_json import from_json, to_json

MAX_FILE = 2**20  # bytes


def settings_file(settings: Settings) -> str:
    """The settings, whole, with the number of their schema; one choice a line."""
    return json.dumps(to_json(settings), indent=2, ensure_ascii=False) + "\n"


def settings_of(content: bytes) -> Settings:
    """Read what this version or an older one wrote.

    Raises:
        SettingsError: it is no JSON, of a newer version, or a value is unusable.
    """
    try:
        value = json.loads(content) if len(content) <= MAX_FILE else None
    except ValueError as error:
        raise _no_settings() from error
    except RecursionError as error:  # brackets in brackets without end
        raise _no_settings() from error
    if not isinstance(value, dict):
        raise _no_settings()
    return from_json(value)


def _no_settings() -> SettingsError:
    return SettingsError(
        "The file holds no settings of Maskscope.",
        remedy="Choose a settings.json that was downloaded here.",
    )
