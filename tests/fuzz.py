"""Damaged files by the thousand: opened and right, or refused with a sentence; nothing else.

    python -m tests.fuzz [mutants] [flips] [seed] [odd]

A *mutant* is an honest file whose structure was changed and whose checksums were mended: opcodes of
its pickle, entries of its directory, numbers of its JSON. A *flip* is one bit of the file.
Right means: every tensor is what an independent reader finds in the same bytes, Python's own
unpickler over a closed list of names; of flips in a zip, whose checksums cover everything that is
read: what was saved. An *odd* file has names, shapes or metadata that no honest one has.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import io
import json
import random
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load as load_safetensors

from core.checkpoint.reader import read_file
from core.checkpoint.report import Report
from core.checkpoint.text import without_surrogates
from core.errors import CheckpointError
from tests.support import strange
from tests.support.damage import flipped, mutant
from tests.support.honest import seeds, state
from tests.support.reference import Tensors, bits, reference, same, tensors_at

SECONDS = 10.0


def outcome(content: bytes, folder: Path, wanted: Tensors | None = None) -> str:
    """Read one file: "refused" or "opened"; everything else is a fault, in words.

    Args:
        content: the file.
        folder: for its copy.
        wanted: what has to come out; None: what the independent reader finds.
    """
    path, out = folder / "file", folder / "out"
    path.write_bytes(content)
    began = time.process_time()
    try:
        report = read_file(path, out)
        json.dumps(asdict(report), ensure_ascii=False).encode()
        with safe_open(out, framework="pt") as file:
            own = (key for key in report.keys if key not in report.computed)
            found = {key: file.get_tensor(key) for key in own}
    except CheckpointError as error:
        complete = error.message.endswith(".") and len(error.remedy) > 20
        return "refused" if complete else f"FAULT: no sentence: {error.message!r}"
    except BaseException as error:
        return f"FAULT: {type(error).__name__}: {error}"
    if time.process_time() - began > SECONDS:
        return "FAULT: slow"
    try:
        right = wanted if wanted is not None else independent(content, report)
    except Exception as error:
        return f"opened alone ({type(error).__name__})" if _all_saved(found) else "FAULT: foreign"
    right = {without_surrogates(key): value for key, value in right.items()}
    elsewhere = {*report.left_out, *report.left_over, *report.computed}  # told, each for itself
    right = {key: value for key, value in right.items() if key not in elsewhere}
    return "opened" if same(found, right) else "FAULT: wrong"


def independent(content: bytes, report: Report) -> Tensors:
    """What a reader of other people finds in the same bytes."""
    if report.container == "ONNX":
        return _by_onnx(content)
    if report.container == "exported program":
        return _by_table(content)
    if report.container == "safetensors in a ZIP":
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            shards = [file.read(name) for name in file.namelist() if name.endswith(".safetensors")]
        return {key: value for shard in shards for key, value in load_safetensors(shard).items()}
    return tensors_at(reference(content), report.wrapper)


def _by_onnx(content: bytes) -> Tensors:
    """Initializers and large constants as the onnx library reads them."""
    from onnx import ModelProto, numpy_helper

    graph = ModelProto.FromString(content).graph
    protos = [(proto.name, proto) for proto in graph.initializer]
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t") and len(attribute.t.raw_data) > 1024:
                protos.append((node.output[0] if node.output else attribute.name, attribute.t))
    found = {}
    for name, proto in protos:
        with contextlib.suppress(ValueError):  # numbers that contradict their shape
            found[name] = torch.from_numpy(numpy_helper.to_array(proto).copy())
    return found


def _by_table(content: bytes) -> Tensors:
    """Weights and constants of an exported program, by its tables alone."""
    found = {}
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        top = file.namelist()[0].partition("/")[0]
        for folder in ("weights", "constants"):
            place = f"{top}/data/{folder}/"
            table = f"{place}model_{folder}_config.json"
            config = json.loads(file.read(table))["config"] if table in file.namelist() else {}
            for name, entry in config.items():
                meta = entry["tensor_meta"]
                dtype = {7: torch.float32, 5: torch.int64}[meta["dtype"]]
                numbers = bytearray(file.read(place + entry["path_name"]))
                whole = len(numbers) - len(numbers) % dtype.itemsize
                storage = torch.frombuffer(numbers[:whole], dtype=dtype)
                sizes, steps = ([n["as_int"] for n in meta[key]] for key in ("sizes", "strides"))
                offset = meta["storage_offset"]["as_int"]
                found[name] = storage.as_strided(sizes, steps, offset).contiguous()
    return found


def _all_saved(found: Tensors) -> bool:
    """Where Python's own machine stops: no number that was not saved, in whatever shape."""
    return all(_elements(value) <= _windows(value.element_size()) for value in found.values())


