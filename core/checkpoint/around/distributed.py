"""Folders of torch.distributed.checkpoint: `.metadata` beside `__0_0.distcp`, in a ZIP.

.metadata      a pickle: each tensor's size, and in which file, at which byte each piece is
__0_0.distcp   pieces one after the other, each as torch.save writes a single tensor
"""

from __future__ import annotations

import io
import mmap
import uuid
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path, PurePosixPath
from typing import Any

from core.checkpoint.containers.bundle import MAX_TEXT_BYTES, check_files, unpack
from core.checkpoint.containers.torch_zip import open_archive
from core.checkpoint.harvest import Candidate
from core.checkpoint.pickled.machine import Machine
from core.checkpoint.pickled.policy import refuse_names
from core.checkpoint.pickled.records import Call, Items, items_of, pairs_of, state_of
from core.checkpoint.tensors import LeftOut, Storage, TensorRecord, check_shape, row_major
from core.checkpoint.window import Damaged, TooMuch, Window
from core.errors import CheckpointError, RefusedError

INDEX, SUFFIX = ".metadata", ".distcp"
MAX_PIECES = 20_000
READ = Callable[[Any], tuple[Any, Mapping[str, Storage]]]


def is_distributed(names: Iterable[str]) -> bool:
    """Whether files of these names, in a ZIP, are such a folder."""
    return any(name.endswith(SUFFIX) for name in names)


@dataclass(frozen=True)
class Piece:
    """A part of one tensor."""

    name: str  # "model.backbone.0.weight"
    begins: tuple[int, ...]  # its first index in the whole
    file: str
    start: int  # byte of that file
    length: int


@dataclass(frozen=True)
class Index:
    """What `.metadata` says."""

    shapes: Mapping[str, tuple[int, ...]]
    places: Mapping[str, tuple[str, ...]]  # name -> its keys in the dict that was saved
    pieces: tuple[Piece, ...]


@contextmanager
def opened_distributed(path: Path, folder: Path) -> Iterator[tuple[Index, Path, dict[str, int]]]:
    """Unpack such a folder.

    Yields:
        What the index says, a temporary file with all pieces, and where in it each file begins.

    Raises:
        CheckpointError: damaged, or a file of the folder is not there.
        RefusedError: over a limit.
    """
    unpacked = folder / f"{uuid.uuid4().hex}.unpacked"
    try:
        with zipfile.ZipFile(path) as archive:
            infos = check_files(archive)
            index = _index(archive, [i for i in infos if PurePosixPath(i.filename).name == INDEX])
            files = {
                PurePosixPath(info.filename).name: info.filename
                for info in infos
                if info.filename.endswith(SUFFIX)
            }
            if missing := sorted({piece.file for piece in index.pieces} - files.keys()):
                raise CheckpointError(
                    f"The checkpoint is spread over several files, and {missing[0][:80]} is not "
                    "here.",
                    remedy="Upload a ZIP of the whole folder.",
                )
            starts = unpack(archive, tuple(files.values()), unpacked)
            yield index, unpacked, dict(zip(files, starts, strict=False))
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as exc:
        raise Damaged(str(exc)) from exc
    finally:
        unpacked.unlink(missing_ok=True)


def read_pieces(
    index: Index, data: mmap.mmap, starts: Mapping[str, int], tensor_in: Callable[..., Any]
) -> list[Candidate]:
    """The tensors, together as they were in the dict that was saved; the largest first.

    Args:
        index: as `opened_distributed` yields it.
        data: the file with all pieces, mapped.
        starts: likewise.
        tensor_in: reads an archive of torch and returns its content as a tensor.
    """
    pieces: dict[str, list[tuple[tuple[int, ...], TensorRecord]]] = {}
    left: dict[str, LeftOut] = {}
    for piece in index.pieces:
        if piece.name not in index.shapes:
            continue
        record = _record(piece, data, starts[piece.file], tensor_in)
        if isinstance(record, TensorRecord):
            pieces.setdefault(piece.name, []).append((piece.begins, record))
        else:
            left[piece.name] = record or LeftOut("a piece that is no tensor is not read")
    groups: dict[tuple[str, ...], dict[str, TensorRecord | LeftOut]] = {}
    for name, shape in index.shapes.items():
        *path, last = index.places.get(name, (name,))
        found = left.get(name) or _whole(shape, pieces.get(name, []))
        groups.setdefault(tuple(path), {})[last] = found
    return [Candidate(path, tensors, "dict") for path, tensors in groups.items()]


