"""Checkpoints of several files: a Hugging Face or SMP folder, or a checkpoint, inside one ZIP.

The files with weights are unpacked one after the other into one temporary file; from there on their
tensors are ranges of bytes as in any other container. The texts beside them become plain data.
"""

from __future__ import annotations

import errno
import mmap
import re
import shutil
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from core.checkpoint.containers.safetensors_file import read_safetensors
from core.checkpoint.sniff import (
    HEAD_BYTES,
    MAX_BYTES,
    REMEDY,
    TORCH_MAGIC,
    is_safetensors,
    layer_of,
)
from core.checkpoint.tensors import LeftOut, TensorRecord
from core.checkpoint.text import read_json
from core.errors import CheckpointError, RefusedError

CHUNK = 4 * 2**20
GROWTH, RATIO = 32 * 2**20, 10  # numbers of a network shrink by a tenth, pruned ones to a fifth
MAX_FILES = 1_000
MAX_ASKED = 50  # of them are asked for their first bytes
MAX_TEXT_BYTES = 5 * 2**20  # of one JSON text; a tokenizer has 2 MB
MAX_TEXTS_BYTES = 32 * 2**20  # of all; what is too long is passed over, but has to be unpacked
SHARD = re.compile(r"-(\d{1,9})-of-(\d{1,9})\.safetensors$")
PART = re.compile(r"-\d{1,9}-of-\d{1,9}")  # in a name of any kind: not the whole network
INDEX = "model.safetensors.index.json"  # transformers: which tensor is in which shard
WEIGHTS = (".safetensors", ".pth", ".pt", ".ckpt", ".bin", ".pkl", ".pt2", ".onnx")
# Beside weights in a folder of transformers, but no weights of a network.
ADAPTER, ADAPTER_CONFIG = "adapter_model.safetensors", "adapter_config.json"  # of peft
WRAPPED = "base_model.model."  # what peft puts before the names of its base
OPTIMIZER = re.compile(r"_optim_states\.pt$")  # of DeepSpeed, one for each process
NOT_WEIGHTS = ("training_args.bin", "optimizer.pt", "scheduler.pt", "rng_state.pth", "scaler.pt")
STAMP = (1980, 1, 1, 0, 0, 0)  # the same for all, so that the same files give the same bytes


DAMAGED = (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, NotImplementedError, zlib.error)


@dataclass(frozen=True)
class Bundle:
    """What a ZIP holds: the files with the weights, and the texts beside them."""

    weights: tuple[str, ...]  # one, or the shards of one network
    texts: Mapping[str, Any]  # parsed JSON by file name: "config.json"
    others: Mapping[str, str]  # the remaining files, in words

    @property
    def has_adapter(self) -> bool:
        """Whether the last file is an adapter to what is in the others."""
        return len(self.weights) > 1 and self.weights[-1].endswith(ADAPTER)


def pack(files: Iterable[tuple[str, BinaryIO]], target: BinaryIO) -> None:
    """Put files that were uploaded together into one ZIP, in the order of their names.

    Args:
        files: name and content of each.
        target: open for writing; equal files give equal bytes.
    """
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted(files, key=lambda file: file[0]):
            info = zipfile.ZipInfo(PurePosixPath(name).name, STAMP)
            with archive.open(info, "w", force_zip64=True) as entry:
                shutil.copyfileobj(content, entry, CHUNK)


def bytes_unpacked(path: Path) -> int:
    """What all entries of a ZIP say that they take, at most MAX_BYTES; 0 for another file."""
    return min(MAX_BYTES, sum(info.file_size for info in infos_of(path)))


def is_bundle(path: Path) -> bool:
    """Whether a ZIP has files with weights inside, instead of being a checkpoint itself."""
    infos = infos_of(path)
    own = {"data.pkl", "archive_format", "constants.pkl"}
    if not infos or any(info.filename.partition("/")[2] in own for info in infos):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return bool(_weights_in(archive, infos))
    except (*DAMAGED, OSError, RuntimeError):  # the last: encrypted
        return False


