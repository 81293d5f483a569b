"""ONNX files: initializers as ranges of the file, and the graph in words; nothing runs.

The wire format of protobuf is walked to the raw numbers of each tensor, which stay in the file;
what is left is small, and the onnx library reads it.
"""

from __future__ import annotations

import mmap
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

from core.checkpoint.containers.onnx_stem import stem_of
from core.checkpoint.tensors import DTYPES, LeftOut, TensorRecord, check_shape, row_major
from core.checkpoint.window import Damaged
from core.errors import RefusedError

# Field numbers of onnx.proto on the way to the numbers of a tensor.
GRAPH, INITIALIZER, NODE, ATTRIBUTE, VALUE = 7, 5, 1, 5, 5
FLOATS, RAW, DOC = 4, 9, 12  # of a TensorProto: packed float32, raw bytes, doc_string
TREE: dict[int, Any] = {GRAPH: {INITIALIZER: {}, NODE: {ATTRIBUTE: {VALUE: {}}}}}
MAX_SKELETON = 64 * 2**20  # bytes without the numbers
MAX_NODES = 5_000  # a chain of 200,000 hangs onnxruntime
MAX_NAME = 1000  # characters of a tensor's name
SMALL = 1024  # bytes of numbers that stay in the skeleton, where the graph may need them
DTYPE_CODES = {  # onnx.proto, TensorProto.DataType
    1: "float32",
    2: "uint8",
    3: "int8",
    4: "uint16",
    5: "int16",
    6: "int32",
    7: "int64",
    9: "bool",
    10: "float16",
    11: "float64",
    12: "uint32",
    13: "uint64",
    16: "bfloat16",
}
RESIZES = ("Resize", "Upsample")
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # wire types
WITHOUT_DATA = "Write the model as one file: torch.onnx.export(..., external_data=False)."


@dataclass(frozen=True)
class Field:
    """One field of a message: where it begins, and where its content is."""

    number: int
    wire: int
    begin: int
    start: int  # of the content
    end: int


def read_onnx(data: mmap.mmap) -> tuple[dict[str, TensorRecord | LeftOut], dict[str, Any]]:
    """Read the initializers by name, and what the graph says about itself.

    Returns:
        Tensors as ranges of the file; plain facts: opset, producer, inputs, outputs, the
        first convolution with its BatchNorm, operators.

    Raises:
        CheckpointError: damaged.
        RefusedError: numbers in other files, or more nodes than are allowed.
    """
    from google.protobuf.message import DecodeError
    from onnx import ModelProto

    ranges: list[tuple[int, int]] = []
    skeleton = b"".join(_without_numbers(data, 0, len(data), TREE, ranges))
    if len(skeleton) > MAX_SKELETON:
        raise RefusedError(
            f"The graph of the ONNX file takes {len(skeleton) / 2**20:.0f} MiB without its "
            f"numbers; at most {MAX_SKELETON // 2**20} MiB are allowed.",
            remedy="Upload the checkpoint that it was exported from.",
        )
    try:
        model = ModelProto.FromString(skeleton)
    except DecodeError as exc:
        raise Damaged("an ONNX file that its library cannot read") from exc
    _check(model)
    tensors = {name: _record(proto, ranges) for name, proto in _tensors(model.graph)}
    tensors |= {name: _record(proto, ranges) for name, proto in _large_constants(model, ranges)}
    return tensors, {**_facts(model), "stem": stem_of(model.graph, tensors.keys())}


# --- the wire format ------------------------------------------------------------------------------


def _without_numbers(
    data: mmap.mmap, start: int, end: int, tree: dict[int, Any], ranges: list[tuple[int, int]]
) -> Iterator[bytes]:
    """The message without the numbers of its tensors, whose places are noted in order.

    A tensor is an empty branch of the tree: its largest run of numbers is cut out.
    """
    kept = start
    for field in _fields(data, start, end):
        inside = tree.get(field.number) if field.wire == BYTES else None
        if inside is None:
            continue
        yield data[kept : field.begin]
        kept = field.end
        cut = _tensor if not inside else _message
        content = b"".join(cut(data, field, inside, ranges))
        yield _tagged(field.number, content)
    yield data[kept:end]


def _message(
    data: mmap.mmap, field: Field, tree: dict[int, Any], ranges: list[tuple[int, int]]
) -> Iterator[bytes]:
    return _without_numbers(data, field.start, field.end, tree, ranges)


def _tensor(
    data: mmap.mmap, field: Field, _: dict[int, Any], ranges: list[tuple[int, int]]
) -> Iterator[bytes]:
    """A TensorProto whose numbers are cut out; its doc_string tells where they were noted."""
    kept, noted = field.start, b""
    for part in _fields(data, field.start, field.end):
        if part.number in (FLOATS, RAW) and part.wire == BYTES and not noted:
            noted = str(len(ranges)).encode()
            ranges.append((part.start, part.end))
            if part.end - part.start > SMALL:
                yield data[kept : part.begin]
                kept = part.end
        elif part.number == DOC:
            yield data[kept : part.begin]
            kept = part.end
    yield data[kept : field.end]
    yield _tagged(DOC, noted)


