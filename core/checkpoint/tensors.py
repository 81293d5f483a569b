"""Which bytes of the file a tensor is made of: the rules that a described tensor has to pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from core.checkpoint.window import Damaged

MAX_DIMENSIONS = 64  # torch's own limit
MAX_NUMBERS = 2**57  # safetensors counts bits in 64 of them


@dataclass(frozen=True)
class Dtype:
    """A kind of number: its name in safetensors, its size, its name in torch."""

    code: str
    size: int  # bytes
    name: str


DTYPES = {
    dtype.name: dtype
    for dtype in (
        Dtype("F64", 8, "float64"),
        Dtype("F32", 4, "float32"),
        Dtype("F16", 2, "float16"),
        Dtype("BF16", 2, "bfloat16"),
        Dtype("I64", 8, "int64"),
        Dtype("I32", 4, "int32"),
        Dtype("I16", 2, "int16"),
        Dtype("I8", 1, "int8"),
        Dtype("U64", 8, "uint64"),
        Dtype("U32", 4, "uint32"),
        Dtype("U16", 2, "uint16"),
        Dtype("U8", 1, "uint8"),
        Dtype("BOOL", 1, "bool"),
        Dtype("F8_E4M3", 1, "float8_e4m3fn"),
        Dtype("F8_E5M2", 1, "float8_e5m2"),
        Dtype("F8_E4M3FNUZ", 1, "float8_e4m3fnuz"),
        Dtype("F8_E5M2FNUZ", 1, "float8_e5m2fnuz"),
        Dtype("F8_E8M0", 1, "float8_e8m0fnu"),
    )
}
FLOAT8 = {  # torch's name -> bits of exponent and mantissa, and what 2 ** 0 is stored as
    "float8_e4m3fn": (4, 3, 7),
    "float8_e5m2": (5, 2, 15),
    "float8_e4m3fnuz": (4, 3, 8),
    "float8_e5m2fnuz": (5, 2, 16),
    "float8_e8m0fnu": (8, 0, 127),
}
STORAGES = {  # torch's storage classes -> dtype; None: the bytes alone, the tensor names the dtype
    "Double": "float64",
    "Float": "float32",
    "Half": "float16",
    "BFloat16": "bfloat16",
    "Long": "int64",
    "Int": "int32",
    "Short": "int16",
    "Char": "int8",
    "Byte": "uint8",
    "Bool": "bool",
    "ComplexFloat": "complex64",
    "ComplexDouble": "complex128",
    "QInt8": "qint8",
    "QInt32": "qint32",
    "QUInt8": "quint8",
    "QUInt4x2": "quint4x2",
    "QUInt2x4": "quint2x4",
    "Untyped": "",
}
INTEGERS = {"qint8": "int8", "quint8": "uint8", "qint32": "int32"}  # quantized -> as stored
SIZES = {"complex64": 8, "complex128": 16, "qint8": 1, "qint32": 4, "quint8": 1, "": 1}


@dataclass(frozen=True)
class Storage:
    """Bytes of the file that tensors may look at."""

    start: int  # byte of the file
    length: int  # bytes
    dtype: str  # torch's name; "" where the tensor names it


@dataclass(frozen=True)
class Quantizer:
    """How whole numbers stand for others: (stored - zero point) * scale."""

    numbers: tuple[Any, Any]  # scale and zero point; each a number, or a TensorRecord of the file
    axis: int | None  # along which the scales lie; None: one scale for all


@dataclass(frozen=True)
class TensorRecord:
    """A tensor by where its numbers are in the file."""

    dtype: Dtype  # as they are stored
    shape: tuple[int, ...]
    stride: tuple[int, ...]  # in elements
    start: int  # byte of the file where the first element is
    quantizer: Quantizer | None = None  # of whole numbers that stand for others
    pieces: tuple[tuple[tuple[int, ...], TensorRecord], ...] = ()  # first index, and the piece
    raw: bool = False  # small numbers stay as they are: a graph turns them itself

    @property
    def written(self) -> Dtype:
        """What the numbers are written out as: small ones become float32, all others stay."""
        small = self.quantizer is not None or self.dtype.name in FLOAT8
        return DTYPES["float32"] if small and not self.raw else self.dtype

    @property
    def num_bytes(self) -> int:
        """Size written out, which a view of few bytes may exceed by far."""
        return prod(self.shape) * self.written.size

    @property
    def contiguous(self) -> bool:
        """Whether the elements follow each other in the file."""
        expected = 1
        for size, step in zip(reversed(self.shape), reversed(self.stride), strict=True):
            if size != 1 and step != expected:
                return False
            expected *= size
        return True


@dataclass(frozen=True)
class LeftOut:
    """A tensor that is in the file but is not read, and why."""

    why: str


def storage_dtype(name: str) -> str | None:
    """The dtype of a storage class, None for a name that is none: "torch.FloatStorage"."""
    kind = name.rpartition(".")[2]
    if not name.startswith("torch.") or not kind.endswith("Storage"):
        return None
    return STORAGES.get(kind.removesuffix("Storage"))


def check_shape(shape: Sequence[Any]) -> None:
    """Refuse sizes that no library can hold, whether or not one of them is 0.

    Raises:
        Damaged: more than 64 of them, one that is no whole number, or a product that overflows.
    """
    if len(shape) > MAX_DIMENSIONS:
        raise Damaged(f"a tensor of more than {MAX_DIMENSIONS} dimensions")
    if not all(type(size) is int and 0 <= size < 2**62 for size in shape):
        raise Damaged("a tensor with an impossible size")
    if prod(size or 1 for size in shape) >= MAX_NUMBERS:
        raise Damaged("a tensor whose sizes multiply to more than any memory holds")


def row_major(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Steps in elements of a tensor that is written row by row."""
    steps = [1]
    for size in reversed(shape[1:]):
        steps.append(steps[-1] * size)
    return tuple(reversed(steps[: len(shape)]))


def place(
    storage: Storage, dtype: str, offset: Any, shape: Any, stride: Any
) -> TensorRecord | LeftOut:
    """Check a view on a storage.

    Args:
        storage: what it looks at.
        dtype: torch's name of its numbers.
        offset: elements before the first one.
        shape: sizes.
        stride: steps in elements.

    Raises:
        Damaged: it reaches outside its storage.
    """
    if dtype not in DTYPES:
        return LeftOut(f"{dtype or 'unknown'} numbers are not read")
    kind = DTYPES[dtype]
    if len(shape) != len(stride):
        raise Damaged("a tensor whose sizes and strides do not match")
    check_shape(shape)
    if not all(type(number) is int and 0 <= number < 2**62 for number in (offset, *stride)):
        raise Damaged("a tensor with an impossible offset or stride")
    if prod(shape):
        last = offset + sum((n - 1) * step for n, step in zip(shape, stride, strict=True))
        if (last + 1) * kind.size > storage.length:
            raise Damaged("a tensor that extends beyond its storage")
    return TensorRecord(kind, tuple(shape), tuple(stride), storage.start + offset * kind.size)
