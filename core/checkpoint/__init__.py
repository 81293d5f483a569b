"""The one door for checkpoints: a file becomes named tensors and facts, and nothing in it is run.

    path -> a process of its own (process, child)
              -> tensors as one safetensors file, and a report (reader and what it uses)
         -> mapped tensors, notes on their numbers (here, health)

Only this file, `health` and `clean` know torch; nothing outside knows how a file is read.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.checkpoint.known import class_names_in
from core.checkpoint.report import Report, no_such_part
from core.checkpoint.text import clean
from core.errors import CheckpointError
from core.recent import forget_oldest

if TYPE_CHECKING:
    import torch

    Tensors = dict[str, torch.Tensor]

__all__ = ["Checkpoint", "read_checkpoint"]

MAX_CHOICE = 10_000  # characters; 100 names of 80 with what is between them
KEPT_BYTES = 8 * 2**30  # of all files in a folder together; the least recently used go first


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """The weights in a file, by name, and what else the file says."""

    name: str  # the file's name as the user knows it
    digest: str  # SHA-256 of the file's bytes, hexadecimal
    container: str  # "zip pickle" | "legacy pickle" | "safetensors" | "TorchScript" | ...
    num_bytes: int
    tensors: Mapping[str, torch.Tensor]  # keys without their prefix, in the file's order
    wrapper: tuple[str, ...]  # where the weights were: ("model",), () for raw
    prefix: str  # what was stripped from every key: "module.", "module.model.", ...
    others: Mapping[str, str]  # the file's other entries -> what they are in words
    notes: tuple[str, ...]  # facts for the page
    kind: str = "dict"  # or the class of the pickled module that held the weights
    candidates: tuple[Mapping[str, Any], ...] = ()  # path, kind, tensors, bytes; the taken first
    classes: tuple[str, ...] = ()  # of the author's own code, named in the file and never made
    calls: tuple[str, ...] = ()  # names that the file asks to call; torch.load would
    training: bool | None = None  # of a pickled module
    attributes: Mapping[str, Any] = field(default_factory=dict)  # "layer4.0.conv2.stride": [1, 1]
    metadata: Mapping[str, Any] = field(default_factory=dict)  # plain data beside the weights
    program: Mapping[str, Any] | None = None  # the graph of an exported program
    beyond_weights: tuple[str, ...] = ()  # names that torch.load(weights_only=True) refuses
    path: Path | None = None  # the file itself, as long as it is there
    report_bytes: int = 0  # of everything but the numbers, written as JSON

    @property
    def place(self) -> str:
        """Names these weights: the file, and where in it they are; 64 hexadecimal digits."""
        where = json.dumps([self.digest, *self.wrapper])
        return hashlib.sha256(where.encode()).hexdigest()

    @property
    def class_names(self) -> tuple[str, ...]:
        """By id, where the file names them."""
        return class_names_in(self.metadata)


def read_checkpoint(
    path: Path,
    *,
    name: str,
    digest: str,
    choice: str = "",
    folder: Path | None = None,
    progress: Callable[[str], None] = lambda stage: None,
) -> Checkpoint:
    """Read the weights in a file, whatever its extension says.

    Args:
        path: the file.
        name: what the user calls it.
        digest: SHA-256 of its bytes, hexadecimal.
        choice: path of another candidate than the first, as in `Checkpoint.candidates`.
        folder: where the tensors are kept for the next time; None: nowhere.
        progress: called with each stage in words; what it raises stops the reading.

    Raises:
        CheckpointError: the file holds no weights that can be read.
        RefusedError: the file asks for code to be run, or is over a limit.
    """
    if "\0" in choice or len(choice) > MAX_CHOICE or clean(choice) != choice:
        raise no_such_part(choice)  # no process can be asked for it
    with _place(folder, digest, choice) as out:
        report, tensors = _kept(out) or _read(path, out, choice, progress)
        text = out.with_suffix(".json")
        report_bytes = text.stat().st_size if text.exists() else 0  # forgotten by somebody else
        progress("Checking the weights")
    from core.checkpoint.health import notes_on

    left = [f"{len(report.left_out)} tensors are not read"] * bool(report.left_out)
    return Checkpoint(
        name=name,
        digest=digest,
        container=report.container,
        num_bytes=path.stat().st_size,
        tensors=tensors,
        wrapper=tuple(report.wrapper),
        prefix=report.prefix,
        others=report.left_out | report.others,
        notes=(*notes_on(tensors), *left, *report.notes),
        kind=report.kind,
        candidates=tuple(report.candidates),
        classes=tuple(report.classes),
        calls=tuple(report.calls),
        training=report.training,
        attributes=report.attributes,
        metadata=report.metadata,
        program=json.loads(report.program) if report.program else None,
        beyond_weights=tuple(report.beyond_weights),
        path=path,
        report_bytes=report_bytes,
    )


@contextmanager
def _place(folder: Path | None, digest: str, choice: str) -> Iterator[Path]:
    """Where the tensors go; a temporary file stays mapped after its name is gone."""
    if folder is None:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
            yield Path(temporary) / "weights.safetensors"
        return
    folder.mkdir(parents=True, exist_ok=True)
    which = hashlib.sha256(choice.encode()).hexdigest()[:12] if choice else "first"
    yield folder / f"{digest}-{which}-{_reader()}.safetensors"


@cache
def _reader() -> str:
    """Names this version of the reader: what another one kept is read again, not believed."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:12]


def _kept(out: Path) -> tuple[Report, Tensors] | None:
    """What was read before; None where there is nothing, or it was damaged since."""
    try:
        report = Report(**json.loads(out.with_suffix(".json").read_text()))
        tensors = _mapped(out, report)
        os.utime(out)
    except (OSError, ValueError, TypeError, CheckpointError):
        return None
    return report, tensors


def _read(
    path: Path, out: Path, choice: str, progress: Callable[[str], None]
) -> tuple[Report, Tensors]:
    from core.checkpoint.process import read_in_process

    part = out.with_name(f"{uuid.uuid4().hex}.part")  # two people may read the same file
    text = part.with_suffix(".report")
    try:
        report = read_in_process(path, part, choice, progress)
        text.write_text(json.dumps(asdict(report)))
        part.replace(out)
        text.replace(out.with_suffix(".json"))  # last: with it the pair is complete
    finally:
        for left in (part, text, part.with_suffix(".unpacked")):  # where the process was ended
            left.unlink(missing_ok=True)
    forget_oldest(out.parent, "*.safetensors", KEPT_BYTES, keep=out.name)
    return report, _mapped(out, report)


def _mapped(out: Path, report: Report) -> Tensors:
    """The tensors, mapped from the file and not copied, without their prefix."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(out, framework="pt") as file:
            return {key.removeprefix(report.prefix): file.get_tensor(key) for key in report.keys}
    except (SafetensorError, OSError, RuntimeError, ValueError, TypeError) as exc:
        raise CheckpointError(
            "The tensors of the file were read, but they cannot be opened.",
            remedy="Save the weights again with safetensors.torch.save_file, and upload that file.",
        ) from exc
