"""Which tensor a pickled call would rebuild: the call is read, never made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from core.checkpoint.pickled.records import Call, Global, Reference, pairs_of
from core.checkpoint.tensors import (
    DTYPES,
    INTEGERS,
    SIZES,
    LeftOut,
    Quantizer,
    Storage,
    TensorRecord,
    place,
    storage_dtype,
)
from core.checkpoint.window import Damaged

STRIDED = {
    "torch._utils._rebuild_tensor",
    "torch._utils._rebuild_tensor_v2",
    "torch._utils._rebuild_tensor_v3",
}
WRAPPED = {  # a call -> where the tensor is among its arguments
    "torch._utils._rebuild_parameter": 0,
    "torch._utils._rebuild_parameter_with_state": 0,
    "torch.nn.parameter.Parameter": 0,
    "torch.nn.parameter.Buffer": 0,
}
QUANTIZED = "torch._utils._rebuild_qtensor"
PER_TENSOR = "torch.per_tensor_affine"
PER_CHANNEL = ("torch.per_channel_affine", "torch.per_channel_affine_float_qparams")
OTHER_KINDS = {
    "torch._utils._rebuild_sparse_tensor": "a sparse tensor",
    "torch._utils._rebuild_sparse_csr_tensor": "a sparse tensor",
    "torch._utils._rebuild_nested_tensor": "a nested tensor",
    "torch._utils._rebuild_meta_tensor_no_storage": "a tensor without numbers (meta)",
    "torch._utils._rebuild_wrapper_subclass": "a tensor of a class of its own",
    "torch._utils._rebuild_device_tensor_from_numpy": "a tensor saved through NumPy",
    "torch._utils._rebuild_device_tensor_from_cpu_tensor": "a tensor of another device",
}
SCALES = ("F64", "F32", "I64", "I32")  # what scales and zero points are kept as
SUBCLASS = "torch._tensor._rebuild_from_type_v2"  # (function, class, arguments, state)
LOCAL = "_local_tensor"  # of torch.distributed.tensor.DTensor
SHARD = "one process's shard of a distributed tensor (DTensor)"
MAX_WRAPPING = 8  # a parameter in a subclass in a parameter; more is no tensor


def tensor_of(value: Any, storages: Mapping[str, Storage]) -> TensorRecord | LeftOut | None:
    """Read a value as a tensor; None where it is something else.

    Args:
        value: an inert record.
        storages: by key, as the container found them.

    Raises:
        Damaged: it is a tensor that contradicts the file.
    """
    whole: tuple[Any, ...] | None = None
    for _ in range(MAX_WRAPPING):
        if not isinstance(value, Call):
            return None
        arguments = value.arguments if isinstance(value.arguments, tuple) else ()
        name = value.name
        if name in WRAPPED and arguments:
            value = arguments[WRAPPED[name]]
        elif name == SUBCLASS and len(arguments) == 4 and _local(arguments[3]) is not None:
            value, whole = _local(arguments[3]), _stated_size(arguments[2])
        elif name == SUBCLASS and len(arguments) == 4:
            value = Call(arguments[0], arguments[2])
        elif name in STRIDED:
            found = _strided(arguments, storages)
            complete = whole is None or isinstance(found, LeftOut) or found.shape == whole
            return found if complete else LeftOut(f"{SHARD} is not read")
        elif name == QUANTIZED:
            return _quantized(arguments, storages)
        else:
            kind = OTHER_KINDS.get(name)
            return None if kind is None else LeftOut(f"{kind} is not read")
    return None


def _local(state: Any) -> Any:
    """What one process holds of a tensor that is spread over several (DTensor), None for others."""
    parts = state if isinstance(state, tuple) else (state,)  # __dict__ and __slots__
    pairs = (pair for part in parts for pair in pairs_of(part) or ())
    return next((part for key, part in pairs if key == LOCAL), None)


def _stated_size(arguments: Any) -> tuple[Any, ...] | None:
    """Of a tensor subclass: (class, dtype, size, ...)."""
    known = isinstance(arguments, tuple) and len(arguments) > 2
    return _sizes(arguments[2]) if known else None


def _strided(arguments: tuple[Any, ...], storages: Mapping[str, Storage]) -> TensorRecord | LeftOut:
    if len(arguments) < 4 or not isinstance(arguments[2], tuple | Call):
        raise Damaged("a tensor without storage, offset, size and stride")
    storage = _storage(arguments[0], storages)
    dtype = storage.dtype
    if not dtype:  # _rebuild_tensor_v3 names it: (..., requires_grad, hooks, dtype)
        named = arguments[6] if len(arguments) > 6 else None
        dtype = named.name.removeprefix("torch.") if isinstance(named, Global) else ""
    return place(storage, dtype, arguments[1], _sizes(arguments[2]), _sizes(arguments[3]))


def _quantized(
    arguments: tuple[Any, ...], storages: Mapping[str, Storage]
) -> TensorRecord | LeftOut:
    """(storage, offset, size, stride, how, ...): whole numbers, and what they stand for."""
    if len(arguments) < 5 or not isinstance(arguments[4], tuple) or not arguments[4]:
        raise Damaged("a quantized tensor without its scale")
    storage = _storage(arguments[0], storages)
    stored, (scheme, *numbers) = INTEGERS.get(storage.dtype, ""), arguments[4]
    if not stored:
        return LeftOut(f"a quantized tensor of {storage.dtype or 'unknown'} numbers is not read")
    sizes = _sizes(arguments[2]), _sizes(arguments[3])
    record = place(storage, stored, arguments[1], *sizes)
    name = scheme.name if isinstance(scheme, Global) else ""
    if isinstance(record, LeftOut) or name not in (PER_TENSOR, *PER_CHANNEL):
        return LeftOut("a quantized tensor of an unknown scheme is not read")
    if name == PER_TENSOR:
        return replace(record, quantizer=_one_scale(numbers))
    return replace(record, quantizer=_scales(numbers, record.shape, storages))


def _one_scale(numbers: list[Any]) -> Quantizer:
    if len(numbers) != 2 or not all(type(number) in (int, float) for number in numbers):
        raise Damaged("a quantized tensor whose scale is not a number")
    return Quantizer((numbers[0], numbers[1]), None)


def _scales(
    numbers: list[Any], shape: tuple[int, ...], storages: Mapping[str, Storage]
) -> Quantizer:
    """One scale and zero point for each index of one dimension, as tensors of the file."""
    if len(numbers) != 3 or type(numbers[2]) is not int or not 0 <= numbers[2] < len(shape):
        raise Damaged("a quantized tensor whose scales belong to no dimension")
    scale, zero, axis = *(tensor_of(value, storages) for value in numbers[:2]), numbers[2]
    for found in (scale, zero):
        if not isinstance(found, TensorRecord) or found.quantizer is not None:
            raise Damaged("a quantized tensor whose scales are no numbers")
        if found.shape != (shape[axis],) or found.dtype.code not in SCALES:
            raise Damaged("a quantized tensor whose scales are not one a channel")
    return Quantizer((scale, zero), axis)


def _sizes(value: Any) -> tuple[Any, ...]:
    """A tuple, or torch.Size of one."""
    if isinstance(value, Call) and isinstance(value.arguments, tuple) and value.arguments:
        value = value.arguments[0]
    if not isinstance(value, tuple):
        raise Damaged("a tensor whose size is not a tuple")
    return value


def _storage(value: Any, storages: Mapping[str, Storage]) -> Storage:
    """Follow ('storage', class, key, location, count); the count has to be the file's."""
    parts = value.value if isinstance(value, Reference) else None
    if not isinstance(parts, tuple) or len(parts) < 5 or parts[0] != "storage":
        raise Damaged("a tensor whose storage is not in the file")
    kind, key, count = parts[1], parts[2], parts[4]
    dtype = storage_dtype(kind.name) if isinstance(kind, Global) else None
    found = storages.get(key) if isinstance(key, str) else None
    if dtype is None or found is None:
        raise Damaged("a tensor whose storage is not in the file")
    size = DTYPES[dtype].size if dtype in DTYPES else SIZES.get(dtype, 1)
    if type(count) is not int or count * size != found.length:
        raise Damaged("a storage whose length differs from the stated one")
    start, length = found.start, found.length
    if len(parts) > 5 and parts[5] is not None:  # legacy: a view (key, offset, count) on it
        start, length = _view(parts[5], start, length, size)
    return Storage(start, length, dtype)


def _view(view: Any, start: int, length: int, size: int) -> tuple[int, int]:
    if not isinstance(view, tuple) or len(view) != 3:
        raise Damaged("a storage with a malformed view")
    _, offset, count = view
    inside = type(offset) is int and type(count) is int and offset >= 0 and count >= 0
    if not inside or (offset + count) * size > length:
        raise Damaged("a view that extends beyond its storage")
    return start + offset * size, count * size
