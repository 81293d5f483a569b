"""Decoding what a stranger has sent: in a process with little time and memory, not in this one."""

from __future__ import annotations

import json
import math
import time
from typing import Any, BinaryIO

import numpy as np

from core.errors import ImageError
from core.forked import Forks, NotBegunError
from core.image.nifti import MIDDLE
from core.image.raster import Raster
from core.image.read import LIMITS, check_bytes, damaged

FORKS = Forks("core.image.child")
SECONDS = 20.0  # by the clock, on a machine that is busy
SLOW = 4.5  # seconds after which a process that ended without a word had no time left
DTYPES = {np.dtype(kind).str for kind in ["?", *"bBhHiIqQefd"]}  # that a picture may have
MAX_ANSWER = 2**20  # bytes of the JSON


def read_guarded(
    content: bytes, smaller: tuple[int, int] | None = None, cut: tuple[int, int] = MIDDLE
) -> Raster:
    """Read the first frame of a picture's file in a process of its own.

    For uploads and the command line. It takes a few milliseconds more than `read_raster`, and a
    second where it is the first one: then the process that is forked has to start.

    Args:
        content: the file, of one of the formats of `sniff.py`.
        smaller: width and height of a copy of it, as the error for a picture that is too large
            says; see `read_smaller`.
        cut: of a volume, as `read_raster` takes it.

    Raises:
        ImageError: it cannot be decoded, takes too long or too much memory, or is over a limit.
    """
    check_bytes(content, LIMITS)
    began = time.monotonic()
    try:
        asked = json.dumps({"smaller": smaller, "cut": cut}).encode()
        with FORKS.ask(asked + b"\n" + content, SECONDS) as answer:
            told, body = _read(answer)
    except NotBegunError as exc:
        raise ImageError(
            "The process that decodes pictures could not be started: this machine is full.",
            remedy="Try again in a minute.",
        ) from exc
    if told is None:
        raise _too_long() if time.monotonic() - began > SLOW else damaged()
    if "error" in told:
        message, remedy, code, size = told["error"]
        raise ImageError(message, remedy=remedy, code=code, smaller=tuple(size) if size else None)
    return _raster(told, body)


def _too_long() -> ImageError:
    return ImageError(
        "Decoding the picture took too long and was stopped.",
        remedy="Save it as PNG or JPEG, or upload a smaller version of it.",
    )


def _raster(told: dict[str, Any], body: bytes) -> Raster:
    """Put the answer together; it comes from a process that a stranger's file was in."""
    shape, dtype = tuple(told["shape"]), told["dtype"]
    size = math.prod(shape) * np.dtype(dtype).itemsize if dtype in DTYPES else -1
    if size + 4 * told["colors"] != len(body):
        raise damaged()
    values = np.frombuffer(body[:size], dtype).reshape(shape)
    palette = np.frombuffer(body[size:], np.uint8).reshape(-1, 4) if told["colors"] else None
    listed = {name: tuple(told["about"][name]) for name in ("notes", "volume", "cut")}
    about = {**told["about"], **listed}
    return Raster(values, palette=palette, **about)


def _read(answer: BinaryIO) -> tuple[dict[str, Any] | None, bytes]:
    """JSON and arrays; None where the process ended before it had answered."""
    length = int.from_bytes(answer.read(4), "big")
    if not 0 < length <= MAX_ANSWER:
        return None, b""
    try:
        told = json.loads(answer.read(length))
    except ValueError:
        return None, b""
    return told, answer.read(LIMITS.unpacked + 2**20)
