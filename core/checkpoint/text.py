"""Texts of a file, cleaned where they enter: from here on every text can be written in UTF-8."""

from __future__ import annotations

import json
import re
from typing import Any

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
LONE_SURROGATE = re.compile("[\ud800-\udfff]")  # half a character, which no encoding can write


def without_surrogates(text: str) -> str:
    r"""The text with U+FFFD in the place of every lone surrogate.

    >>> without_surrogates("conv\ud800.weight") == "conv\ufffd.weight"
    True
    """
    return text if text.isascii() else LONE_SURROGATE.sub(REPLACEMENT, text)


def read_json(content: bytes, **options: Any) -> Any:
    """What a JSON text describes, its texts cleaned.

    Args:
        content: UTF-8, UTF-16 or UTF-32.
        options: of `json.loads`.

    Raises:
        ValueError: it is no JSON.
        RecursionError: lists in lists in lists.
    """
    text = content.decode(json.detect_encoding(content))
    value = json.loads(text, **options)
    return _cleaned(value) if "\\ud" in text.lower() else value


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return without_surrogates(value)
    if isinstance(value, list):
        return [_cleaned(part) for part in value]
    if isinstance(value, dict):
        cleaned = {without_surrogates(key): _cleaned(part) for key, part in value.items()}
        if len(cleaned) < len(value):
            raise ValueError("two names differ only by characters that cannot be written")
        return cleaned
    return value
