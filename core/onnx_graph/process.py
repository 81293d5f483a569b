"""Who asks the process of an ONNX graph: numbers go there, and outputs come back.

One line of JSON each way, then raw numbers; see `child.py`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from core.errors import ArchitectureError, ForwardError

ALLOWED = "ALLOW_ONNX"  # "1": graphs are run; "ask": after a click on the page Deployed
ASK = "ask"
ROOT = Path(__file__).resolve().parents[2]
START = (
    "import sys; sys.path += sys.argv[1:3]; "
    "from core.onnx_graph.child import main; main(sys.argv[3])"
)
SECONDS = 120  # of one forward, and of the start


@dataclass(frozen=True, eq=False)
class Output:
    """One output of a graph."""

    name: str
    values: np.ndarray  # in the graph's own kind of numbers


@dataclass(frozen=True)
class Answer:
    """What a graph gave."""

    outputs: tuple[Output, ...]
    layers: tuple[Mapping[str, Any], ...] = ()  # see `tap.py`; their samples are Float32[n]


class GraphProcess:
    """The process of one graph: started when it is first asked, gone with this value."""

    def __init__(self, path: Path | None) -> None:
        """Args: path, of the file.

        Raises:
            ArchitectureError: it is not there any more.
        """
        if path is None or not path.exists():
            raise ArchitectureError("The ONNX file is gone.", remedy="Upload it again.")
        self._path = path
        self.child: subprocess.Popen[bytes] | None = None
        self._turn = threading.Lock()

    def ask(self, values: np.ndarray, *, every: bool = False, tapped: bool = False) -> Answer:
        """Run the graph on one input.

        Args:
            values: Float32, of any shape; the process casts them to the graph's kind.
            every: all outputs, of any shape; else the first one that may be logits.
            tapped: also a sketch of each layer.

        Raises:
            ForwardError: onnxruntime raised, or the process stopped.
        """
        question = {"shape": values.shape, "every": every, "tapped": tapped}
        with self._turn:
            if self.child is None:
                self.child = _started(self._path)
                weakref.finalize(self, _end, self.child)
            child = self.child
            watch = threading.Timer(SECONDS, child.kill)
            watch.start()
            try:
                return _exchange(child, question, values)
            except ForwardError:
                _end(child)
                self.child = None
                raise
            finally:
                watch.cancel()


def _started(path: Path) -> subprocess.Popen[bytes]:
    packages = Path(np.__file__).parent.parent
    command = [sys.executable, "-I", "-S", "-c", START, ROOT, packages, path.resolve()]
    return subprocess.Popen(
        list(map(str, command)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "")},
    )


def _end(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with suppress(OSError):  # what was not sent cannot be sent any more
                pipe.close()


def _exchange(
    child: subprocess.Popen[bytes], question: Mapping[str, Any], values: np.ndarray
) -> Answer:
    stopped = ForwardError(
        f"The process that runs the ONNX graph stopped on an input of shape {values.shape}.",
        remedy="Choose a smaller size under Resize, or upload the network as .pt2.",
    )
    if child.stdin is None or child.stdout is None:
        raise stopped
    try:
        child.stdin.write(json.dumps(question).encode() + b"\n")
        child.stdin.write(np.ascontiguousarray(values, "<f4").tobytes())
        child.stdin.flush()
        line = child.stdout.readline()
        answer = json.loads(line) if line else {}
        if "error" not in answer:
            return _read(answer, child.stdout)
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise stopped from exc
    raise ForwardError(
        f"onnxruntime stops: {answer['error']}",
        remedy="Choose another size under Resize, or upload the network as .pt2.",
    )


def _read(answer: Mapping[str, Any], pipe: IO[bytes]) -> Answer:
    """Outputs, then samples of layers, in the order of their heads."""
    outputs = tuple(
        Output(str(head["name"]), _numbers(pipe, head["dtype"], head["shape"]))
        for head in answer["outputs"]
    )
    layers = tuple(
        {**head, "samples": _numbers(pipe, "<f4", (head["samples"],))} for head in answer["layers"]
    )
    return Answer(outputs, layers)


def _numbers(pipe: IO[bytes], dtype: str, shape: Any) -> np.ndarray:
    kind = np.dtype(dtype)
    content = pipe.read(kind.itemsize * int(np.prod(shape)))
    return np.frombuffer(content, kind).reshape(shape).copy()