def _record(
    piece: Piece, data: mmap.mmap, base: int, tensor_in: Callable[..., Any]
) -> TensorRecord | LeftOut | None:
    start = base + piece.start
    content = data[start : start + piece.length]
    if len(content) != piece.length:
        raise Damaged("a piece that extends beyond its file")
    record = tensor_in(open_archive(io.BytesIO(content), content))  # type: ignore[arg-type]
    if isinstance(record, TensorRecord):
        return replace(record, start=record.start + start)
    return record if isinstance(record, LeftOut) else None


def _whole(
    shape: tuple[int, ...], pieces: list[tuple[tuple[int, ...], TensorRecord]]
) -> TensorRecord | LeftOut:
    """One piece is the tensor; several are put together when they are written."""
    if not pieces:
        return LeftOut("none of its pieces is in the folder")
    first = pieces[0][1]
    if len(pieces) == 1 and first.shape == shape:
        return first
    if len({record.dtype for _, record in pieces}) > 1 or any(r.quantizer for _, r in pieces):
        return LeftOut("its pieces hold different numbers")
    for begins, record in pieces:
        fits = len(begins) == len(shape) == len(record.shape)
        ends = [b + n for b, n in zip(begins, record.shape, strict=False)]
        if not fits or any(end > size for end, size in zip(ends, shape, strict=True)):
            raise Damaged("a piece that is larger than its tensor")
    if sum(prod(record.shape) for _, record in pieces) != prod(shape):
        raise Damaged("a tensor whose pieces are not all there")
    check_shape(shape)
    return TensorRecord(first.dtype, shape, row_major(shape), first.start, pieces=tuple(pieces))


# --- .metadata ------------------------------------------------------------------------------------


def _index(archive: zipfile.ZipFile, infos: list[zipfile.ZipInfo]) -> Index:
    if len(infos) != 1:
        raise CheckpointError(
            "These are pieces of a checkpoint of several processes (.distcp), and the file "
            ".metadata, which says what they are, is not here."
            if not infos
            else "The ZIP holds several checkpoints of several processes (.distcp).",
            remedy="Upload a ZIP of the one folder, .metadata included (its name begins with a "
            "dot, so that file managers hide it).",
        )
    with archive.open(infos[0]) as file:
        text = file.read(4 * MAX_TEXT_BYTES + 1)
    if len(text) > 4 * MAX_TEXT_BYTES:
        raise RefusedError(
            "The index .metadata is too large.", remedy="Save the weights without the optimizer."
        )
    machine = Machine()
    try:
        content = machine.run(Window(text))
    finally:
        refuse_names(machine.called, machine.named)
    facts = _facts(content)
    tensors = _named(facts.get("state_dict_metadata"))
    shapes = {key: _numbers(_facts(value).get("size")) for key, value in tensors.items()}
    stored = pairs_of(facts.get("storage_data")) or []
    if len(stored) > MAX_PIECES:
        raise TooMuch(f"it has more than {MAX_PIECES:,} pieces")
    return Index(
        {key: shape for key, shape in shapes.items() if shape is not None},
        {key: _texts(value) for key, value in _named(facts.get("planner_data")).items()},
        tuple(piece for key, value in stored if (piece := _piece(_facts(key), _facts(value)))),
    )


def _piece(which: dict[str, Any], where: dict[str, Any]) -> Piece | None:
    name, file = which.get("fqn"), where.get("relative_path")
    start, length = where.get("offset"), where.get("length")
    if not isinstance(name, str) or not isinstance(file, str):
        raise Damaged("a piece without a name")
    if type(start) is not int or type(length) is not int or start < 0 or length < 0:
        raise Damaged("a piece that is nowhere")
    return Piece(name, _numbers(which.get("offset")) or (), file, start, length)


def _facts(value: Any) -> dict[str, Any]:
    state = state_of(value) if isinstance(value, Call) else None
    return {key: part for key, part in state or () if isinstance(key, str)}


def _named(value: Any) -> dict[str, Any]:
    return {key: part for key, part in pairs_of(value) or () if isinstance(key, str)}


def _numbers(value: Any) -> tuple[int, ...] | None:
    """A torch.Size, None for anything else."""
    if isinstance(value, Call) and isinstance(value.arguments, tuple) and value.arguments:
        value = value.arguments[0]
    parts = items_of(value) if isinstance(value, tuple | Items) else None
    if parts is None or not all(type(number) is int and 0 <= number < 2**48 for number in parts):
        return None
    return tuple(parts)


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(str(part)[:200] for part in items_of(value) or () if isinstance(part, str | int))