def _elements(tensor: torch.Tensor) -> set[bytes]:
    data, size = bytes(bits(tensor).numpy()), tensor.element_size()
    return {data[k : k + size] for k in range(0, len(data), size)}


@functools.cache
def _windows(size: int) -> set[bytes]:
    """Every run of that many bytes in the honest tensors: a view may change the kind of number."""
    honest = seeds()
    onnx = [_by_onnx(honest.pop("ONNX")), _by_table(honest.pop("exported program"))]
    files = [file for name, file in honest.items() if not name.startswith("bundle")]
    tensors = [t for part in (*onnx, *map(reference, files)) for t in _every_tensor(part)]
    saved = [bytes(bits(tensor).numpy()) for tensor in tensors]
    return {data[k : k + size] for data in saved for k in range(len(data) - size + 1)}


def _every_tensor(value: object) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _every_tensor(part)
    elif isinstance(value, list):
        for part in value:
            yield from _every_tensor(part)
    elif hasattr(value, "state"):
        yield from _every_tensor(value.state)


def run(
    mutants: int, flips: int, seed: int, odd: int = 0
) -> tuple[Counter, list[tuple[str, bytes]]]:
    """Read that many damaged files; count the outcomes and keep what was at fault."""
    files, counts, faults = seeds(), Counter(), []
    names = list(files)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name, content, wanted in _damaged(files, names, mutants, flips, seed, odd):
            result = outcome(content, folder, wanted)
            counts[name.partition(",")[0], result.partition(" (")[0]] += 1
            if result.startswith("FAULT"):
                faults.append((f"{name}: {result}", content))
    return counts, faults


def _damaged(
    files: dict[str, bytes], names: list[str], mutants: int, flips: int, seed: int, odd: int
) -> Iterator[tuple[str, bytes, Tensors | None]]:
    for k in range(mutants):
        chance = random.Random(f"mutant {seed} {k}")
        name = names[k % len(names)]
        yield name, mutant(name, files[name], chance), None
    for k in range(flips):
        chance = random.Random(f"flip {seed} {k}")
        name = names[k % len(names)]
        content, wanted = files[name], None
        if name.startswith("zip"):
            wanted = _saved_in(content)
        if name.startswith("bundle"):
            wanted = {key: value.contiguous() for key, value in state().items()}
        yield f"{name}, flip", flipped(content, chance, len(content)), wanted
    for k in range(odd):
        chance = random.Random(f"odd {seed} {k}")
        name = list(strange.CHANGES)[k % len(strange.CHANGES)]
        content = files[name]
        for _ in range(chance.choice((1, 1, 2))):
            content = strange.CHANGES[name](content, chance)
        yield f"{name}, odd", content, None


def _saved_in(content: bytes) -> Tensors:
    whole = reference(content)
    if isinstance(whole, dict) and not all(isinstance(v, torch.Tensor) for v in whole.values()):
        whole = next(iter(whole.values()))
    return tensors_at(whole, [])


def main(arguments: list[str]) -> int:
    """Print the table; the exit status is 1 where something was at fault."""
    parser = argparse.ArgumentParser(description="Damage checkpoints and read them.")
    for name, default in (("mutants", 20_000), ("flips", 3_000), ("seed", 0), ("odd", 9_000)):
        parser.add_argument(name, type=int, nargs="?", default=default)
    options = parser.parse_args(arguments)
    counts, faults = run(options.mutants, options.flips, options.seed, options.odd)
    for (name, result), count in sorted(counts.items()):
        sys.stdout.write(f"{name:24} {result:24} {count:6}\n")
    for k, (what, content) in enumerate(faults[:20]):
        path = Path(tempfile.gettempdir()) / f"maskscope-fault-{k}"
        path.write_bytes(content)
        sys.stdout.write(f"{what}: {path}\n")
    read = f"{options.mutants} mutants, {options.flips} flips, {options.odd} odd files"
    sys.stdout.write(f"{read}: {len(faults)} faults\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
