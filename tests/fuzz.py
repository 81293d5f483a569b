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
import itertools
import json
import pickletools
import random
import sys
import tempfile
import time
import zipfile
from collections import Counter, OrderedDict
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors
from torch import nn

from core.checkpoint.reader import read_file
from core.checkpoint.report import Report
from core.checkpoint.text import clean
from core.errors import CheckpointError
from tests.support import strange
from tests.support.reference import Tensors, bits, reference, same, tensors_at

SECONDS = 10.0


def state() -> OrderedDict:
    generator = torch.Generator().manual_seed(0)
    conv = torch.randn(4, 3, 3, 3, generator=generator)
    return OrderedDict(
        {
            "module.conv.weight": conv.contiguous(memory_format=torch.channels_last),
            "module.bn.running_var": torch.rand(4, generator=generator),
            "module.bn.num_batches_tracked": torch.tensor(7),
            "module.part": conv[1:3],
            "module.half": torch.rand(8, generator=generator).half(),
        }
    )


def saved(content: object, **options: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, **options)
    return buffer.getvalue()


def seeds() -> dict[str, bytes]:
    """Honest files of every container, small enough for thousands of copies."""
    wrapped = {"model": state(), "epoch": 3, "args": {"lr": 0.1, "names": ["road", "sky"]}}
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).eval()
    old = {"_use_new_zipfile_serialization": False}
    return {
        "zip": saved(state()),
        "zip, wrapped, protocol 4": saved(wrapped, pickle_protocol=4),
        "zip, whole module": saved({"net": module}),
        "legacy": saved(state(), **old),
        "legacy, wrapped, protocol 4": saved(wrapped, pickle_protocol=4, **old),
        "legacy, whole module": saved(module, **old),
        "safetensors": save_safetensors({k: v.contiguous() for k, v in state().items()}),
        "ONNX": onnx_file(),
        "exported program": exported_file(),
        "bundle": bundled(zipfile.ZIP_STORED),
        "bundle, compressed": bundled(zipfile.ZIP_DEFLATED),
    }


