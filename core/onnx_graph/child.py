"""The process that runs one ONNX graph: limited, one picture after the other, gone with its parent.

Started by `process.py` as `python -I -S`. Asked by a line of JSON (shape, `every` output,
`tapped` layers) and raw float32 numbers; answers by a line with the heads of what follows and raw
numbers, or by one that says why not.
"""

from __future__ import annotations

import json
import math
import sys
from typing import Any

import numpy as np

from core.onnx_graph.tap import TappedGraph

MEMORY = 4 * 2**30  # address space
FILE_BYTES = 0  # it writes none
MAX_ANSWER = 2**30  # bytes
KINDS = {  # of an input, by onnxruntime's words; float32 where it has none of these
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
    "tensor(int64)": np.int64,
}


def main(path: str) -> None:
    """Answer until the parent is gone."""
    import onnxruntime

    _limit()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session, fault, tapped = None, "", None
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as exc:  # its own exceptions have no common class
        fault = _words(exc)
    while line := sys.stdin.buffer.readline():
        asked = json.loads(line)
        content = sys.stdin.buffer.read(4 * math.prod(asked["shape"]))
        x = np.frombuffer(content, "<f4").reshape(asked["shape"])
        try:
            if session is None:
                raise RuntimeError(fault)
            kind = session.get_inputs()[0].type
            x = x.astype(KINDS.get(kind, np.float32))
            if asked["tapped"]:
                tapped = tapped or TappedGraph(path)
                outputs, layers = tapped.run(x)
            else:
                outputs, layers = _run(session, x), []
            _send(outputs if asked["every"] else _first(outputs), layers)
        except Exception as exc:  # the same
            _write({"error": _words(exc)}, [])


def _run(session: Any, x: np.ndarray) -> dict[str, np.ndarray]:
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, {session.get_inputs()[0].name: x}), strict=True))


def _first(outputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The first that may be logits, as float32."""
    for name, output in outputs.items():
        if getattr(output, "ndim", 0) == 4:
            return {name: output.astype("<f4")}
    raise ValueError(f"no output of the shape (1, classes, height, width) among {len(outputs)}")


def _words(exc: Exception) -> str:
    return (str(exc).strip().splitlines() or [type(exc).__name__])[0][:300]


def _send(outputs: dict[str, np.ndarray], layers: list[dict[str, Any]]) -> None:
    arrays = {name: np.ascontiguousarray(output) for name, output in outputs.items()}
    if sum(output.nbytes for output in arrays.values()) > MAX_ANSWER:
        raise ValueError(f"outputs of more than {MAX_ANSWER / 2**30:.0f} GiB")
    head = {
        "outputs": [
            {"name": name, "shape": output.shape, "dtype": output.dtype.str}
            for name, output in arrays.items()
        ],
        "layers": [{**layer, "samples": len(layer["samples"])} for layer in layers],
    }
    _write(head, [*arrays.values(), *(layer["samples"].astype("<f4") for layer in layers)])


def _write(head: dict[str, Any], arrays: list[np.ndarray]) -> None:
    sys.stdout.buffer.write(json.dumps(head).encode() + b"\n")
    for array in arrays:
        sys.stdout.buffer.write(array.tobytes())
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
