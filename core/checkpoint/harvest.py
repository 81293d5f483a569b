"""Where the weights are in a file's content, and what is around them.

A candidate is a dict whose values are tensors, or a module of any class, by the `_parameters`,
`_buffers` and `_modules` of its state; where such a dict holds several networks, each of them.
Walked without recursion, each record once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from core.checkpoint.effort import Effort
from core.checkpoint.known import is_normalization
from core.checkpoint.parts import Part, is_layer, parts_in, role_rank
from core.checkpoint.pickled.rebuilt import tensor_of
from core.checkpoint.pickled.records import (
    Call,
    Items,
    Pairs,
    class_of,
    items_of,
    pairs_of,
    state_of,
)
from core.checkpoint.stored.packed import PACKED, is_packed, layer_of, unpacked
from core.checkpoint.tensors import LeftOut, Storage, TensorRecord, storage_dtype
from core.checkpoint.text import without_surrogates
from core.checkpoint.window import Damaged, TooMuch

# Who saves several means the first.
WRAPPERS = ("model", "state_dict", "model_state_dict", "model_state", "net", "network_weights")
OF_OPTIMIZER = frozenset(
    {"exp_avg", "exp_avg_sq", "max_exp_avg_sq", "momentum_buffer", "swa_buffer"}
)
NOT_WEIGHTS = frozenset({"n_averaged"})  # the counter of torch.optim.swa_utils.AveragedModel
VISIT, TENSOR, PACKING = 20, 10, 100  # steps beside those of the entries
MAX_CLASSES, MAX_NAME = 4096, 100  # names of classes that a module has, and letters of one
MAX_DEPTH = 100  # of modules in modules, and of dicts and lists in each other
Path = tuple[str, ...]
Tensors = dict[str, TensorRecord | LeftOut]
Parts = tuple[Tensors, list[tuple[str, Call]], dict[str, Any]]  # of a module: the last are facts


@dataclass(frozen=True, eq=False)
class Candidate:
    """Tensors that belong together."""

    path: Path  # ("model",), () for the whole content
    tensors: Tensors  # with their prefix
    kind: str  # "dict", or the class of a pickled module
    training: bool | None = None  # of a module
    attributes: dict[str, Any] = field(default_factory=dict)  # "layer4.0.conv2.dilation": (2, 2)
    part: str = ""  # of the dict, where it holds several networks: "teacher"
    prefix: str = ""  # what all names begin with, to be taken off: "teacher.module."
    left_over: Tensors = field(default_factory=dict)  # of the dict, and of none of its networks

    @property
    def place(self) -> Path:
        """Names it among all candidates of a file."""
        return (*self.path, self.part) if self.part else self.path

    @property
    def readable(self) -> dict[str, TensorRecord]:
        """The tensors with numbers that are read."""
        return {k: t for k, t in self.tensors.items() if isinstance(t, TensorRecord)}

    @property
    def size(self) -> int:
        """Bytes of all readable tensors."""
        return sum(record.num_bytes for record in self.readable.values())


def candidates_in(content: Any, storages: Mapping[str, Storage]) -> list[Candidate]:
    """All candidates, the one that is meant most likely first.

    Raises:
        Damaged: a tensor contradicts the file.
        TooMuch: the content has too many parts.
    """
    return ranked([candidate for candidate in _walk(content, storages) if candidate.readable])


def ranked(found: list[Candidate]) -> list[Candidate]:
    """Each network by itself, the one that is meant most likely first.

    The weight of a loss or the state of a random generator is none beside one with layers.
    """
    layered = [candidate for candidate in found if _has_layers(candidate)]
    kept = sorted(layered or found, key=_rank)
    parts = [part for candidate in kept for part in separated(candidate)]
    others = [candidate for candidate in found if layered and candidate not in layered]
    said = {key: t for each in others for key, t in each.tensors.items() if _is_said(key, t)}
    return [replace(part, left_over=part.left_over | _new(said, part)) for part in parts]


def _is_said(key: str, tensor: TensorRecord | LeftOut) -> bool:
    """Whether this says how the pictures of the training were normalized."""
    return isinstance(tensor, TensorRecord) and is_normalization(key, tensor.shape)


def _new(said: Tensors, part: Candidate) -> Tensors:
    return {key: tensor for key, tensor in said.items() if key not in part.tensors}


def _has_layers(candidate: Candidate) -> bool:
    return any(
        len(_shape(key, tensor)) > 1 and is_layer(key) for key, tensor in candidate.tensors.items()
    )


def _rank(candidate: Candidate) -> tuple[bool, int, int, int]:
    name = candidate.path[-1] if candidate.path else ""
    known = WRAPPERS.index(name) if name in WRAPPERS else len(WRAPPERS)
    return (known == len(WRAPPERS), role_rank(name) or 0, -candidate.size, known)


def separated(candidate: Candidate) -> list[Candidate]:
    """Each network of a dict by itself, the one that is meant first."""
    shapes = {key: _shape(key, tensor) for key, tensor in candidate.tensors.items()}
    parts = parts_in(shapes)
    kept = {key for part in parts for key in part.keys}
    left_over = {key: tensor for key, tensor in candidate.tensors.items() if key not in kept}
    return [_part(candidate, part, left_over) for part in parts]


def _shape(key: str, tensor: TensorRecord | LeftOut) -> tuple[int, ...]:
    """Of one that is not read only its name tells whether it is a layer."""
    if isinstance(tensor, TensorRecord):
        return tensor.shape
    return (1, 1) if is_layer(key) else ()


def _part(candidate: Candidate, part: Part, left_over: Tensors) -> Candidate:
    tensors = {key: candidate.tensors[key] for key in part.keys}
    return replace(
        candidate, tensors=tensors, part=part.name, prefix=part.prefix, left_over=left_over
    )


def _walk(content: Any, storages: Mapping[str, Storage]) -> Iterator[Candidate]:
    todo: list[tuple[Path, Any]] = [((), content)]
    seen: set[int] = set()
    effort = Effort()
    while todo:
        path, value = todo.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        candidate, parts = _open(path, value, storages, effort)
        if candidate is not None:
            yield candidate
        if len(path) < MAX_DEPTH:
            todo += reversed([((*path, _text(key)), part) for key, part in parts])


def _open(
    path: Path, value: Any, storages: Mapping[str, Storage], effort: Effort
) -> tuple[Candidate | None, list[tuple[Any, Any]]]:
    """What a value is, and what is inside that is still to be looked at, by its key."""
    effort.look_at(1)
    if (pairs := pairs_of(value)) is not None:
        return _open_dict(path, pairs, storages, effort)
    if (items := items_of(value)) is not None:
        effort.look_at(len(items))
        return None, [(str(k), item) for k, item in enumerate(items) if _has_parts(item)]
    if isinstance(value, Call) and (state := state_of(value)) is not None:
        effort.look_at(len(state))
        if _is_module(state) or class_of(value).startswith("__torch__"):
            return _module(path, value, storages, effort), []
        return None, [(k, part) for k, part in state if isinstance(k, str) and _has_parts(part)]
    return None, []


def _has_parts(value: Any) -> bool:
    return isinstance(value, Call | Pairs | Items | tuple)


def _open_dict(
    path: Path, pairs: list[tuple[Any, Any]], storages: Mapping[str, Storage], effort: Effort
) -> tuple[Candidate | None, list[tuple[Any, Any]]]:
    effort.look_at(len(pairs))
    if is_optimizer(pairs):  # some keep averaged weights there
        pairs = [pair for pair in pairs if pair[0] not in ("state", "param_groups")]
    tensors: Tensors = {}
    parts = []
    for key, value in pairs:
        tensor = tensor_of(value, storages)
        if tensor is None and isinstance(key, str) and is_packed(key, value):
            effort.look_at(PACKING)
            tensors |= _unpacked(key, value, storages)
        elif tensor is None and _has_parts(value):
            parts.append((key, value))
        elif tensor is not None and isinstance(key, str) and key not in NOT_WEIGHTS:
            effort.look_at(TENSOR)
            tensors[key] = tensor
    weights = tensors and not tensors.keys() & OF_OPTIMIZER
    return (Candidate(path, tensors, "dict") if weights else None), parts


def _unpacked(name: str, value: Any, storages: Mapping[str, Storage]) -> Tensors:
    layer = layer_of(name)
    found = unpacked(value, storages) or {"weight": LeftOut("a packed layer without numbers")}
    return {f"{layer}.{part}".lstrip("."): tensor for part, tensor in found.items()}


def is_optimizer(pairs: list[tuple[Any, Any]]) -> bool:
    """Whether a dict is what `optimizer.state_dict()` returns."""
    return {"param_groups", "state"} <= {key for key, _ in pairs if isinstance(key, str)}


def _text(key: Any) -> str:
    return key[:80] if isinstance(key, str) else f"{key!r:.20}" if isinstance(key, int) else "?"


# --- modules --------------------------------------------------------------------------------------


def _is_module(state: list[tuple[Any, Any]]) -> bool:
    return {"_parameters", "_modules"} <= {key for key, _ in state if isinstance(key, str)}


def _module(path: Path, module: Call, storages: Mapping[str, Storage], effort: Effort) -> Candidate:
    """Flatten a module as `state_dict()` would, in the same order.

    Each record is read once, however often it is a part of others; what is put together out of
    it is counted.
    """
    read: dict[int, Parts] = {}
    tensors: Tensors = {}
    attributes = _class_names(module, effort)
    training: bool | None = None
    todo: list[tuple[str, Call, int]] = [("", module, 0)]
    while todo:
        prefix, part, depth = todo.pop()
        if depth > MAX_DEPTH:  # a module that holds itself
            raise TooMuch("its modules are nested too deeply, or contain themselves")
        if id(part) not in read:
            read[id(part)] = _parts(part, storages, effort)
        own, children, facts = read[id(part)]
        effort.look_at(VISIT + len(own) + len(children) + len(facts))
        for name in (*own, *facts, *(name for name, _ in children)):
            effort.write(len(prefix) + len(name))
        tensors |= {layer_of(prefix + name): tensor for name, tensor in own.items()}
        attributes |= {prefix + name: value for name, value in facts.items()}
        if not prefix:
            training = facts.get("training")
        todo += [(f"{prefix}{name}.", child, depth + 1) for name, child in reversed(children)]
    return Candidate(path, tensors, class_of(module) or "a module", training, attributes)


def _parts(module: Call, storages: Mapping[str, Storage], effort: Effort) -> Parts:
    """Tensors, submodules and plain attributes of one module."""
    if storage_dtype(class_of(module)) is not None:
        raise Damaged("a module whose class is a storage class")
    state, scripted = state_of(module) or [], class_of(module).startswith("__torch__")
    effort.look_at(len(state))
    by_name = {key: value for key, value in state if isinstance(key, str)}
    if scripted:  # TorchScript keeps tensors and submodules as attributes
        entries, skipped = state, set()
    else:
        entries = [
            pair
            for part in ("_parameters", "_buffers", "_modules")
            for pair in pairs_of(by_name.get(part)) or ()
        ]
        entries += [(PACKED, by_name[PACKED])] if PACKED in by_name else []
        left = items_of(by_name.get("_non_persistent_buffers_set")) or ()
        skipped = {name for name in left if isinstance(name, str)}
        effort.look_at(len(entries) + len(left))
    tensors: Tensors = {}
    children: list[tuple[str, Call]] = []
    for name, value in entries:
        if not isinstance(name, str):
            raise Damaged("a part of a module without a name")  # state_dict() stops there too
        if name in skipped:
            continue
        if (tensor := tensor_of(value, storages)) is not None:
            effort.look_at(TENSOR)
            tensors[name] = tensor
        elif is_packed(name, value):
            effort.look_at(PACKING)
            tensors |= _unpacked(name, value, storages)
        elif isinstance(value, Call) and pairs_of(value) is None and state_of(value) is not None:
            children.append((name, value))
    facts = {
        key: value.items if isinstance(value, Items) else value
        for key, value in by_name.items()
        if _is_plain(value) and not key.startswith("_")
    }
    return tensors, children, facts


def _class_names(module: Call, effort: Effort) -> dict[str, Any]:
    """What the whole module calls its classes by number: {"names": {"0": "road"}}, {} for none."""
    stated = next((value for key, value in state_of(module) or () if key == "names"), None)
    pairs = pairs_of(stated) or []
    known = all(isinstance(k, int) and isinstance(v, str) and len(v) <= MAX_NAME for k, v in pairs)
    if not 0 < len(pairs) <= MAX_CLASSES or not known:
        return {}
    effort.look_at(len(pairs))
    effort.write(sum(len(name) for _, name in pairs))
    return {"names": {str(number): without_surrogates(name) for number, name in pairs}}


def _is_plain(value: Any) -> bool:
    """A number, a short text, or some numbers: stride, dilation, mode, which layers feed it."""
    value = value.items if isinstance(value, Items) else value
    if isinstance(value, tuple | list):
        return len(value) <= 8 and all(isinstance(part, int | float) for part in value)
    return isinstance(value, bool | int | float) or (isinstance(value, str) and len(value) <= 40)
