"""Letting a process read a file, and passing on what it says."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from core.checkpoint.child import CPU_SECONDS, SAVE_ALONE
from core.checkpoint.report import Report
from core.checkpoint.sniff import unreadable
from core.errors import CheckpointError, RefusedError
from core.forked import Forks, NotBegunError

FORKS = Forks("core.checkpoint.child")
SECONDS = 30.0  # and one more for each SLOWEST bytes
SLOWEST = 20e6  # bytes per second that a busy disk still gives
KINDS = {"CheckpointError": CheckpointError, "RefusedError": RefusedError}


def read_in_process(path: Path, out: Path, choice: str, progress: Callable[[str], None]) -> Report:
    """Read a file in a process of its own.

    Args:
        path: the file.
        out: where the tensors go, as safetensors.
        choice: path of a candidate, "" for the first.
        progress: called with each stage in words; what it raises ends the process.

    Raises:
        CheckpointError: see `reader.read_file`.
    """
    try:
        patience = SECONDS + path.stat().st_size / SLOWEST
    except OSError as exc:
        raise unreadable(exc) from exc
    request = json.dumps([str(path.resolve()), str(out.resolve()), choice]).encode()
    try:
        with FORKS.ask(request, patience) as answer:
            return _listen(answer, progress)
    except NotBegunError as exc:
        raise CheckpointError(
            "The process that reads checkpoints could not be started: this machine is full.",
            remedy="Try again in a minute.",
        ) from exc


def _listen(answer: BinaryIO, progress: Callable[[str], None]) -> Report:
    began = time.monotonic()
    for line in answer:
        if not line.endswith(b"\n"):
            break  # it ended while it wrote
        message: dict[str, Any] = json.loads(line)
        if "stage" in message:
            progress(message["stage"])
        elif "report" in message:
            return Report(**message["report"])
        else:
            kind, text, remedy = message["error"]
            raise KINDS[kind](text, remedy=remedy)
    if time.monotonic() - began > 0.9 * CPU_SECONDS:  # ended by the clock, or by its own limit
        raise RefusedError("Reading the file took too long and was stopped.", remedy=SAVE_ALONE)
    raise CheckpointError(
        "The file is truncated or damaged: the process that read it stopped.",
        remedy="Copy or download it again, and compare its size with the original.",
    )
