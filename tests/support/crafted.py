"""Small files written to cost much, or to get past the reader: no payload in any of them.

Each comes with a part of the sentence that a person gets, or with "opens".
"""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Callable

import numpy as np

from tests.support.hostile import (
    WAYS,
    Raw,
    archive,
    exported,
    saved,
    sizes,
    tensor,
    text_op,
    weights,
)

HALF = b"X" + struct.pack("<I", 4) + b"\xed\xa0\x80k"  # a lone surrogate and a letter
OTHER_HALF = b"X" + struct.pack("<I", 4) + b"\xed\xa0\x81k"
FOUR = tensor(sizes(4), sizes(1))  # a tensor of four numbers
HUGE = (2**61, 2**61, 0)  # no number in it, but a product that overflows on the way


def pickled(*entries: tuple[bytes, bytes]) -> bytes:
    """A zip container with a dict of these opcodes."""
    pairs = b"".join(key + value for key, value in entries)
    return archive(b"\x80\x02}(" + pairs + b"u.", s0=bytes(16))


def safetensors(name: str, shape: list[int], metadata: object = None) -> bytes:
    """One empty tensor, of whatever shape is said."""
    header = {name: {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]}}
    if metadata is not None:
        header["__metadata__"] = metadata
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text


def onnx(name: str, shape: tuple[int, ...], count: int = 0) -> bytes:
    """A graph with one initializer."""
    from onnx import TensorProto, helper

    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [4]) for n in "xy"]
    weight = TensorProto(name=name, dims=shape, data_type=TensorProto.FLOAT)
    weight.raw_data = np.ones(count, np.float32).tobytes()
    node = helper.make_node("Relu", ["x"], ["y"])
    graph = helper.make_graph([node], "g", ends[:1], ends[1:], [weight])
    return helper.make_model(graph).SerializeToString()


UNWRITABLE: dict[str, Callable[[], tuple[bytes, str]]] = {  # what safetensors would refuse
    "half a character in a name": lambda: (pickled((HALF, FOUR)), "opens"),
    "half characters that make two names one": lambda: (
        pickled((HALF, FOUR), (OTHER_HALF, FOUR)), "differ only by"),
    "half a character in a JSON name": lambda: (safetensors("\ud800k", [0]), "opens"),
    "half a character beside the weights": lambda: (
        pickled((text_op("model"), b"}" + text_op("w") + FOUR + b"s"), (text_op("note"), HALF)),
        "opens"),
    "a tensor called __metadata__": lambda: (
        pickled((text_op("__metadata__"), FOUR), (text_op("w"), FOUR)), "a name that safetensors"),
    "an ONNX tensor called __metadata__": lambda: (
        onnx("__metadata__", (4,), 4), "a name that safetensors"),
    "an empty tensor of 2**122 numbers": lambda: (
        pickled((text_op("w"), FOUR), (text_op("e"), tensor(sizes(*HUGE), sizes(0, 0, 0)))),
        "more than any memory holds"),
    "an empty safetensors tensor of 2**122 numbers": lambda: (
        safetensors("e", list(HUGE)), "more than any memory holds"),
    "an empty ONNX tensor of 2**122 numbers": lambda: (
        onnx("e", HUGE), "more than any memory holds"),
    "120,000 dimensions": lambda: (safetensors("w", [1] * 120_000), "64 dimensions"),
    "120,000 dimensions, one of them 0": lambda: (
        safetensors("w", [1] * 120_000 + [0]), "64 dimensions"),
    "120,000 dimensions in ONNX": lambda: (onnx("w", (1,) * 120_000), "64 dimensions"),
    "a name of a million letters": lambda: (
        pickled((text_op("n" * 10**6), FOUR)), "more than 1000 characters"),
}  # fmt: skip


# --- much out of little ---------------------------------------------------------------------------


def named_again(text: str, count: int) -> bytes:
    """Weights beside a list that holds one text many times."""
    put = text_op(text) + b"q\x05" + b"h\x05" * (count - 1)
    model = b"}" + text_op("w") + FOUR + b"s"
    return pickled((text_op("model"), model), (text_op("cfg"), b"](" + put + b"e"))


def program(graph: bytes) -> bytes:
    """An exported program of one weight, with this text for its graph."""
    return exported(**{"models__model.json": graph})