def _fields(data: mmap.mmap, start: int, end: int) -> Iterator[Field]:
    at = start
    while at < end:
        begin = at
        tag, at = _varint(data, at, end)
        wire, length = tag & 7, 0
        if wire == VARINT:
            _, stop = _varint(data, at, end)
        elif wire == BYTES:
            length, at = _varint(data, at, end)
            stop = at + length
        elif wire in (FIXED32, FIXED64):
            stop = at + (4 if wire == FIXED32 else 8)
        else:
            raise Damaged("an ONNX file with a field of an unknown kind")
        if stop > end:
            raise Damaged("an ONNX file with a field that extends beyond its message")
        yield Field(tag >> 3, wire, begin, at, stop)
        at = stop


def _varint(data: mmap.mmap, at: int, end: int) -> tuple[int, int]:
    """A number of 7 bits a byte, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= end:
            break
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise Damaged("an ONNX file with an unterminated number")


def _tagged(number: int, content: bytes) -> bytes:
    return _number(number << 3 | BYTES) + _number(len(content)) + content


def _number(value: int) -> bytes:
    parts = bytearray()
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])


# --- the graph ------------------------------------------------------------------------------------


def _check(model: Any) -> None:
    for _, tensor in _tensors(model.graph):
        if tensor.data_location or tensor.external_data:
            raise RefusedError(
                "The weights of this ONNX file are in another file beside it.",
                remedy=WITHOUT_DATA,
            )
    if len(model.graph.node) > MAX_NODES:
        raise RefusedError(
            f"The ONNX file has {len(model.graph.node)} nodes; at most {MAX_NODES} are allowed.",
            remedy="Upload the checkpoint that it was exported from.",
        )


def _tensors(graph: Any) -> Iterator[tuple[str, Any]]:
    for tensor in graph.initializer:
        yield _text(tensor.name, MAX_NAME), tensor


def _large_constants(model: Any, places: list[tuple[int, int]]) -> Iterator[tuple[str, Any]]:
    """Weights that some exporters write into nodes; small constants are no weights."""
    for node in model.graph.node:
        for attribute in node.attribute:
            noted = attribute.t.doc_string if attribute.HasField("t") else ""
            if noted and places[int(noted)][1] - places[int(noted)][0] > SMALL:
                name = node.output[0] if node.output else attribute.name
                yield _text(name, MAX_NAME), attribute.t


def _record(proto: Any, places: list[tuple[int, int]]) -> TensorRecord | LeftOut:
    start, end = places[int(proto.doc_string)] if proto.doc_string else (0, 0)
    dtype, shape = DTYPES.get(DTYPE_CODES.get(proto.data_type, "")), tuple(proto.dims)
    if dtype is None:
        return LeftOut(f"numbers of ONNX's kind {proto.data_type} are not read")
    check_shape(shape)
    if prod(shape) * dtype.size != end - start:
        return LeftOut("numbers that are written one by one are not read")
    return TensorRecord(dtype, shape, row_major(shape), start)


def _facts(model: Any) -> dict[str, Any]:
    graph = model.graph
    own = {tensor.name for tensor in graph.initializer}
    counts = Counter(_text(node.op_type) for node in graph.node)
    return {
        "producer": f"{_text(model.producer_name)} {_text(model.producer_version)}".strip(),
        "opset": {_text(entry.domain) or "ai.onnx": entry.version for entry in model.opset_import},
        "inputs": {
            _text(value.name): _shape(value) for value in graph.input if value.name not in own
        },
        "outputs": {_text(value.name): _shape(value) for value in graph.output},
        "operators": dict(counts.most_common(200)),
        "nodes": len(graph.node),
        "domains": sorted({_text(node.domain) for node in graph.node if node.domain}),
        "training_norms": sum(map(_is_training, graph.node)),
        "resizes": [_resize(node) for node in graph.node if node.op_type in RESIZES][:50],
        "metadata": {_text(p.key): _text(p.value, 20_000) for p in model.metadata_props[:100]},
    }


def _is_training(node: Any) -> bool:
    """Whether this is a BatchNorm by the statistics of what it is given."""
    said = {attribute.name: attribute.i for attribute in node.attribute}
    return node.op_type == "BatchNormalization" and bool(said.get("training_mode", 0))


def _resize(node: Any) -> str:
    """How it fills in what lies between: "linear, align_corners"."""
    said = {attribute.name: attribute.s for attribute in node.attribute}
    words = (
        said.get("mode", b"nearest"),
        said.get("coordinate_transformation_mode", b"half_pixel"),
    )
    return ", ".join(_text(word.decode("ascii", "replace")) for word in words)


def _text(value: str | bytes, longest: int = 80) -> str:
    """A text of the file; its library gives bytes for what is none."""
    if isinstance(value, bytes):
        raise Damaged("an ONNX file with a name that is not UTF-8 text")
    if longest == MAX_NAME and len(value) > MAX_NAME:  # cut, two could become one
        raise Damaged("an ONNX file with a tensor whose name is too long")
    return value[:longest]


def _shape(value: Any) -> list[int | str]:
    """Sizes; a name where the size is free."""
    dims = value.type.tensor_type.shape.dim
    return [
        _text(dim.dim_param) or "?" if not dim.HasField("dim_value") else dim.dim_value
        for dim in dims
    ]
