"""The process that reads one file (see core/forked.py): limited, without torch.

It answers in lines of JSON: `{"stage": ...}` while it works, at last `{"report": ...}` or
`{"error": ...}`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

from core.checkpoint.around.compressed import bytes_inside
from core.checkpoint.containers.bundle import bytes_unpacked
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


def answer(request: BinaryIO, out: BinaryIO) -> None:
    """Read a file as the request says: its path, where the tensors go, which candidate."""
    path, target, choice = json.load(request)

    def send(message: dict[str, Any]) -> None:
        out.write(json.dumps(message).encode() + b"\n")
        out.flush()

    send(_read(Path(path), Path(target), choice, say=lambda stage: send({"stage": stage})))


def _read(path: Path, target: Path, choice: str, say: Callable[[str], None]) -> dict[str, Any]:
    """The last line of the answer."""
    try:
        limit_process(path)
        return {"report": asdict(read_file(path, target, choice=choice, say=say))}
    except CheckpointError as error:
        kind = "RefusedError" if isinstance(error, RefusedError) else "CheckpointError"
        return {"error": [kind, error.message, error.remedy]}
    except OSError as error:  # of the disk; what the file lacks is a CheckpointError
        sentence = f"The weights cannot be kept on the server's disk: {error.strerror or error}."
        remedy = "Make room there, then open the file again."
        return {"error": ["CheckpointError", sentence, remedy]}
    except MemoryError:
        return {"error": ["RefusedError", "Reading the file takes too much memory.", SAVE_ALONE]}


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
