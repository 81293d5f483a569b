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
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.checkpoint.known import (
    class_names_in,
    is_normalization,
    normalizations_in,
    normalizations_of,
)
from core.checkpoint.pickled.policy import in_words
from core.checkpoint.report import Report, no_such_part
from core.checkpoint.statements import Normalization
from core.checkpoint.text import without_surrogates
from core.errors import CheckpointError
from core.recent import forget_oldest

if TYPE_CHECKING:
    import torch

    Tensors = dict[str, torch.Tensor]
    Buffers = dict[str, tuple[float, ...]]

__all__ = ["Checkpoint", "read_checkpoint"]

MAX_CHOICE = 10_000  # characters; 100 names of 80 with what is between them
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
    calls: tuple[str, ...] = ()  # names that the file asks to call; torch.load would
    training: bool | None = None  # of a pickled module
    attributes: Mapping[str, Any] = field(default_factory=dict)  # "layer4.0.conv2.stride": [1, 1]
    metadata: Mapping[str, Any] = field(default_factory=dict)  # plain data beside the weights
    program: Mapping[str, Any] | None = None  # the graph of an exported program
    beyond_weights: tuple[str, ...] = ()  # names that torch.load(weights_only=True) refuses
    unread: Mapping[str, str] = field(default_factory=dict)  # tensors that are not read, and why
    computed: tuple[str, ...] = ()  # tensors that are worked out of what the file has
    path: Path | None = None  # the file itself, as long as it is there
    left_over: Mapping[str, str] = field(default_factory=dict)  # tensors of no network, in words
    buffers: Mapping[str, tuple[float, ...]] = field(default_factory=dict)  # of those, mean and std
    report_bytes: int = 0  # of everything but the numbers, written as JSON

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
            "container": self.container,
            "notes": list(self.notes),
            "part": self.part,
            "prefix": self.prefix,
            "tensors": len(self.tensors),
            "parts": [dict(candidate) for candidate in self.candidates],
            "left_over": dict(self.left_over),
            "stated": [asdict(each) for each in self.stated],
            "class_names": list(self.class_names),
            "asks_to_call": list(self.calls),
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
        yield from (f"{note}." for note in self.notes)
        if self.calls:
            yield in_words(self.calls)

    @property
    def class_names(self) -> tuple[str, ...]:
        """By id, where the file names them."""
        return class_names_in(self.metadata) or class_names_in(
            {"names": self.attributes.get("names")}  # of a pickled module, as Ultralytics' are
        )


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
    if "\0" in choice or len(choice) > MAX_CHOICE or without_surrogates(choice) != choice:
        raise no_such_part(choice)  # no process can be asked for it
    with _place(folder, digest, choice) as out:
        report, (tensors, buffers) = _kept(out) or _read(path, out, choice, progress)
        text = out.with_suffix(".json")
        report_bytes = text.stat().st_size if text.exists() else 0  # forgotten by somebody else
        progress("Checking the weights")
    from core.checkpoint.health import notes_on
    from core.checkpoint.stored.adapters import with_adapter
    from core.checkpoint.stored.merged import merged, notes_on_merged
    from core.checkpoint.stored.wrappers import notes_on_wrappers, without_wrappers

    how: Mapping[str, str] = {}
    renamed: tuple[str, ...] = ()
    if not report.program:  # a graph puts its weights together itself
        small = {key.removeprefix(report.prefix) for key in report.computed}
        tensors, renamed = without_wrappers(tensors)
        tensors, adapted = with_adapter(tensors, report.metadata)
        tensors, how = merged(tensors, small)
        how = adapted | how

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
        notes=(
            *(*report.notes, *notes_on_wrappers(renamed), *notes_on_merged(tensors, how)),
            *(*notes_on(tensors), *left),
        ),
        kind=report.kind,
        candidates=tuple(report.candidates),
        classes=tuple(report.classes),
        calls=tuple(report.calls),
        training=report.training,
        attributes=report.attributes,
        metadata=report.metadata,
        unread=report.left_out,
        computed=(*(key.removeprefix(report.prefix) for key in report.computed), *how, *renamed),
        program=json.loads(report.program) if report.program else None,
        beyond_weights=tuple(report.beyond_weights),
        path=path,
        report_bytes=report_bytes,
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
    yield folder / f"{digest}-{which}-{_reader()}.safetensors"


@cache
def _reader() -> str:
    """Names this version of the reader: what another one kept is read again, not believed."""
    sources = sorted(Path(__file__).parent.rglob("*.py"))
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:12]


def _kept(out: Path) -> tuple[Report, tuple[Tensors, Buffers]] | None:
    """What was read before; None where there is nothing, or it was damaged since."""
    try:
        report = Report(**json.loads(out.with_suffix(".json").read_text()))
        mapped = _mapped(out, report)
        os.utime(out)
    except (OSError, ValueError, TypeError, CheckpointError):
        return None
    return report, mapped


def _read(
    path: Path, out: Path, choice: str, progress: Callable[[str], None]
) -> tuple[Report, tuple[Tensors, Buffers]]:
    from core.checkpoint.process import read_in_process

    # A folder of its own: two may read the same file, and a process may be ended at any time.
    with tempfile.TemporaryDirectory(prefix="reading-", dir=out.parent) as room:
        part, text = Path(room) / "weights", Path(room) / "report"
        report = read_in_process(path, part, choice, progress)
        text.write_text(json.dumps(asdict(report)))
        part.replace(out)
        text.replace(out.with_suffix(".json"))  # last: with it the pair is complete
    forget_oldest(out.parent, "*.safetensors", KEPT_BYTES, keep=out.name)
    return report, _mapped(out, report)


def _mapped(out: Path, report: Report) -> tuple[Tensors, Buffers]:
    """The tensors, mapped from the file and not copied, without their prefix; and the buffers."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(out, framework="pt") as file:
            tensors = {key.removeprefix(report.prefix): file.get_tensor(key) for key in report.keys}
            return tensors, {key: _values(file.get_tensor(key)) for key in report.buffers}
    except (SafetensorError, OSError, RuntimeError, ValueError, TypeError) as exc:
        raise CheckpointError(
            "The tensors of the file were read, but they cannot be opened.",
            remedy="Save the weights again with safetensors.torch.save_file, and upload that file.",
        ) from exc


def _own_buffers(tensors: Mapping[str, torch.Tensor]) -> Buffers:
    """Mean and std that stand right beside the layers, with no wrapper around these."""
    return {
        key: _values(tensor)
        for key, tensor in tensors.items()
        if "." not in key and is_normalization(key, tuple(tensor.shape))
    }


def _values(tensor: torch.Tensor) -> tuple[float, ...]:
    """Rounded to what float32 holds, so that 0.485 is told as 0.485."""
    return tuple(round(float(value), 6) for value in tensor.double().flatten())
