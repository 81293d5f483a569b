"""A file to tensors and a report, without torch, and without running anything that is in it.

bytes -> container             sniff
      -> content               torch_zip | torch_legacy (machine, policy) | safetensors | exported
      -> candidates, report    harvest, report
      -> one safetensors file  canonical
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from core.checkpoint.bundle import is_bundle, opened, read_shards
from core.checkpoint.canonical import check_size, write_canonical
from core.checkpoint.exported_file import read_exported
from core.checkpoint.harvest import Candidate, candidates_in, separated
from core.checkpoint.known import is_normalization
from core.checkpoint.machine import Machine
from core.checkpoint.onnx_file import read_onnx
from core.checkpoint.policy import beyond_weights, refuse_names, user_classes
from core.checkpoint.report import MAX_OTHERS, Report, Surroundings, in_words, summary
from core.checkpoint.safetensors_file import read_safetensors
from core.checkpoint.sniff import LEGACY, ONNX, SAFETENSORS, container_of
from core.checkpoint.stored.small_numbers import computed_in, notes_on_small
from core.checkpoint.tensors import LeftOut, Storage, TensorRecord
from core.checkpoint.torch_legacy import read_legacy
from core.checkpoint.torch_zip import Archive, open_archive
from core.checkpoint.window import Window
from core.errors import CheckpointError

Say = Callable[[str], None]
EXPORTED, SCRIPT, ZIP = "exported program", "TorchScript", "zip pickle"


def read_file(path: Path, out: Path, *, choice: str = "", say: Say = lambda stage: None) -> Report:
    """Read a checkpoint and write its tensors as safetensors.

    Args:
        path: the file, of any kind.
        out: where the safetensors file goes.
        choice: path of another candidate than the first: "ema".
        say: called with each stage in words.

    Raises:
        CheckpointError: the file holds no weights that can be read.
        RefusedError: it asks for something to be run, or is over a limit.
    """
    container = container_of(path)
    if container == ZIP and is_bundle(path):
        return _bundled(path, out, choice, say)
    with path.open("rb") as file, _mapped(file) as data:
        if container == SAFETENSORS:
            say("Opening it as safetensors")
            tensors, metadata = read_safetensors(data)
            candidates = separated(Candidate((), tensors, "dict"))
            return _whole(SAFETENSORS, candidates, metadata, data, out, choice, say)
        if container == ONNX:
            say("Opening it as ONNX")
            tensors, facts = read_onnx(data)
            candidates = separated(Candidate((), tensors, "dict"))[:1]
            return _whole(ONNX, candidates, {"onnx": facts}, data, out, "", say)
        if container == LEGACY:
            say("Opening it as legacy pickle")
            return _pickled(LEGACY, *_legacy(data), data, out, choice, say)
        archive = open_archive(file, data)
        if "archive_format" in archive.entries:
            say("Opening it as exported program")
            tensors, program = read_exported(archive)
            return _whole(
                EXPORTED, [Candidate((), tensors, "dict")], {}, data, out, "", say, program
            )
        container = SCRIPT if "constants.pkl" in archive.entries else ZIP
        say(f"Opening it as {container}")
        return _pickled(container, *_zipped(archive), data, out, choice, say)


def _bundled(path: Path, out: Path, choice: str, say: Say) -> Report:
    """A ZIP around the file with the weights, or around all of them."""
    say("Unpacking the ZIP")
    with opened(path, out.parent) as (bundle, unpacked, starts):
        if bundle.weights[0].endswith(".safetensors"):
            with unpacked.open("rb") as file, _mapped(file) as data:
                tensors, metadata = read_shards(data, starts)
                candidates = separated(Candidate((), tensors, "dict"))
                report = _whole(SAFETENSORS, candidates, metadata, data, out, choice, say)
        elif is_bundle(unpacked):
            raise CheckpointError(
                "The ZIP contains a ZIP that is not a checkpoint.",
                remedy="Unpack it, and upload what is inside.",
            )
        else:
            report = read_file(unpacked, out, choice=choice, say=say)
    return replace(
        report,
        container=f"{report.container} in a ZIP",
        metadata={**report.metadata, **bundle.texts},
        others={**report.others, **bundle.others},
    )


def _mapped(file: BinaryIO) -> mmap.mmap:
    return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _legacy(data: mmap.mmap) -> tuple[Any, Mapping[str, Storage], Machine]:
    machine = Machine()
    try:
        content, storages = read_legacy(data, machine)
    finally:
        refuse_names(machine.called, machine.named)  # a name counts, however the file goes on
    return content, storages, machine


def _zipped(archive: Archive) -> tuple[Any, Mapping[str, Storage], Machine]:
    machine = Machine()
    if archive.entries.get("byteorder") and archive.read("byteorder") != b"little":
        raise CheckpointError(
            "The file was written on a big-endian machine.",
            remedy="Save it again on a little-endian machine (x86 or ARM).",
        )
    try:
        content = machine.run(Window(archive.read("data.pkl")))
    finally:
        refuse_names(machine.called, machine.named)
    folder = "data/"
    storages = {}
    for reference in machine.references:
        parts = reference.value
        key = parts[2] if isinstance(parts, tuple) and len(parts) > 2 else None
        if isinstance(key, str) and key not in storages and folder + key in archive.entries:
            archive.check(folder + key)
            entry = archive.entries[folder + key]
            storages[key] = Storage(entry.start, entry.length, "")
    return content, storages, machine


def _pickled(
    container: str,
    content: Any,
    storages: Mapping[str, Storage],
    machine: Machine,
    data: mmap.mmap,
    out: Path,
    choice: str,
    say: Say,
) -> Report:
    say("Looking for the weights")
    around = Surroundings(content, storages)
    candidates = candidates_in(content, storages)
    if not candidates:
        raise around.no_weights()
    taken = _chosen(candidates, choice)
    _write(taken, data, out, say)
    return replace(
        _report(container, candidates, taken),
        others=around.others(taken.path),
        classes=list(user_classes(machine.named))[:200],
        metadata=around.metadata(taken.path),
        beyond_weights=list(beyond_weights(machine.named))[:200],
    )


def _chosen(candidates: list[Candidate], choice: str) -> Candidate:
    if not choice:
        return candidates[0]
    for candidate in candidates:
        if "/".join(candidate.place) == choice:
            return candidate
    known = ", ".join("/".join(candidate.place) or "the file itself" for candidate in candidates)
    raise CheckpointError(
        f"The file has no weights under {choice[:80]!r}.",
        remedy=f"Choose one of these: {known[:400]}.",
    )


def _whole(
    container: str,
    candidates: list[Candidate],
    metadata: Mapping[str, Any],
    data: mmap.mmap,
    out: Path,
    choice: str,
    say: Say,
    program: str = "",
) -> Report:
    """A container that holds tensors by name and nothing around them."""
    taken = _chosen(candidates, choice)
    if not taken.readable and not program:
        raise CheckpointError(
            f"The {container} file holds no tensors that can be read.",
            remedy="Choose the file with the network's weights.",
        )
    _write(taken, data, out, say)
    report = _report(container, candidates, taken)
    return replace(report, others=report.left_out, metadata=dict(metadata), program=program)


def _report(container: str, candidates: list[Candidate], taken: Candidate) -> Report:
    """What is told of the weights that are taken, and that there are others."""
    return Report(
        container=container,
        wrapper=list(taken.place),
        prefix=taken.prefix,
        keys=list(taken.readable),
        kind=taken.kind,
        others={},
        left_out={k: t.why for k, t in taken.tensors.items() if isinstance(t, LeftOut)},
        candidates=[summary(c) for c in [taken, *(c for c in candidates if c is not taken)]][:50],
        classes=[],
        training=taken.training,
        attributes=taken.attributes,
        metadata={},
        left_over=dict(list(in_words(taken.left_over).items())[:MAX_OTHERS]),
        buffers=list(_buffers(taken)),
        notes=notes_on_small(taken.readable.values()),
        computed=computed_in(taken.readable),
    )


def _buffers(taken: Candidate) -> dict[str, TensorRecord]:
    """What is left over beside the network and says how its pictures are normalized."""
    return {
        key: tensor
        for key, tensor in taken.left_over.items()
        if isinstance(tensor, TensorRecord) and is_normalization(key, tensor.shape)
    }


def _write(taken: Candidate, data: mmap.mmap, out: Path, say: Say) -> None:
    tensors = taken.readable | _buffers(taken)
    check_size(tensors, len(data))
    say("Copying the weights")
    write_canonical(tensors, data, out, say)
