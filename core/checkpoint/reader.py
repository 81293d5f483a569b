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

from core.checkpoint.around.compressed import OPENERS, decompressed
from core.checkpoint.around.distributed import is_distributed, opened_distributed, read_pieces
from core.checkpoint.around.foreign import by_files
from core.checkpoint.canonical import check_names, check_size, check_written, write_canonical
from core.checkpoint.containers.bundle import MAX_FILES, infos_of, is_bundle, opened, read_shards
from core.checkpoint.containers.exported_file import read_exported
from core.checkpoint.containers.onnx_file import read_onnx
from core.checkpoint.containers.safetensors_file import read_safetensors
from core.checkpoint.containers.torch_legacy import read_legacy
from core.checkpoint.containers.torch_zip import Archive, is_torch, open_archive
from core.checkpoint.harvest import Candidate, candidates_in, ranked, separated
from core.checkpoint.known import is_normalization
from core.checkpoint.pickled.machine import Machine
from core.checkpoint.pickled.policy import beyond_weights, foreign_calls, refuse_names, user_classes
from core.checkpoint.pickled.rebuilt import tensor_of
from core.checkpoint.plain import LEFT_OUT, Plain
from core.checkpoint.report import MAX_OTHERS, Report, Surroundings, in_words, summary
from core.checkpoint.sniff import LEGACY, ONNX, SAFETENSORS, TAR, XZ, container_of
from core.checkpoint.stored.small_numbers import computed_in, notes_on_small
from core.checkpoint.tensors import LeftOut, Storage, TensorRecord
from core.checkpoint.text import without_surrogates
from core.checkpoint.window import TooMuch, Window
from core.errors import CheckpointError

Say = Callable[[str], None]
MAX_LISTED = 200  # names of one kind
EXPORTED, SCRIPT, ZIP = "exported program", "TorchScript", "zip pickle"
DISTRIBUTED = "distributed checkpoint"
MAX_LAYERS = 2  # tar in gzip; more is no checkpoint


def read_file(
    path: Path, out: Path, *, choice: str = "", say: Say = lambda stage: None, layers: int = 0
) -> Report:
    """Read a checkpoint and write its tensors as safetensors.

    Args:
        path: the file, of any kind.
        out: where the safetensors file goes.
        choice: path of another candidate than the first: "ema".
        say: called with each stage in words.
        layers: of compression, that it came out of.

    Raises:
        CheckpointError: the file holds no weights that can be read.
        RefusedError: it asks for something to be run, or is over a limit.
    """
    container = container_of(path)
    if container in OPENERS or container == TAR:
        return _decompressed(path, container, out, choice, say, layers)
    names = _names_in(path) if container == ZIP else []
    if (other := by_files(names)) is not None:
        raise other.error()
    if is_distributed(names):
        return _distributed(path, out, choice, say)
    if container == ZIP and is_bundle(path):
        return _bundled(path, out, choice, say, layers)
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
        report = _archived(archive, data, out, choice, say)
        return replace(report, notes=[*report.notes, *_without_checksums(archive)])


def _archived(archive: Archive, data: mmap.mmap, out: Path, choice: str, say: Say) -> Report:
    if "archive_format" in archive.entries:
        say("Opening it as exported program")
        tensors, program = read_exported(archive)
        return _whole(EXPORTED, [Candidate((), tensors, "dict")], {}, data, out, "", say, program)
    container = SCRIPT if "constants.pkl" in archive.entries else ZIP
    say(f"Opening it as {container}")
    return _pickled(container, *_zipped(archive), data, out, choice, say)


def _without_checksums(archive: Archive) -> list[str]:
    if archive.checksums:
        return []
    return ["The file carries no checksums (all are zero), so damage to its numbers goes unnoticed"]


def _names_in(path: Path) -> list[str]:
    """The names in an archive; [] where torch wrote it, or where they are too many for a folder."""
    names = [info.filename for info in infos_of(path)]
    return [] if len(names) > MAX_FILES or any(map(is_torch, names)) else names


def _decompressed(
    path: Path, container: str, out: Path, choice: str, say: Say, layers: int
) -> Report:
    """A checkpoint, or a folder, inside a file of a program like gzip or tar."""
    _check_layers(layers)
    say(f"Unpacking the {container}")
    more = container != TAR  # its files come as a ZIP, which is counted
    with decompressed(path, container, out.parent) as inner:
        report = read_file(inner, out, choice=choice, say=say, layers=layers + more)
    inside = report.container.removesuffix(" in a ZIP") if container == TAR else report.container
    return replace(report, container=f"{inside} in {_with_article(container)}")