@functools.cache
def exported_file() -> bytes:
    """A small network as torch.export.save writes it."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).eval()
    buffer = io.BytesIO()
    torch.export.save(torch.export.export(module, (torch.zeros(1, 3, 8, 8),)), buffer)
    return buffer.getvalue()


def onnx_file() -> bytes:
    """A graph with raw and typed initializers, and a large constant in a node."""
    from onnx import TensorProto, helper, numpy_helper

    tensors = {k: v.contiguous().numpy() for k, v in state().items()}
    weights = [numpy_helper.from_array(value, name) for name, value in tensors.items()]
    weights.append(helper.make_tensor("typed", TensorProto.FLOAT, (3,), [0.5, -1.5, 2.0]))
    large = numpy_helper.from_array(np.arange(600, dtype=np.float32), "large")
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 3, 8, 8]) for n in "xy"]
    nodes = [
        helper.make_node("Constant", [], ["large"], value=large),
        helper.make_node("Relu", ["x"], ["y"]),
    ]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], weights)
    return helper.make_model(graph).SerializeToString()


def bundled(method: int) -> bytes:
    """A folder of Hugging Face in a ZIP, its weights in two shards."""
    tensors = {k: v.contiguous() for k, v in state().items()}
    names = list(tensors)
    files = {"config.json": b'{"model_type": "segformer"}'}
    for number, part in enumerate((names[:2], names[2:]), start=1):
        shard = save_safetensors({name: tensors[name] for name in part})
        files[f"model-0000{number}-of-00002.safetensors"] = shard
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


# --- damage ---------------------------------------------------------------------------------------

STRANGE = (0, 1, 2, 3, 7, 255, 65535, 2**31 - 1, 2**31, 2**32, 2**62, 2**63, -1)


def mutant(name: str, content: bytes, chance: random.Random) -> bytes:
    """Change the structure of an honest file, one to three times."""
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        if name.startswith("zip"):
            content = _mutant_zip(content, chance)
        elif name.startswith("legacy"):
            content = _mutant_legacy(content, chance)
        elif name.startswith("bundle"):
            content = _mutant_bundle(content, chance)
        elif name == "ONNX":
            content = _mutant_bytes(content, chance)
        elif name == "exported program":
            content = _mutant_entries(content, chance)
        else:
            content = _mutant_safetensors(content, chance)
    return content


def _mutant_zip(content: bytes, chance: random.Random) -> bytes:
    """Change the pickle or an entry, and write a container with right checksums around it."""
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        entries = [(info.filename, file.read(info)) for info in file.infolist()]
    which = chance.randrange(len(entries))
    found = (k for k, (name, _) in enumerate(entries) if name.endswith("/data.pkl"))
    pickled = next(found, which)
    action = chance.randrange(12)
    if action < 8:
        entries[pickled] = entries[pickled][0], mutated_pickle(entries[pickled][1], chance)
    elif action == 8:
        del entries[which]
    elif action == 9:
        entries[which] = entries[which][0], _resized(entries[which][1], chance)
    elif action == 10:
        other = chance.randrange(len(entries))
        entries[which] = entries[which][0], entries[other][1]
    else:
        entries[which] = _renamed(entries[which][0], chance), entries[which][1]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, data in dict(entries).items():
            file.writestr(name, data)
    return buffer.getvalue()


def _renamed(name: str, chance: random.Random) -> str:
    at = chance.randrange(len(name))
    return name[:at] + chance.choice("0123/._a") + name[at + 1 :]


def _resized(data: bytes, chance: random.Random) -> bytes:
    if chance.random() < 0.5:
        return data[: chance.randrange(len(data) + 1)]
    return data + bytes(chance.randrange(1, 64))


def mutated_pickle(data: bytes, chance: random.Random) -> bytes:
    """Delete, repeat, swap or change opcodes."""
    parts = _opcodes(data)
    if not parts:
        return data
    at, other = chance.randrange(len(parts)), chance.randrange(len(parts))
    action = chance.randrange(7)
    if action == 0:
        del parts[at]
    elif action == 1:
        parts.insert(other, parts[at])
    elif action == 2:
        parts[at], parts[other] = parts[other], parts[at]
    elif action == 3:
        parts[at] = parts[other]
    elif action == 4:
        parts[at] = _other_argument(parts[at], chance)
    elif action == 5:
        parts[at] = bytes([chance.randrange(256)]) + parts[at][1:]
    else:
        numbers = [k for k, part in enumerate(parts) if part[:1] in b"KMJhqjr"]
        at = chance.choice(numbers) if numbers else at
        parts[at] = _other_argument(parts[at], chance)
    return b"".join(parts)


def _opcodes(data: bytes) -> list[bytes]:
    try:
        starts = [position for _, _, position in pickletools.genops(data)]
    except ValueError:  # damaged by the change before: cut anywhere
        starts = list(range(0, len(data), 7))
    return [data[a:b] for a, b in itertools.pairwise([*starts, len(data)])]


def _other_argument(part: bytes, chance: random.Random) -> bytes:
    if len(part) < 2:
        return part
    if part[:1] in b"KhqC" or chance.random() < 0.3:
        at = chance.randrange(1, len(part))
        return part[:at] + bytes([chance.choice(STRANGE) & 0xFF]) + part[at + 1 :]
    if part[:1] == b"X" and chance.random() < 0.5:
        text = chance.choice(strange.NAMES).encode("utf-8", "surrogatepass")
        return b"X" + len(text).to_bytes(4, "little") + text
    return b"\x8a\x08" + (chance.choice(STRANGE) % 2**64).to_bytes(8, "little")


def _mutant_legacy(content: bytes, chance: random.Random) -> bytes:
    """Change the content's pickle, the list of storages, or a count."""
    file = io.BytesIO(content)
    ends = []
    for _ in range(5):
        try:
            for _ in pickletools.genops(file):
                pass
        except (ValueError, IndexError, UnicodeDecodeError):
            break
        ends.append(file.tell())
    which = chance.choice((3, 3, 3, 3, 4, 5))
    if len(ends) < 5:  # damaged by the change before
        return content[: chance.randrange(len(content))]
    if which == 5:  # the count before the first storage; a number itself has no checksum there
        at = ends[-1] + chance.randrange(8)
        return content[:at] + chance.randbytes(1) + content[at + 1 :]
    start, end = ends[which - 1], ends[which]
    return content[:start] + mutated_pickle(content[start:end], chance) + content[end:]


