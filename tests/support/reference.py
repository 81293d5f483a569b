"""An independent reader of checkpoints: Python's own unpickler over a closed list of names."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator

import torch
from safetensors.torch import _TYPES

Tensors = dict[str, torch.Tensor]


class _Object:
    """Stands for a class of a library or of the author."""

    def __new__(cls, *_: object, **__: object) -> _Object:
        return super().__new__(cls)

    def __setstate__(self, state: object) -> None:
        self.state = state


KNOWN: dict[tuple[str, str], object] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): torch._utils._rebuild_tensor_v2,
    ("torch._utils", "_rebuild_parameter"): torch._utils._rebuild_parameter,
    **{("torch", name): getattr(torch, name) for name in dir(torch) if name.endswith("Storage")},
}


class _Unpickler(pickle.Unpickler):
    """Python's own machine; makes tensors, dicts and inert objects only."""

    def __init__(self, file: io.BytesIO, storage: Callable) -> None:
        super().__init__(file)
        self._storage = storage

    def find_class(self, module: str, name: str) -> object:
        return KNOWN.get((module, name), _Object)

    def persistent_load(self, pid: tuple) -> object:
        if pid[0] == "module":  # legacy: a class with its source
            return pid[1]
        kind, key, count = pid[1], pid[2], pid[4]
        dtype = kind.dtype
        data = self._storage(key, count, dtype)
        untyped = torch.frombuffer(bytearray(data), dtype=torch.uint8).untyped_storage()
        return torch.storage.TypedStorage(wrap_storage=untyped, dtype=dtype, _internal=True)


def reference(content: bytes) -> object:
    """What the file holds, by another road than ours."""
    if content.startswith(b"PK"):
        return _reference_zip(content)
    if content[8:9] == b"{":
        return _reference_safetensors(content)
    return _reference_legacy(content)


def _reference_zip(content: bytes) -> object:
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        entries = {name.partition("/")[2]: file.read(name) for name in file.namelist()}
    storage = lambda key, count, dtype: entries[f"data/{key}"]  # noqa: E731
    return _Unpickler(io.BytesIO(entries["data.pkl"]), storage).load()


def _reference_safetensors(content: bytes) -> Tensors:
    """Entry by entry; the library refuses a whole file where one kind of number is unknown."""
    length = int.from_bytes(content[:8], "little")
    header, numbers = json.loads(content[8 : 8 + length]), content[8 + length :]
    return {
        name: torch.frombuffer(
            bytearray(numbers[slice(*entry["data_offsets"])]), dtype=_TYPES[entry["dtype"]]
        ).reshape(entry["shape"])
        for name, entry in header.items()
        if entry["dtype"] in _TYPES and entry["dtype"] != "C64"
    }


def _reference_legacy(content: bytes) -> object:
    """The numbers come last: find them first, then read the content again."""
    file, seen = io.BytesIO(content), {}

    def keep(key: str, count: int, dtype: torch.dtype) -> bytes:
        seen[key] = dtype
        return bytes(count * dtype.itemsize)

    for _ in range(3):
        pickle.Unpickler(file).load()
    start = file.tell()
    _Unpickler(file, keep).load()
    storages = {}
    for key in pickle.Unpickler(file).load():
        count = int.from_bytes(file.read(8), "little")
        storages[key] = file.read(count * seen[key].itemsize)
    file.seek(start)
    return _Unpickler(file, lambda key, *_: storages[key]).load()


def tensors_at(content: object, path: list[str]) -> Tensors:
    """The tensors of the dict or module at this place, by name."""
    for step in path:
        content = content[step] if isinstance(content, dict) else content[int(step)]
    return dict(_named(content, ""))


def _named(value: object, prefix: str) -> Iterator[tuple[str, torch.Tensor]]:
    if isinstance(value, dict):
        yield from ((k, v) for k, v in value.items() if _is_named_tensor(k, v))
        return
    parts = value.state
    for group in ("_parameters", "_buffers"):
        for name, part in parts.get(group, {}).items():
            if _is_named_tensor(name, part):
                yield prefix + name, part
    for name, child in parts["_modules"].items():
        if hasattr(child, "state"):
            yield from _named(child, f"{prefix}{name}.")


def _is_named_tensor(name: object, value: object) -> bool:
    return isinstance(name, str) and isinstance(value, torch.Tensor)


def same(found: Tensors, wanted: Tensors) -> bool:
    """Names, kinds of number, shapes and bits."""
    return found.keys() == wanted.keys() and all(
        found[key].dtype == value.dtype
        and found[key].shape == value.shape
        and torch.equal(bits(found[key]), bits(value))
        for key, value in wanted.items()
    )


def bits(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach().clone(memory_format=torch.contiguous_format).flatten().view(torch.uint8)
