"""The process that reads one file: limited, without torch, gone when it is done.

Started by `process.py` as `python -I -S`; talks JSON lines on its standard output:
`{"stage": ...}` while it works, then `{"report": ...}` or `{"error": ...}`.
"""

from __future__ import annotations

import json
import math
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core.checkpoint.around.compressed import bytes_inside
from core.checkpoint.bundle import bytes_unpacked
from core.checkpoint.reader import read_file
from core.checkpoint.sniff import MAX_BYTES
from core.errors import CheckpointError, RefusedError

INFLATED = 4  # unpacking costs what reading so many times the file would
MEMORY = 512 * 2**20  # address space beyond the file, its map and what a strided tensor takes
GROWTH = 256 * 2**20  # views written out one after the other
CPU_SECONDS = 8  # and one more for each SLOWEST bytes
SLOWEST = 20e6  # bytes per second: unpacked, compared with their checksums, and written
SAVE_ALONE = "Save the weights alone: torch.save(model.state_dict(), ...)"
FILE_BYTES = 4 * 2**30 + 64 * 2**20  # of the safetensors file


def main(arguments: list[str]) -> None:
    """Read `arguments[0]`, write to `arguments[1]`, of the candidate `arguments[2]`."""
    path, out, choice = arguments
    try:
        limit_process(Path(path))
        report = read_file(Path(path), Path(out), choice=choice, say=lambda s: _send({"stage": s}))
        _send({"report": asdict(report)})
    except CheckpointError as error:
        kind = "RefusedError" if isinstance(error, RefusedError) else "CheckpointError"
        _send({"error": [kind, error.message, error.remedy]})
    except OSError as error:  # of the disk; what the file lacks is a CheckpointError
        sentence = f"The weights cannot be kept on the server's disk: {error.strerror or error}."
        _send(
            {"error": ["CheckpointError", sentence, "Make room there, then open the file again."]}
        )
    except MemoryError:
        sentence = "Reading the file takes too much memory."
        _send({"error": ["RefusedError", sentence, SAVE_ALONE]})


def _send(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def limit_process(path: Path) -> None:
    """Take memory, time and files from this process, for good, as this file needs them.

    Where the system has no such limits, the time limit of the parent is what remains.
    """
    try:
        import resource
    except ImportError:
        return
    size = path.stat().st_size if path.exists() else 0
    for kind, limit in (
        (resource.RLIMIT_CPU, CPU_SECONDS + math.ceil(size * INFLATED / SLOWEST)),
        (resource.RLIMIT_FSIZE, FILE_BYTES),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 64),
    ):
        resource.setrlimit(kind, (limit, limit))
    # The directory of a ZIP is foreign too: it is looked at under the limit of any other file.
    most = _memory(max(size, MAX_BYTES))
    resource.setrlimit(resource.RLIMIT_AS, (_memory(size), most))
    needed = _memory(max(size, bytes_unpacked(path), bytes_inside(path) if size else 0))
    resource.setrlimit(resource.RLIMIT_AS, (needed, needed))


def _memory(size: int) -> int:
    """Address space for a file, or for what it unpacks to, of so many bytes."""
    return MEMORY + GROWTH + 2 * size
