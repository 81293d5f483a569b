"""What is around the weights, in words and as plain data: for the page, never for decisions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from core.checkpoint.around.foreign import by_keys
from core.checkpoint.harvest import NOT_WEIGHTS, Candidate, is_optimizer
from core.checkpoint.pickled.arrays import only_arrays
from core.checkpoint.pickled.rebuilt import tensor_of
from core.checkpoint.pickled.records import Call, Global, class_of, items_of, pairs_of, state_of
from core.checkpoint.plain import LEFT_OUT, Plain
from core.checkpoint.stored.packed import is_packed
from core.checkpoint.tensors import LeftOut, Storage, TensorRecord
from core.checkpoint.text import without_surrogates
from core.errors import CheckpointError

SAVE = 'torch.save(model.state_dict(), "weights.pth")'
MAX_OTHERS = 500
MAX_PATHS = 256 * 2**10  # characters of where the others are, together


@dataclass(frozen=True)
class Report:
    """Everything about a file but its numbers; JSON on its way out of the reading process."""

    container: str
    wrapper: list[str]  # where the weights were: ["model"], [] for raw
    prefix: str  # what all keys begin with
    keys: list[str]  # in the file's order, with the prefix
    kind: str  # "dict", or the class of a pickled module
    others: dict[str, str]  # the other entries -> what they are in words
    left_out: dict[str, str]  # tensors that are not read -> why
    candidates: list[dict[str, Any]]  # path, kind, tensors, bytes; the first is what was taken
    classes: list[str]  # of the author's own code, named in the file
    training: bool | None  # of a pickled module
    attributes: dict[str, Any]  # "layer4.0.conv2.dilation": [2, 2]
    metadata: dict[str, Any]  # plain data beside the weights
    notes: list[str] = field(default_factory=list)  # sentences without their full stop
    program: str = ""  # JSON of an exported program's graph
    calls: list[str] = field(default_factory=list)  # names that torch.load would call
    computed: list[str] = field(default_factory=list)  # tensors that are not the file's own bits
    beyond_weights: list[str] = field(default_factory=list)  # names that weights_only=True refuses
    left_over: dict[str, str] = field(default_factory=dict)  # tensors beside the network, in words
    buffers: list[str] = field(default_factory=list)  # of those, mean and std: written out too


def in_words(tensors: Mapping[str, TensorRecord | LeftOut]) -> dict[str, str]:
    """What each tensor is, in a few words."""
    return {
        key: tensor.why
        if isinstance(tensor, LeftOut)
        else f"tensor {tensor.shape} of {tensor.dtype.name}"
        for key, tensor in tensors.items()
    }


def no_such_part(choice: str) -> CheckpointError:
    """Say that the weights that were asked for are not in the file."""
    return CheckpointError(
        f"The file has no weights under {without_surrogates(choice[:80])!r}.",
        remedy="Choose one of the entries that the checkpoint page lists.",
    )


def summary(candidate: Candidate) -> dict[str, Any]:
    """One line of the list of candidates."""
    return {
        "path": "/".join(candidate.place),
        "kind": candidate.kind,
        "tensors": len(candidate.readable),
        "bytes": candidate.size,
    }


# --- entries beside the weights -------------------------------------------------------------------


class Surroundings:
    """The content around the weights."""

    def __init__(self, content: Any, storages: Mapping[str, Storage]) -> None:
        """Args: content, what the file holds; storages, so that tensors can be described."""
        self._content, self._storages = content, storages

    def others(self, taken: tuple[str, ...]) -> dict[str, str]:
        """The entries on the way to the weights and beside them, in words."""
        others: dict[str, str] = {}
        written = 0
        for path, value in self._beside(taken):
            written += sum(map(len, path))
            if len(others) == MAX_OTHERS or written > MAX_PATHS:
                break
            others["/".join(path)] = self.describe(value)
        return others

    def metadata(self, taken: tuple[str, ...], plain: Plain) -> dict[str, Any]:
        """The entries beside the weights that are plain data, as JSON can hold it.

        Args:
            taken: where the weights are.
            plain: what the data may take; knows afterwards whether that was enough.
        """
        found: dict[str, Any] = {}
        for path, value in self._beside(taken):
            if not plain.has_room(sum(map(len, path))):
                break
            if (part := plain.of(value)) is not LEFT_OUT:
                found["/".join(path)] = part
        return found

    def _beside(self, taken: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
        value = self._content
        for depth in range(len(taken) + 1):
            step = taken[depth] if depth < len(taken) else None
            if step is None and pairs_of(value) is None:
                return  # inside a pickled module
            entries, value = _entries(value), None
            for key, part in entries:
                if key == step:
                    value = part
                elif step is not None or not self._is_weight(key, part):
                    yield (*taken[:depth], str(key)[:80] if _is_simple(key) else "?"), part

    def _is_weight(self, key: Any, value: Any) -> bool:
        return (
            isinstance(key, str)
            and key not in NOT_WEIGHTS
            and (
                isinstance(tensor_of(value, self._storages), TensorRecord) or is_packed(key, value)
            )
        )

    def describe(self, value: Any) -> str:
        """What a value is, in a few words."""
        tensor = tensor_of(value, self._storages)
        if isinstance(tensor, TensorRecord):
            return f"tensor {tensor.shape} of {tensor.dtype.name}"
        if isinstance(tensor, LeftOut):
            return tensor.why
        if (pairs := pairs_of(value)) is not None:
            return f"dict of {_plural(len(pairs), 'entry', 'entries')}"
        if (items := items_of(value)) is not None:
            kind = "tuple" if isinstance(value, tuple) else "list"
            return f"{kind} of {_plural(len(items), 'entry', 'entries')}"
        if isinstance(value, Call):
            return f"object of {class_of(value)[:80] or 'a class that it computes'}"
        if isinstance(value, Global):
            return f"the name {value.name[:80]}"
        if isinstance(value, bool) or value is None:
            return str(value)
        if isinstance(value, int | float):
            return f"number {value!r:.40}"
        return f"text {value[:60]!r:.60}" if isinstance(value, str) else type(value).__name__

    def no_weights(self) -> CheckpointError:
        """Say what is there instead of weights."""
        pairs = pairs_of(self._content)
        if known := by_keys(str(key)[:80] for key, _ in pairs or () if _is_simple(key)):
            return known.error()
        inner = {id(part): part for _, value in pairs or () if (part := pairs_of(value))}
        if pairs is not None and any(map(is_optimizer, [pairs, *inner.values()])):
            return CheckpointError(
                "The file holds an optimizer's state only, not the weights of a network.",
                remedy=f"Save the network's weights where it was trained: {SAVE}",
            )
        if arrays := only_arrays(self._content):
            return arrays
        if unread := self._unread():
            reason = next(iter(unread.values()))
            return CheckpointError(
                f"The file holds {_plural(len(unread), 'tensor', 'tensors')} whose numbers cannot "
                f"be read, {next(iter(unread))[:80]} first: {reason}.",
                remedy="Where it was trained, save the weights as plain floating-point tensors: "
                f"{SAVE}",
            )
        if pairs is not None:
            keys = ", ".join(str(key)[:40] if _is_simple(key) else "?" for key, _ in pairs[:5])
            what = f"a dict without weights (its entries: {keys})" if keys else "an empty dict"
        elif isinstance(tensor_of(self._content, self._storages), TensorRecord):
            what = f"one {self.describe(self._content)} without a name"
        else:
            what = f"only {self.describe(self._content)}"
        return CheckpointError(
            f"The file can be read, but it holds {what}, not the weights of a network.",
            remedy=f"Save the network's weights where it was trained: {SAVE}",
        )

    def _unread(self) -> dict[str, str]:
        """The tensors, near the top of the content, whose numbers are not read, and why."""
        outer = pairs_of(self._content) or []
        inner = [pair for _, value in outer for pair in pairs_of(value) or ()]
        found = ((key, tensor_of(value, self._storages)) for key, value in [*outer, *inner])
        return {
            key: tensor.why
            for key, tensor in found
            if isinstance(key, str) and isinstance(tensor, LeftOut)
        }


def _entries(value: Any) -> list[tuple[Any, Any]]:
    if (pairs := pairs_of(value)) is not None:
        return pairs
    if isinstance(value, Call) and (state := state_of(value)) is not None:
        return state
    return [(str(k), item) for k, item in enumerate(items_of(value) or ())]


def _is_simple(value: Any) -> bool:
    return isinstance(value, str | int | float | bool) or value is None


def _plural(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"