def _mutant_safetensors(content: bytes, chance: random.Random) -> bytes:
    length = int.from_bytes(content[:8], "little")
    try:
        header = json.loads(content[8 : 8 + length])
        name = chance.choice(list(header))
        entry, other = header[name], header[chance.choice(list(header))]
        action = chance.randrange(5)
        if action == 0:
            entry["dtype"] = chance.choice(("F32", "F16", "BF16", "I64", "U8", "C64", "F4", 3))
        elif action == 1:
            entry["shape"] = [*entry["shape"], chance.choice(STRANGE)]
        elif action == 2:
            entry["data_offsets"][chance.randrange(2)] = chance.choice(STRANGE)
        elif action == 3:
            entry["data_offsets"], other["data_offsets"] = (
                other["data_offsets"],
                entry["data_offsets"],
            )
        else:
            del header[name]
    except (ValueError, TypeError, KeyError, IndexError):
        return content[: chance.randrange(len(content))]
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + content[8 + length :]


def _mutant_bundle(content: bytes, chance: random.Random) -> bytes:
    """Change a shard or an entry, and write a ZIP with right checksums around it."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            entries = [(info.filename, file.read(info)) for info in file.infolist()]
            method = file.infolist()[0].compress_type
    except (zipfile.BadZipFile, IndexError):
        return content[: chance.randrange(len(content) + 1)]
    which = chance.randrange(len(entries))
    name, data = entries[which]
    action = chance.randrange(5)
    if action < 2 and name.endswith(".safetensors") and len(data) > 8:
        entries[which] = name, _mutant_safetensors(data, chance)
    elif action == 2:
        del entries[which]
    elif action == 3:
        entries[which] = name, _resized(data, chance)
    else:
        entries[which] = _renamed(name, chance), data
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        for name, data in dict(entries).items():
            file.writestr(name, data)
    return buffer.getvalue()


def _mutant_entries(content: bytes, chance: random.Random) -> bytes:
    """Delete, cut or exchange an entry of a ZIP."""
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        entries = {info.filename: file.read(info) for info in file.infolist()}
    name, other = chance.choice(list(entries)), chance.choice(list(entries))
    action = chance.randrange(4)
    if action == 0 and len(entries) > 1:
        del entries[name]
    elif action == 1:
        entries[name] = _resized(entries[name], chance)
    elif action == 2:
        entries[name] = entries[other]
    else:
        entries[_renamed(name, chance)] = entries.pop(name)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for key, data in entries.items():
            file.writestr(key, data)
    return buffer.getvalue()


def _mutant_bytes(content: bytes, chance: random.Random) -> bytes:
    """Delete, repeat or change a run of bytes: lengths in front of it become wrong."""
    at, length = chance.randrange(len(content)), chance.choice((1, 1, 2, 4, 16))
    run = content[at : at + length]
    action = chance.randrange(4)
    if action == 0:
        return content[:at] + content[at + length :]
    if action == 1:
        return content[:at] + run + content[at:]
    if action == 2:
        return content[:at] + bytes([chance.choice(STRANGE) & 0xFF]) + content[at + 1 :]
    return content[:at] + chance.randbytes(length) + content[at + length :]


def flipped(content: bytes, chance: random.Random, end: int) -> bytes:
    """One bit before `end`."""
    at = chance.randrange(end)
    return content[:at] + bytes([content[at] ^ 1 << chance.randrange(8)]) + content[at + 1 :]


# --- running --------------------------------------------------------------------------------------


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
            found = {key: file.get_tensor(key) for key in report.keys}
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
    right = {clean(key): value for key, value in right.items()}
    right = {key: value for key, value in right.items() if key not in report.left_out}
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
                storage = torch.frombuffer(
                    bytearray(file.read(place + entry["path_name"])), dtype=dtype
                )
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
