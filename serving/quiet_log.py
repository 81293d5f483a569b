"""Logs that hold no secrets: the token, run ids and queries of any kind never reach a handler."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable
from typing import Any

QUERY_SECRET = re.compile(r"(?i)\b(token|run|share|code|state|session|provider)=[^&\s\"'<>]+")
HEADER_SECRET = re.compile(r"(?i)\b(bearer|cookie:)\s+\S+")

access_log = logging.getLogger("maskscope.access")


def redactor(token: str) -> Callable[[str], str]:
    """Return what removes this token, and everything that looks like a secret, from a text."""

    def redact(text: str) -> str:
        text = text.replace(token, "[token]") if token else text
        return HEADER_SECRET.sub(r"\1 [hidden]", QUERY_SECRET.sub(r"\1=[hidden]", text))

    return redact


def keep_quiet(token: str) -> None:
    """Redact every record of this process where it is made, whoever logs and whoever writes it.

    A filter on our own loggers would not do: uvicorn configures its own when it starts, and logs
    the whole address of every websocket.
    """
    redact, make = redactor(token), logging.getLogRecordFactory()
    formatter = logging.Formatter()

    def record(*args: Any, **options: Any) -> logging.LogRecord:
        made = make(*args, **options)
        made.msg, made.args = redact(_text(made)), ()
        if made.exc_info and made.exc_info[0] is not None:
            made.exc_text = redact(formatter.formatException(made.exc_info))
        return made

    logging.setLogRecordFactory(record)


def _text(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):  # a wrong format must not end who logs
        return f"{record.msg} {record.args}"


def write_access_log() -> None:
    """Write one line an answer to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    access_log.addHandler(handler)
    access_log.setLevel(logging.INFO)
    access_log.propagate = False
