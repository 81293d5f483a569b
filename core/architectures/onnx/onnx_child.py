"""The process that runs one ONNX graph: limited, one picture after the other, gone with its parent.

Started by `onnx_program.py` as `python -I -S`. Asked by a line with the shape and raw float32
numbers; answers in the same way, or with a line that says why not.
"""

from __future__ import annotations

import json
import math
import sys
from typing import Any

import numpy as np

MEMORY = 4 * 2**30  # address space
FILE_BYTES = 0  # it writes none
MAX_ANSWER = 2**30  # bytes


def main(path: str) -> None:
    """Answer until the parent is gone."""
    import onnxruntime

    _limit()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session, fault = None, ""
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as exc:  # its own exceptions have no common class
        fault = _words(exc)
    while line := sys.stdin.buffer.readline():
        shape = json.loads(line)
        content = sys.stdin.buffer.read(4 * math.prod(shape))
        x = np.frombuffer(content, "<f4").reshape(shape)
        _send(*((None, fault) if session is None else _run(session, x)))


def _run(session: Any, x: np.ndarray) -> tuple[np.ndarray | None, str]:
    asked = session.get_inputs()[0]
    kind = {"tensor(float16)": np.float16, "tensor(double)": np.float64}.get(asked.type, np.float32)
    try:
        outputs = session.run(None, {asked.name: x.astype(kind)})
    except Exception as exc:  # its own exceptions have no common class
        return None, _words(exc)
    for output in outputs:
        if getattr(output, "ndim", 0) == 4 and output.nbytes <= MAX_ANSWER:
            return output, ""
    return None, f"no output of the shape (1, classes, height, width) among {len(outputs)}"


def _words(exc: Exception) -> str:
    return (str(exc).strip().splitlines() or [type(exc).__name__])[0][:300]


def _send(output: np.ndarray | None, fault: str) -> None:
    if output is None:
        sys.stdout.buffer.write(json.dumps({"error": fault}).encode() + b"\n")
    else:
        head = json.dumps({"shape": output.shape}).encode()
        sys.stdout.buffer.write(head + b"\n" + output.astype("<f4").tobytes())
    sys.stdout.buffer.flush()


def _limit() -> None:
    """Where the system has no such limits, the time limit of the parent is what remains."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
