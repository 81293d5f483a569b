"""Starting the reading process, reading what it says, and ending it whatever happens."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from core.checkpoint.report import Report
from core.checkpoint.sniff import unreadable
from core.errors import CheckpointError, RefusedError

ROOT = Path(__file__).resolve().parent.parent.parent
START = (
    "import sys; sys.path += sys.argv[1:3]; "
    "from core.checkpoint.child import main; main(sys.argv[3:])"
)
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
    child = subprocess.Popen(
        command_of(path, out, choice),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"OPENBLAS_NUM_THREADS": "1"},  # each thread would reserve memory
        cwd=out.parent,
    )
    watch = threading.Timer(patience, child.kill)
    watch.start()
    try:
        return _listen(child, progress)
    finally:
        watch.cancel()
        child.kill()
        child.wait()
        if child.stdout:
            child.stdout.close()


def command_of(path: Path, out: Path, choice: str) -> list[str]:
    """What starts the limited process; its arguments are those of `read_in_process`."""
    packages = Path(np.__file__).parent.parent  # -S leaves them out, NumPy is needed for views
    arguments = [ROOT, packages, path.resolve(), out.resolve(), choice]
    return [sys.executable, "-I", "-S", "-c", START, *map(str, arguments)]


def _listen(child: subprocess.Popen[bytes], progress: Callable[[str], None]) -> Report:
    for line in child.stdout or ():
        message: dict[str, Any] = json.loads(line)
        if "stage" in message:
            progress(message["stage"])
        elif "report" in message:
            return Report(**message["report"])
        else:
            kind, text, remedy = message["error"]
            raise KINDS[kind](text, remedy=remedy)
    child.wait()
    if child.returncode in (-9, -24):  # killed by our clock, or by its own CPU limit
        raise RefusedError(
            "Reading the file took too long and was stopped.",
            remedy="Save the weights alone: torch.save(model.state_dict(), ...)",
        )
    raise CheckpointError(
        "The file is truncated or damaged: the process that read it stopped.",
        remedy="Copy or download it again, and compare its size with the original.",
    )