def infos_of(path: Path) -> list[zipfile.ZipInfo]:
    """The files in a ZIP; [] where it is none, or damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            return [info for info in archive.infolist() if not info.is_dir()]
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError, OSError):
        return []


@contextmanager
def opened(path: Path, unpacked: Path) -> Iterator[tuple[Bundle, Path, tuple[int, ...]]]:
    """Unpack the weights of a ZIP into one temporary file.

    Args:
        path: the ZIP.
        unpacked: the temporary file, of a name that nobody else has.

    Yields:
        What the ZIP holds, the temporary file, and where in it each file of weights begins; the
        last number is its end.

    Raises:
        CheckpointError: damaged, or weights of several networks.
        RefusedError: over a limit.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            bundle = _bundle(archive)
            yield bundle, unpacked, unpack(archive, bundle.weights, unpacked)
    except DAMAGED as exc:
        raise _damaged(str(exc)[:160]) from exc
    except OSError as exc:
        if exc.errno != errno.EINVAL:  # a place before the file's beginning; else it is the disk
            raise
        raise _damaged("an entry is outside the file") from exc
    finally:
        unpacked.unlink(missing_ok=True)


def read_shards(
    data: mmap.mmap, starts: tuple[int, ...], *, has_adapter: bool = False
) -> tuple[dict[str, TensorRecord | LeftOut], dict[str, str]]:
    """The tensors of safetensors files that lie one after the other.

    Args:
        data: all files.
        starts: where each begins, and the end of the last.
        has_adapter: the last one is an adapter: its names are those of its base, and what both
            have (modules_to_save) is the adapter's.

    Raises:
        CheckpointError: one is damaged, or a name is in two of them.
    """
    tensors: dict[str, TensorRecord | LeftOut] = {}
    metadata: dict[str, str] = {}
    for start, end in pairwise(starts):
        found, facts = read_safetensors(data, start, end)
        adapts = has_adapter and end == starts[-1]
        if adapts:
            found = {key.removeprefix(WRAPPED): record for key, record in found.items()}
        elif twice := found.keys() & tensors.keys():
            raise _damaged(f"{min(twice)[:80]} is in two of its files")
        tensors |= found
        metadata |= facts
    return tensors, metadata


# --- choosing -------------------------------------------------------------------------------------


def _bundle(archive: zipfile.ZipFile) -> Bundle:
    infos = check_files(archive)
    by_name: dict[str, zipfile.ZipInfo] = {info.filename: info for info in infos}
    weights = _chosen(_weights_in(archive, infos))
    folder = PurePosixPath(weights[0]).parent
    beside = {
        PurePosixPath(name).name: info
        for name, info in by_name.items()
        if PurePosixPath(name).parent == folder and name.endswith(".json")
    }
    config = str(PurePosixPath(weights[-1]).parent / ADAPTER_CONFIG)
    if weights[-1].endswith(ADAPTER) and config in by_name:
        beside[ADAPTER_CONFIG] = by_name[config]
    if INDEX in beside:
        adapters = tuple(name for name in weights if name.endswith(ADAPTER))
        weights = _complete(weights, folder, _text(archive, beside[INDEX]))
        weights = (*(name for name in weights if name not in adapters), *adapters)
    if sum(info.file_size for info in beside.values()) > MAX_TEXTS_BYTES:
        raise RefusedError(
            f"The JSON files beside the weights take more than {MAX_TEXTS_BYTES >> 20} MiB.",
            remedy="Upload the weights with their config.json and preprocessor_config.json alone.",
        )
    texts = {name: _text(archive, info) for name, info in beside.items()}
    others = {
        name[:120]: f"file of {info.file_size:,} bytes"
        for name, info in by_name.items()
        if name not in weights and PurePosixPath(name).name not in texts
    }
    return Bundle(weights, {name: text for name, text in texts.items() if text is not None}, others)


