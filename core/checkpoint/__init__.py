"""The one door for checkpoints: a file becomes named tensors and facts, and nothing in it is run.

    path -> a process of its own (process, child)
              -> tensors as one safetensors file, and a report (reader and what it uses)
         -> mapped tensors, weights in parts put together (merged), notes on their numbers (health)

Only this file, `merged`, `health` and `clean` know torch; nothing outside knows how a file is read.
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
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.checkpoint.known import (
    Normalization,
    class_names_in,
    is_normalization,
    normalizations_in,
    normalizations_of,
)
from core.recent import forget_oldest

if TYPE_CHECKING:
    import torch

    from core.checkpoint.report import Report

__all__ = ["Checkpoint", "read_checkpoint"]

READER = 3  # changes when a file would be read otherwise than before
SHOWN = 8  # names in a sentence
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
    training: bool | None = None  # of a pickled module
    attributes: Mapping[str, Any] = field(default_factory=dict)  # "layer4.0.conv2.stride": [1, 1]
    metadata: Mapping[str, Any] = field(default_factory=dict)  # plain data beside the weights
    program: Mapping[str, Any] | None = None  # the graph of an exported program
    beyond_weights: tuple[str, ...] = ()  # names that torch.load(weights_only=True) refuses
    computed: tuple[str, ...] = ()  # tensors that are worked out of what the file has
    path: Path | None = None  # the file itself, as long as it is there
    left_over: Mapping[str, str] = field(default_factory=dict)  # tensors of no network, in words
    buffers: Mapping[str, tuple[float, ...]] = field(default_factory=dict)  # of those, mean and std

    @property
    def place(self) -> str:
        """Names these weights: the file, and where in it they are; 64 hexadecimal digits."""
        where = json.dumps([self.digest, *self.wrapper])
        return hashlib.sha256(where.encode()).hexdigest()

    @property
    def part(self) -> str:
        """Names these weights among `candidates`; "" where they are the whole file."""
        return "/".join(self.wrapper)

    @property
    def stated(self) -> tuple[Normalization, ...]:
        """What the file itself says about the normalization of the training, each pair once."""
        found: dict[tuple[tuple[float, ...], ...], Normalization] = {}
        for each in (*normalizations_in(self.metadata), *normalizations_of(self.buffers)):
            found.setdefault((each.mean, each.std), each)
        return tuple(found.values())

    def contents(self) -> dict[str, Any]:
        """What was opened, what else the file holds, and what it says, as JSON can hold it."""
        return {
            "part": self.part,
            "prefix": self.prefix,
            "tensors": len(self.tensors),
            "parts": [dict(candidate) for candidate in self.candidates],
            "left_over": dict(self.left_over),
            "stated": [asdict(each) for each in self.stated],
            "class_names": list(self.class_names),
        }

    def contents_in_words(self) -> Iterator[str]:
        """What there is beside the weights of one network, a sentence each."""
        parts = [str(candidate["path"]) or "the file itself" for candidate in self.candidates]
        if len(parts) > 1:
            listed = ", ".join(parts)
            yield f"The file holds {len(parts)} sets of weights: {listed}. Opened: {parts[0]}."
        if left := list(self.left_over):
            named = ", ".join(left[:SHOWN]) + ", ..." * (len(left) > SHOWN)
            yield f"Left over beside the network: {named}."

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
    with _place(folder, digest, choice) as out:
        report = _kept(out) or _read(path, out, choice, progress)
        progress("Checking the weights")
        tensors, buffers = _mapped(out, report)
    from core.checkpoint.health import notes_on
    from core.checkpoint.stored.merged import merged, notes_on_merged

    how: Mapping[str, str] = {}
    if not report.program:  # a graph puts its weights together itself
        tensors, how = merged(tensors)

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
        notes=(*report.notes, *notes_on_merged(tensors, how), *notes_on(tensors), *left),
        kind=report.kind,
        candidates=tuple(report.candidates),
        classes=tuple(report.classes),
        training=report.training,
        attributes=report.attributes,
        metadata=report.metadata,
        computed=(*(key.removeprefix(report.prefix) for key in report.computed), *how),
        program=json.loads(report.program) if report.program else None,
        beyond_weights=tuple(report.beyond_weights),
        path=path,
        left_over=report.left_over,
        buffers={} if report.program else buffers | _own_buffers(tensors),
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
    yield folder / f"{digest}-{which}-{READER}.safetensors"


def _kept(out: Path) -> Report | None:
    from core.checkpoint.report import Report

    text = out.with_suffix(".json")
    if not (out.exists() and text.exists()):
        return None
    os.utime(out)
    return Report(**json.loads(text.read_text()))


def _read(path: Path, out: Path, choice: str, progress: Callable[[str], None]) -> Report:
    from core.checkpoint.process import read_in_process
    from core.checkpoint.sniff import container_of

    container_of(path)  # what is no checkpoint is reported without starting a process
    part = out.with_name(f"{uuid.uuid4().hex}.part")  # two people may read the same file
    text = part.with_suffix(".report")
    try:
        report = read_in_process(path, part, choice, progress)
        text.write_text(json.dumps(asdict(report)))
        part.replace(out)
        text.replace(out.with_suffix(".json"))  # last: with it the pair is complete
    finally:
        part.unlink(missing_ok=True)
        text.unlink(missing_ok=True)
    forget_oldest(out.parent, "*.safetensors", KEPT_BYTES, keep=out.name)
    return report


def _mapped(
    out: Path, report: Report
) -> tuple[dict[str, torch.Tensor], dict[str, tuple[float, ...]]]:
    """The tensors, mapped from the file and not copied, without their prefix; and the buffers."""
    from safetensors import safe_open

    with safe_open(out, framework="pt") as file:
        tensors = {key.removeprefix(report.prefix): file.get_tensor(key) for key in report.keys}
        return tensors, {key: _values(file.get_tensor(key)) for key in report.buffers}


def _own_buffers(tensors: Mapping[str, torch.Tensor]) -> dict[str, tuple[float, ...]]:
    """Mean and std that stand right beside the layers, with no wrapper around these."""
    return {
        key: _values(tensor)
        for key, tensor in tensors.items()
        if "." not in key and is_normalization(key, tuple(tensor.shape))
    }


def _values(tensor: torch.Tensor) -> tuple[float, ...]:
    """Rounded to what float32 holds, so that 0.485 is told as 0.485."""
    return tuple(round(float(value), 6) for value in tensor.double().flatten())
