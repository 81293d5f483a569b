"""Names, shapes and metadata that no honest file has, put into honest files."""

from __future__ import annotations

import io
import json
import random
import zipfile
from collections.abc import Callable
from copy import deepcopy
from typing import Any

NAMES = (
    *(
        "",
        "__metadata__",
        "\ud800k",
        "\udfff",
        "\ufffdk",
        "a\0b",
        "\u202eabc",
        "w" * 999,
        "w" * 1001,
    ),
    *("../../etc/passwd", "module.", "module.module.", ".", "..", "\\", '"', "conv.weight\n", "0"),
    *("\U0001f600", "\xe4" * 500, "constructor", "__proto__", "w" * 10**5),
)
SHAPES: tuple[list[Any], ...] = (
    *([], [0], [0, 0], [2**61, 2**61, 0], [0, 2**61, 2**61], [2**31, 2**31, 2**31], [2**62]),
    *([1] * 64, [1] * 65, [1] * 5000, [1] * 5000 + [0], [-1], [-1, -1], [2**63], [10**30]),
    *([1.0], [None], ["4"], [True], [[1]], [4, [0]]),
)
METADATA: tuple[Any, ...] = (
    *({}, [], "text", 7, None, {"a": 1}, {"a": None}, {"a": ["b"]}, {"\ud800": "\udc00"}),
    *({"format": "pt"}, {"format": "\ud83d"}, {"text": "a" * 10**5}, {"a" * 10**5: "b"}),
    *({str(k): "v" for k in range(25_000)}, {"names": {"9" * 5000: "road", "1": "sky"}}),
    *({"classes": ["\ud800", "road"]}, {"mean": "[1e999, NaN]"}, {"number": 10**400}),
)


def safetensors(content: bytes, chance: random.Random) -> bytes:
    """Change a name, a shape or the metadata of a safetensors file; its numbers stay."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    name = chance.choice([key for key in header if key != "__metadata__"] or ["none"])
    action = chance.randrange(4)
    if action == 0:
        header = {chance.choice(NAMES) if k == name else k: v for k, v in header.items()}
    elif action == 1:
        header[name]["shape"] = chance.choice(SHAPES)
    elif action == 2:  # one that has no numbers, so that any shape with a 0 is honest
        end = header[name]["data_offsets"][1]
        extra = {"dtype": "F32", "shape": chance.choice(SHAPES), "data_offsets": [end, end]}
        header[chance.choice(NAMES)] = extra
    else:
        header["__metadata__"] = chance.choice(METADATA)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + content[8 + length :]


def onnx(content: bytes, chance: random.Random) -> bytes:
    """Change a name, a shape or the metadata of an ONNX file, by its own library."""
    from onnx import ModelProto

    model = ModelProto.FromString(content)
    weight = chance.choice(model.graph.initializer)
    name = chance.choice([n for n in NAMES if n.isascii() or n.isprintable()])
    action = chance.randrange(5)
    if action == 0:
        weight.name = name
    elif action == 1:
        numbers = [n for n in chance.choice(SHAPES) if type(n) is int and abs(n) < 2**63]
        weight.ClearField("dims")
        weight.dims.extend(numbers)
    elif action == 2:
        model.metadata_props.add(key=name, value="a" * chance.choice((0, 10, 10**5)))
    elif action == 3:
        model.graph.input[0].name = name
        model.graph.input[0].type.tensor_type.shape.dim.add(dim_param=name)
    else:
        model.graph.node[0].op_type = model.graph.node[0].domain = name
    return model.SerializeToString()


def exported(content: bytes, chance: random.Random) -> bytes:
    """Change a table or the graph of an exported program; checksums are right again."""
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        entries = {info.filename: file.read(info) for info in file.infolist()}
    tables = [name for name in entries if name.endswith(("_config.json", "models/model.json"))]
    which = chance.choice(tables)
    value = json.loads(entries[which])
    _change(value, chance)
    entries[which] = json.dumps(value).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, data in entries.items():
            file.writestr(name, data)
    return buffer.getvalue()


def _change(value: Any, chance: random.Random) -> None:
    """Walk down at random, and change what is there: a name, a number, a list."""
    for _ in range(chance.randrange(1, 9)):
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        if not keys:
            return
        key = chance.choice(keys)
        inside = value[key]
        if isinstance(inside, dict | list) and inside and chance.random() < 0.8:
            value = inside
        elif isinstance(value, dict) and chance.random() < 0.3:
            value[chance.choice(NAMES)] = value.pop(key)
        else:
            value[key] = deepcopy(chance.choice((*NAMES, *SHAPES, *METADATA, -1, 2**62, 1e300)))


CHANGES: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "safetensors": safetensors,
    "ONNX": onnx,
    "exported program": exported,
}