def check_files(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The files of a ZIP.

    Raises:
        CheckpointError: encrypted, or a name occurs twice.
        RefusedError: too many.
    """
    infos = [info for info in archive.infolist() if not info.is_dir()]
    if len(infos) > MAX_FILES:
        raise RefusedError(
            f"The ZIP has {len(infos)} files; at most {MAX_FILES} are allowed.", remedy=REMEDY
        )
    if len({info.filename for info in infos}) != len(infos):
        raise _damaged("it has the same name twice")
    if any(info.flag_bits & 1 for info in infos):
        raise CheckpointError("The ZIP is encrypted.", remedy=REMEDY)
    return infos


def _weights_in(archive: zipfile.ZipFile, infos: list[zipfile.ZipInfo]) -> list[str]:
    """The files with weights by their names; where no name tells, by their first bytes."""
    names = [info.filename for info in infos]
    if known := [name for name in names if name.endswith(WEIGHTS) and _may_be_weights(name)]:
        return known
    whole = (name for name in names if _may_be_weights(name) and not PART.search(name))
    asked = list(whole)[:MAX_ASKED]
    return [name for name in asked if _begins_as_weights(archive, name)]


def _may_be_weights(name: str) -> bool:
    path = PurePosixPath(name)
    of_macos = path.parts[:1] == ("__MACOSX",) or path.name.startswith("._")
    known = path.name in NOT_WEIGHTS or OPTIMIZER.search(path.name)
    return not known and not of_macos


def _begins_as_weights(archive: zipfile.ZipFile, name: str) -> bool:
    """Whether a file of any name is a checkpoint, or packed as one may be: a ZIP, a tar."""
    with archive.open(name) as file:
        head = file.read(HEAD_BYTES)
    is_packed = head.startswith(b"PK\x03\x04") or bool(layer_of(head))
    return is_packed or is_safetensors(head) or TORCH_MAGIC in head[:32]


def _chosen(names: list[str]) -> tuple[str, ...]:
    """The file with the weights, or all shards of one, and an adapter to them behind.

    Safetensors are taken before pickles.
    """
    safe = [name for name in names if name.endswith(".safetensors")]
    adapters = [name for name in safe if PurePosixPath(name).name == ADAPTER]
    if len(adapters) == 1 and len(safe) > 1:
        return (*_chosen([name for name in safe if name not in adapters]), *adapters)
    shards = {name: match for name in safe if (match := SHARD.search(name))}
    if shards:
        _check_shards(shards)
        return tuple(sorted(shards))
    for found in (tuple(safe), tuple(names)):
        if len(found) == 1:
            return found
    shown = ", ".join(name[-60:] for name in sorted(names)[:5])
    raise CheckpointError(
        f"The ZIP holds {len(names)} files with weights: {shown}.",
        remedy="Upload the one that is meant, alone or with its config.json.",
    )


def _check_shards(shards: Mapping[str, re.Match[str]]) -> None:
    """Every part that the names announce has to be here, once."""
    numbers = sorted(int(match[1]) for match in shards.values())
    wanted = max(int(match[2]) for match in shards.values())
    if numbers != list(range(1, wanted + 1)):
        raise CheckpointError(
            f"The names say that the weights are spread over {wanted} files; here are the "
            f"numbers {', '.join(map(str, numbers[:10]))}.",
            remedy="Upload all files together, or a ZIP of the whole folder.",
        )


def _complete(weights: tuple[str, ...], folder: PurePosixPath, index: Any) -> tuple[str, ...]:
    """All shards that the index names, or an error that says which are not there."""
    table = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(table, dict):
        return weights
    wanted = {str(folder / str(name)) for name in table.values()}
    if missing := sorted(wanted - set(weights)):
        raise CheckpointError(
            f"The weights are spread over {len(wanted)} files, and {len(missing)} of them are not "
            f"here: {missing[0][-80:]}{', ...' if len(missing) > 1 else ''}.",
            remedy="Upload all files together, or a ZIP of the whole folder.",
        )
    return tuple(sorted(wanted))


# --- unpacking ------------------------------------------------------------------------------------


def _text(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Any:
    """A JSON text as plain data; None where it is none, or too long."""
    with archive.open(info) as file:
        content = file.read(MAX_TEXT_BYTES + 1)
    if len(content) > MAX_TEXT_BYTES:
        return None
    try:
        return read_json(content)
    except (ValueError, RecursionError):
        return None


def unpack(archive: zipfile.ZipFile, names: tuple[str, ...], target: Path) -> tuple[int, ...]:
    """Unpack files one after the other; more than is announced is never unpacked.

    Returns:
        Where each begins in the target; the last number is its end.

    Raises:
        RefusedError: they grow more than weights can.
    """
    infos = [archive.getinfo(name) for name in names]
    unpacked = sum(info.file_size for info in infos)
    if unpacked > min(MAX_BYTES, GROWTH + RATIO * sum(info.compress_size for info in infos)):
        raise RefusedError(
            f"The weights in the ZIP say that they take {unpacked / 2**30:.1f} GiB unpacked, which "
            "weights never do of so few bytes, or which is over the limit.",
            remedy="Save the weights of one network, without the optimizer.",
        )
    starts = [0]
    with target.open("wb") as file:
        for name in names:
            with archive.open(name) as entry:  # the checksum is compared on the way
                shutil.copyfileobj(entry, file, CHUNK)
            starts.append(file.tell())
    return tuple(starts)


def _damaged(why: str) -> CheckpointError:
    return CheckpointError(
        f"The ZIP is truncated or damaged: {why}.",
        remedy="Make or download it again, and compare its size with the original.",
    )
