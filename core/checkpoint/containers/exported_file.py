"""Exported programs (.pt2): weights as raw bytes beside a JSON table, the graph as JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from core.checkpoint.containers.torch_zip import Archive
from core.checkpoint.tensors import DTYPES, LeftOut, Storage, TensorRecord, place
from core.checkpoint.text import read_json
from core.checkpoint.window import Damaged, TooMuch
from core.errors import CheckpointError, RefusedError

TABLES = (
    ("data/weights/", "model_weights_config.json"),
    ("data/constants/", "model_constants_config.json"),
)
DTYPE_CODES = {  # torch/_export/serde/schema.py, ScalarType
    1: "uint8",
    2: "int8",
    3: "int16",
    4: "int32",
    5: "int64",
    6: "float16",
    7: "float32",
    8: "float64",
    12: "bool",
    13: "bfloat16",
    28: "uint16",
    29: "float8_e4m3fn",
    30: "float8_e5m2",
}
PROGRAM = "models/model.json"
MAX_GRAPH_BYTES = 16 * 2**20  # DeepLabV3 with a ResNet-50 has 0.6 MB and 22,000 values
MAX_VALUES = 500_000


def read_exported(archive: Archive) -> tuple[dict[str, TensorRecord | LeftOut], str]:
    """Weights and constants by name, and the graph's JSON.

    Raises:
        CheckpointError: damaged, or no graph of this name.
        RefusedError: weights that are pickled.
    """
    if PROGRAM not in archive.entries:
        raise CheckpointError(
            "This .pt2 file holds no exported program called model.",
            remedy="Write it with torch.export.save(program, 'model.pt2').",
        )
    tensors: dict[str, TensorRecord | LeftOut] = {}
    try:
        for folder, table in TABLES:
            if folder + table in archive.entries:
                config = read_json(archive.read(folder + table))["config"]
                tensors |= {n: _tensor(archive, folder, entry) for n, entry in config.items()}
        program = _graph(archive.read(PROGRAM))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
        raise Damaged(f"the table of an exported program: {exc}") from exc
    return tensors, program


def _graph(content: bytes) -> str:
    """The graph as JSON, which the app reads a second time: within a limit, and clean."""
    if len(content) > MAX_GRAPH_BYTES:
        raise TooMuch(f"the graph of the program takes more than {MAX_GRAPH_BYTES >> 20} MiB")
    graph = read_json(content)
    todo, seen = [graph], 0
    while todo:
        value = todo.pop()
        seen += 1
        if seen > MAX_VALUES:
            raise TooMuch(f"the graph of the program has more than {MAX_VALUES:,} values")
        if isinstance(value, dict | list):
            todo += value.values() if isinstance(value, dict) else value
    return json.dumps(graph)


def _tensor(archive: Archive, folder: str, entry: dict[str, Any]) -> TensorRecord | LeftOut:
    if entry["use_pickle"]:
        raise RefusedError(
            "The program's weights are pickled objects of a class of their own.",
            remedy="Export the program with plain tensors as weights.",
        )
    name, meta = folder + entry["path_name"], entry["tensor_meta"]
    if name not in archive.entries:
        raise Damaged(f"{name[:60]} is missing")
    archive.check(name)
    stored, dtype = archive.entries[name], DTYPE_CODES.get(meta["dtype"], "")
    if dtype not in DTYPES:
        return LeftOut(f"numbers of code {meta['dtype']} are not read")
    numbers = [[size["as_int"] for size in meta[key]] for key in ("sizes", "strides")]
    storage = Storage(stored.start, stored.length, dtype)
    record = place(storage, dtype, meta["storage_offset"]["as_int"], *map(tuple, numbers))
    return record if isinstance(record, LeftOut) else replace(record, raw=True)