def _check_layers(layers: int) -> None:
    if layers == MAX_LAYERS:
        raise CheckpointError(
            f"The file is compressed more than {MAX_LAYERS} times over.",
            remedy="Unpack it, and upload the checkpoint that is inside.",
        )


def _with_article(container: str) -> str:
    return f"an {container}" if container == XZ else f"a {container}"


def _distributed(path: Path, out: Path, choice: str, say: Say) -> Report:
    """A folder of torch.distributed.checkpoint in a ZIP."""
    say("Unpacking the pieces")
    with (
        opened_distributed(path, out.parent) as (index, unpacked, starts),
        unpacked.open("rb") as file,
        _mapped(file) as data,
    ):
        found = read_pieces(index, data, starts, single_tensor)
        return _whole(DISTRIBUTED, ranked(found), {}, data, out, choice, say)


def single_tensor(archive: Archive) -> TensorRecord | LeftOut | None:
    """What a file of torch holds that is one tensor."""
    content, storages, _ = _zipped(archive)
    return tensor_of(content, storages)


def _bundled(path: Path, out: Path, choice: str, say: Say, layers: int) -> Report:
    """A ZIP around the file with the weights, or around all of them."""
    _check_layers(layers)
    say("Unpacking the ZIP")
    with opened(path, out.with_suffix(f".unpacked{layers}")) as (bundle, unpacked, starts):
        if bundle.weights[0].endswith(".safetensors"):
            with unpacked.open("rb") as file, _mapped(file) as data:
                tensors, metadata = read_shards(data, starts, has_adapter=bundle.has_adapter)
                candidates = separated(Candidate((), tensors, "dict"))
                report = _whole(SAFETENSORS, candidates, metadata, data, out, choice, say)
        else:
            report = read_file(unpacked, out, choice=choice, say=say, layers=layers + 1)
    plain = Plain()
    texts = plain.of(dict(bundle.texts))
    return replace(
        report,
        container=f"{report.container} in a ZIP",
        metadata=report.metadata | ({} if texts is LEFT_OUT else texts),
        others={**report.others, **bundle.others},
        notes=[*report.notes, *plain.notes],
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
    around, plain = Surroundings(content, storages), Plain()
    candidates = candidates_in(content, storages)
    if not candidates:
        raise around.no_weights()
    taken = _chosen(candidates, choice)
    _write(taken, data, out, say)
    report = _report(container, candidates, taken)
    return replace(
        report,
        others=around.others(taken.path),
        classes=list(user_classes(machine.named))[:MAX_LISTED],
        metadata=around.metadata(taken.path, plain),
        notes=[*report.notes, *plain.notes],
        calls=list(foreign_calls(machine.invoked))[:MAX_LISTED],
        beyond_weights=list(beyond_weights(machine.named))[:MAX_LISTED],
    )


def _chosen(candidates: list[Candidate], choice: str) -> Candidate:
    if not choice:
        return candidates[0]
    exactly = [each for each in candidates if "/".join(each.place) == choice]
    ends = [each for each in candidates if "/".join(each.place).endswith(f"/{choice}")]
    for found in (exactly, ends):
        if len(found) == 1:
            return found[0]
    known = ", ".join("/".join(candidate.place) or "the file itself" for candidate in candidates)
    raise CheckpointError(
        f"The file has no weights under {without_surrogates(choice[:80])!r}.",
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
    taken, plain = _chosen(candidates or [Candidate((), {}, "dict")], choice), Plain()
    if not taken.readable and not program:
        raise CheckpointError(
            f"The {container} file holds no tensors that can be read.",
            remedy="Choose the file with the network's weights.",
        )
    _write(taken, data, out, say)
    facts = plain.of(dict(metadata))
    if container == ONNX and "metadata" not in facts.get("onnx", {}):  # the last of them
        raise TooMuch("what it says about its graph takes too much room")
    report = _report(container, candidates, taken)
    return replace(
        report,
        others=report.left_out,
        metadata={} if facts is LEFT_OUT else facts,
        notes=[*report.notes, *plain.notes],
        program=program,
    )


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
        candidates=[summary(c) for c in [taken, *(c for c in candidates if c is not taken)][:50]],
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
    check_names(taken.tensors | taken.left_over)
    check_size(tensors, len(data))
    say("Copying the weights")
    write_canonical(tensors, data, out, say)
    check_written(out, tensors)
