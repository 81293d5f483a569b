"""Files to programs: a checkpoint, a .pt2, an ONNX graph, or saved logits."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from core.deployed.programs import GraphProgram, NetworkProgram, Program, SavedLogits
from core.engine import Runner, in_this_thread
from core.errors import ArchitectureError, CheckpointError
from core.onnx_graph.process import GraphProcess
from core.terminal import read_bytes

SAVED = (".npy", ".npz")
MAX_SAVED = 2**30  # bytes of saved logits


def open_program(
    path: Path,
    *,
    name: str = "",
    digest: str = "",
    folder: Path | None = None,
    allowed: bool = False,
    forward: Runner = in_this_thread,
) -> Program:
    """Open what one side of a comparison is.

    Args:
        path: of the file.
        name: as it is called, where the path is not what the user knows.
        digest: of its bytes, where it is known.
        folder: where a checkpoint's tensors are kept; None for the usual one.
        allowed: whether who asks owns this machine; else its host decides about ONNX graphs.
        forward: the door through which it is run.

    Raises:
        InspectionError: it cannot be opened or run; the message says why and what to do.
    """
    name = name or path.name
    if name.endswith(SAVED):
        return SavedLogits(name, saved_logits(path))
    from core.architectures import build_network
    from core.checkpoint import read_checkpoint

    digest = digest or hashlib.sha256(read_bytes(path)).hexdigest()
    checkpoint = read_checkpoint(path, name=name, digest=digest, folder=folder)
    if checkpoint.container == "ONNX":
        from core.architectures.onnx import onnx_program

        facts = checkpoint.metadata["onnx"]
        if not allowed:
            onnx_program.check_allowed()
        onnx_program.check_installed()
        onnx_program.check_graph(facts)
        _check_input(facts)
        return GraphProgram(name, facts, GraphProcess(path), checkpoint.tensors, forward)
    network = build_network(checkpoint)
    return NetworkProgram(name, network, checkpoint.tensors, forward=forward)


def _check_input(facts: Mapping[str, Any]) -> None:
    """Raises ArchitectureError: the graph takes something else than one picture."""
    shapes = list(facts["inputs"].values())
    if len(shapes) != 1 or len(shapes[0]) != 4:
        raise ArchitectureError(
            f"The ONNX graph has the inputs {dict(facts['inputs'])}; one picture of four axes is "
            "what can be given.",
            remedy="Export the network with one picture as its only input, or save its outputs: "
            "np.save('logits.npy', outputs[0]).",
        )


def saved_logits(path: Path) -> np.ndarray:
    """The largest array of an .npy or .npz; nothing is unpickled.

    Raises:
        CheckpointError: it is none of these, empty, too large, or holds objects.
    """
    content = read_bytes(path)
    remedy = "Save what the runtime returns: np.save('logits.npy', outputs[0])."
    if not 0 < len(content) <= MAX_SAVED:
        raise CheckpointError(f"{path.name} has {len(content):,} bytes.", remedy=remedy)
    try:
        read = np.load(io.BytesIO(content), allow_pickle=False)
        arrays = [read] if isinstance(read, np.ndarray) else _unpacked(read)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, KeyError) as error:
        raise CheckpointError(
            "This file holds no plain array of NumPy (an array of objects is a pickle, which is "
            "not opened).",
            remedy=remedy,
        ) from error
    return max(arrays, key=lambda array: array.size)


def _unpacked(archive: np.lib.npyio.NpzFile) -> list[np.ndarray]:
    """Its arrays; sizes are asked before anything is unpacked."""
    entries = archive.zip.infolist() if archive.zip else []
    total = sum(int(entry.file_size) for entry in entries)
    if total > MAX_SAVED or not archive.files:
        raise ValueError(f"{total} bytes")
    return [archive[name] for name in archive.files]