def _bundle(texts: int, length: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("model.safetensors", safetensors("w", [0]))
        for k in range(texts):
            file.writestr(f"{k}.json", json.dumps({"text": "a" * length}))
    return buffer.getvalue()


def _zeros(count: int) -> bytes:
    """Weights that unpack to a thousand times their size."""
    header = json.dumps({"w": {"dtype": "U8", "shape": [count], "data_offsets": [0, count]}})
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        text = struct.pack("<Q", len(header)) + header.encode()
        file.writestr("model.safetensors", text + bytes(count))
    return buffer.getvalue()


def _crossed(count: int) -> bytes:
    """A list that holds one dict many times, whose keys are no texts."""
    keys = b"".join(b"K" + bytes([k % 256]) + b"\x85N" for k in range(count))  # (k,): None
    table = b"}(" + keys + b"uq\x05" + b"h\x05" * (count - 1)
    model = b"}" + text_op("w") + FOUR + b"s"
    return pickled((text_op("model"), model), (text_op("cfg"), b"](" + table + b"e"))


LAVISH: dict[str, Callable[[], tuple[bytes, str]]] = {  # what a small file could make of itself
    "one text of 20,000 letters 9,000 times": lambda: (
        named_again("a" * 20_000, 9000), "opens"),
    "one text of a million letters 2,000 times": lambda: (
        named_again("\u00e4" * 10**6, 2000), "opens"),
    "one dict 15,000 times": lambda: (_crossed(15_000), "opens"),
    "a graph of 17 MiB": lambda: (program(b'["' + b"a" * 17 * 2**20 + b'"]'), "takes more than"),
    "a graph of 2,000,000 lists": lambda: (
        program(b"[" + b"[]," * 2_000_000 + b"0]"), "values|memory"),
    "forty texts of a megabyte beside the weights": lambda: (
        _bundle(40, 10**6), "JSON files beside"),
    "five texts of a megabyte beside the weights": lambda: (_bundle(5, 10**6), "opens"),
    "a view of one number as 64 MB": lambda: (
        pickled((text_op("w"), tensor(sizes(2**24), sizes(0)))), "64 MiB of memory"),
    "64 MB of zeros in a ZIP of 64 KB": lambda: (_zeros(2**26), "which weights never do"),
    "metadata of 4 MB in safetensors": lambda: (
        safetensors("w", [0], {str(k): "a" * 20_000 for k in range(200)}), "opens"),
}  # fmt: skip


# --- the same part again and again ----------------------------------------------------------------


def module(parameters: bytes, modules: bytes = b"}") -> bytes:
    """Opcodes of a pickled module with these opcodes for its dicts."""
    state = b"(" + text_op("_parameters") + parameters + text_op("_buffers") + b"}"
    return b"cmy\nNet\n)\x81}" + state + text_op("_modules") + modules + b"ub"


def _shared(count: int, name: str, parameters: bytes) -> bytes:
    """A module that holds one other many times, each time under a long name."""
    inner = module(parameters) + b"r\x09\0\0\0"
    again = b"".join(text_op(f"{name}{k}") + b"j\x09\0\0\0" for k in range(count))
    return archive(
        b"\x80\x02" + module(b"}", b"}(" + text_op("first") + inner + again + b"u") + b".",
        s0=bytes(16),
    )


def _table(count: int, value: bytes) -> bytes:
    return b"}(" + b"".join(text_op(f"p{k}") + value for k in range(count)) + b"u"


def _siblings(count: int, parameters: bytes) -> bytes:
    """Many modules with one dict of parameters between them."""
    first = text_op("a") + module(parameters + b"r\x08\0\0\0")
    others = (text_op(f"m{k}") + module(b"j\x08\0\0\0") for k in range(count))
    inside = b"}(" + first + b"".join(others) + b"u"
    return archive(b"\x80\x02" + module(b"}", inside) + b".", s0=bytes(16))


def _roots(count: int) -> bytes:
    """Many modules in a list, with one state between them: each is a candidate."""
    state = b"(" + text_op("_parameters") + _table(300, FOUR) + text_op("_modules") + b"}u"
    first = b"cmy\nNet\n)\x81}" + state + b"r\x08\0\0\0b"
    others = b"cmy\nNet\n)\x81j\x08\0\0\0b" * count
    return archive(b"\x80\x02](" + first + others + b"e.", s0=bytes(16))


def _names(count: int) -> bytes:
    return archive(b"\x80\x02](" + b"".join(f"cmy\nC{k}\n".encode() for k in range(count)) + b"e.")


SHARED: dict[str, Callable[[], tuple[bytes, str]]] = {
    "a module of 300 tensors 1,000 times under long names": lambda: (
        _shared(1000, "n" * 500, _table(300, FOUR)), "names of its parts take"),
    "a module of 300 tensors 30,000 times": lambda: (
        _shared(30_000, "m", _table(300, FOUR)), "too often|names of its parts take"),
    "10,000 empty parameters in 10,000 modules": lambda: (
        _siblings(10_000, _table(10_000, b"N")), "too often"),
    "2,000 modules with one state": lambda: (_roots(2000), "too often"),
    "a shape of 300,000 sides in 3,000 tensors": lambda: (
        pickled(
            (text_op("a"), tensor(sizes(*[1] * 300_000) + "r\x07\0\0\0", sizes(1))),
            *((text_op(f"w{k}"), tensor("j\x07\0\0\0", sizes(1))) for k in range(3000)),
        ),
        "sizes and strides do not match"),
    "50,000 names of classes": lambda: (_names(50_000), "names more than 10,000"),
}  # fmt: skip


# --- what a file asks for beside good weights -----------------------------------------------------

FOREIGN = (  # of libraries that a server may have; none is on any list of bad names
    *("requests.api.get", "pip.main", "aiohttp.client.ClientSession", "cv2.imread", "yaml.load"),
    *("numpy_financial.npv", "torchvision.models.resnet.resnet50", "__main__.build"),
)


def asking(name: str, way: str, *, legacy: bool = False) -> bytes:
    """Good weights beside a call, encoded in one of the ways of `hostile.WAYS`."""
    module, _, function = name.rpartition(".")
    value = Raw(WAYS[way](module, function, text_op("http://localhost/")))
    return saved({"model": weights(), "x": value, "epoch": 3}, legacy=legacy)
