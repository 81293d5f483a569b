"""Files that want to do harm, written by hand: harmless commands, real ways.

`CALLS` ask for something to be run; `BOMBS` want memory or time; `LIES` contradict themselves.
"""

from __future__ import annotations

import io
import json
import pickle
import struct
import types
import zipfile
from collections.abc import Callable, Iterator

import torch

# --- building blocks ------------------------------------------------------------------------------


class Raw:
    """Stands in a content for opcodes that push exactly one value."""

    def __init__(self, opcodes: bytes) -> None:
        self.opcodes = opcodes


class _Pickler(pickle._Pickler):
    def save(self, obj, save_persistent_id=True):
        if isinstance(obj, Raw):
            self.write(obj.opcodes)
        else:
            super().save(obj, save_persistent_id)


PICKLE = types.ModuleType("pickle_with_raw")
PICKLE.Pickler = _Pickler
PICKLE.dump = lambda value, file, protocol: _Pickler(file, protocol).dump(value)


def saved(content: object, *, legacy: bool = False, protocol: int = 2) -> bytes:
    """What torch.save writes of a content with `Raw` in it."""
    buffer = io.BytesIO()
    torch.save(
        content,
        buffer,
        pickle_module=PICKLE,
        pickle_protocol=protocol,
        _use_new_zipfile_serialization=not legacy,
    )
    return buffer.getvalue()


def weights() -> dict[str, torch.Tensor]:
    return {"conv.weight": torch.ones(4, 3, 3, 3), "conv.bias": torch.zeros(4)}


def archive(pickled: bytes, *, compress: bool = False, **entries: bytes) -> bytes:
    """A zip container around a pickle; `entries` are its storages by key."""
    buffer = io.BytesIO()
    kind = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    with zipfile.ZipFile(buffer, "w", kind) as file:
        file.writestr("archive/data.pkl", pickled)
        file.writestr("archive/byteorder", b"little")
        for key, content in entries.items():
            file.writestr(f"archive/data/{key.removeprefix('s')}", content)
    return buffer.getvalue()


def tensor(shape: str, stride: str, *, key: str = "0", count: int = 4, offset: int = 0) -> bytes:
    """Opcodes of a float32 tensor; shape and stride are pickled tuples as text."""
    storage = f"(Vstorage\nctorch\nFloatStorage\nV{key}\nVcpu\nI{count}\ntQ"
    call = f"ctorch._utils\n_rebuild_tensor_v2\n({storage}I{offset}\n{shape}{stride}I00\nNtR"
    return call.encode()


def sizes(*numbers: int) -> str:
    return "(" + "".join(f"L{number}L\n" for number in numbers) + "t"


def one(opcodes: bytes) -> bytes:
    """A content of one entry, `w`."""
    return b"\x80\x02}Vw\n" + opcodes + b"s."


# --- what asks for something to be run ------------------------------------------------------------


def text_op(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def _short(value: str) -> bytes:
    return b"\x8c" + bytes([len(value)]) + value.encode()


WAYS: dict[str, Callable[[str, str, bytes], bytes]] = {  # module, name, argument -> one value
    "GLOBAL and REDUCE": lambda m, n, a: f"c{m}\n{n}\n".encode() + a + b"\x85R",
    "STACK_GLOBAL": lambda m, n, a: _short(m) + _short(n) + b"\x93" + a + b"\x85R",
    "INST": lambda m, n, a: b"(" + a + f"i{m}\n{n}\n".encode(),
    "OBJ": lambda m, n, a: f"(c{m}\n{n}\n".encode() + a + b"o",
    "NEWOBJ": lambda m, n, a: f"c{m}\n{n}\n".encode() + a + b"\x85\x81",
    "NEWOBJ_EX": lambda m, n, a: f"c{m}\n{n}\n".encode() + a + b"\x85}\x92",
    "the memo": lambda m, n, a: (
        text_op(m) + b"r\x00\x01\x00\x000" + text_op(n) + b"r\x01\x01\x00\x000"
        + b"j\x00\x01\x00\x00j\x01\x01\x00\x00\x93" + a + b"\x85R"
    ),
    "functools.partial": lambda m, n, a: (
        f"cfunctools\npartial\nc{m}\n{n}\n".encode() + a + b"\x86R)R"
    ),
    "__setstate__": lambda m, n, a: (
        f"c__main__\nNet\n)\x81}}V__setstate__\nc{m}\n{n}\nsb".encode("latin1") + a + b"b"
    ),
    "as a dict key": lambda m, n, a: b"}" + f"c{m}\n{n}\n".encode() + a + b"\x85RI1\ns",
    "inside a tensor": lambda m, n, a: (
        b"ctorch._utils\n_rebuild_tensor_v2\n(" + f"c{m}\n{n}\n".encode() + a + b"\x85R"
        + b"I0\n(I1\nt(I1\ntI00\nNtR"
    ),
    "as a parameter's hook": lambda m, n, a: (
        b"ctorch._utils\n_rebuild_parameter\n(I1\nI00\n" + f"c{m}\n{n}\n".encode() + a + b"\x85RtR"
    ),
}  # fmt: skip
FUNCTIONS = (  # each would do something with a command, a path or an address
    *("posix system", "os system", "nt system", "posix popen", "os execl", "os remove"),
    *("subprocess Popen", "subprocess check_output", "subprocess getoutput", "pty spawn"),
    *("builtins eval", "__builtin__ eval", "builtins exec", "builtins compile", "builtins open"),
    *("builtins __import__", "builtins getattr", "builtins map", "builtins input"),
    *("importlib import_module", "runpy run_path", "runpy _run_code", "code interact"),
    *("timeit timeit", "cProfile run", "profile run", "pdb run", "trace Trace", "bdb Bdb"),
    *("types FunctionType", "types CodeType", "marshal loads", "pickle loads", "_pickle loads"),
    *("operator attrgetter", "operator methodcaller", "functools reduce", "itertools starmap"),
    *("webbrowser open", "socket socket", "urllib.request urlopen", "smtplib SMTP", "ftplib FTP"),
    *("ctypes CDLL", "ctypes.util find_library", "_ctypes dlopen", "multiprocessing Process"),
    *(
        "shutil rmtree",
        "shutil copyfile",
        "tempfile mktemp",
        "logging FileHandler",
        "zipfile ZipFile",
    ),
    *("asyncio run", "threading Thread", "concurrent.futures ThreadPoolExecutor", "signal alarm"),
    *("doctest debug_script", "unittest main", "site main", "venv create", "pydoc locate"),
    *("torch load", "torch.serialization load", "torch.storage _load_from_bytes", "torch.jit load"),
    *("torch.hub load", "torch.hub load_state_dict_from_url", "torch.utils.collect_env run"),
    *("torch.utils._config_module _load", "torch.package PackageImporter", "torch.export load"),
    *("torch.jit.unsupported_tensor_ops execWrapper", "torch.distributed.rpc rpc_sync"),
    *("torch.nn.modules.module os.system", "torch.optim.optimizer __builtins__"),
    *(
        "numpy load",
        "numpy fromfile",
        "numpy.testing._private.utils runstring",
        "numpy.f2py compile",
    ),
    *("torchvision.datasets.utils download_url", "torchvision.io read_file", "collections sys"),
    *("torchvision.models.resnet __builtins__", "argparse _sys.modules.pop"),
)


def placed(value: bytes) -> Iterator[tuple[str, bytes]]:
    """The value as a whole file, around weights, beside weights, in both containers."""
    for container in ("zip", "legacy"):
        legacy = container == "legacy"
        yield f"{container}, alone", saved(Raw(value), legacy=legacy)
        yield f"{container}, wrapped", saved({"model": {"w": Raw(value)}}, legacy=legacy)
        beside = {"model": weights(), "x": Raw(value), "epoch": 3}
        yield f"{container}, beside weights", saved(beside, legacy=legacy)
    yield "a plain pickle", b"\x80\x02" + value + b"."
    yield "before the magic number", b"\x80\x02" + value + b"0K\x01." + saved({}, legacy=True)


def calls(command: str) -> Iterator[tuple[str, str, bytes]]:
    """Name, what has to be named in the message, content."""
    for way, encode in WAYS.items():
        for place, content in placed(encode("posix", "system", text_op(command))):
            yield f"{way}: {place}", "posix.system", content
    for function in FUNCTIONS:
        module, name = function.split(" ")
        named = f"{module}.{name}".replace("__builtin__.", "builtins.")
        value = WAYS["GLOBAL and REDUCE"](module, name, text_op(command))
        yield function, named, saved({"model": weights(), "x": Raw(value)})
    for opcodes in (b"\x82\x01", b"\x83\x01\x00", b"\x84\x01\x00\x00\x00"):
        yield f"extension {opcodes[0]:x}", "a name that it computes", one(opcodes + b")R")
    computed = b"cbuiltins\nstr\n)RVsystem\n\x93"
    yield (
        "a computed module",
        "a name that it computes",
        one(computed + text_op(command) + b"\x85R"),
    )
    called = b"c__main__\nNet\n)R"
    yield (
        "the result of a call",
        "a name that it computes",
        one(called + text_op(command) + b"\x85R"),
    )


# --- what wants memory or time --------------------------------------------------------------------


def _nested(count: int) -> bytes:
    return b")" + b"\x85" * count


def _laughs() -> bytes:
    """Ten lists in ten lists in ten lists ...: 10**30 parts in 400 bytes."""
    level = b"".join(b"(" + f"g{k}\n".encode() * 10 + f"lp{k + 1}\n0".encode() for k in range(30))
    return b"]p0\n0" + level + b"g30\n"


def _modules() -> bytes:
    """A module with twice the same child, thirty deep."""

    def module(child: str) -> bytes:
        inside = f"}}Va\n{child}sVb\n{child}s".encode() if child else b"}"
        return b"c__main__\nNet\n)\x81}V_parameters\n}sV_buffers\n}sV_modules\n" + inside + b"sb"

    levels = b"".join(module(f"g{k}\n" if k else "") + f"p{k + 1}\n0".encode() for k in range(30))
    return levels + b"g30\n"


def _many_views(count: int) -> bytes:
    entry = lambda k: f"Vw{k}\n".encode() + tensor(sizes(2**18), sizes(1), count=2**18)  # noqa: E731
    entries = b"".join(entry(k) for k in range(count))
    return archive(b"\x80\x02}(" + entries + b"u.", s0=bytes(2**20))


def _many_tensors(count: int) -> bytes:
    entries = b"".join(
        f"Vw{k}\n".encode() + tensor(sizes(1), sizes(1), count=1) for k in range(count)
    )
    return archive(b"\x80\x02}(" + entries + b"u.", s0=bytes(4))


def _zip_of(count: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("a/data.pkl", b"}.")
        for k in range(count):
            file.writestr(f"a/{k}", b"")
    return buffer.getvalue()


def _safetensors(header: bytes, body: bytes = b"") -> bytes:
    return struct.pack("<Q", len(header)) + header + body


BOMBS: dict[str, Callable[[], tuple[bytes, str]]] = {
    "bytearray(2**32)": lambda: (
        one(b"cbuiltins\nbytearray\n(L4294967296L\ntR"), "did not write it|no weights"),
    "bytearray(2**32) beside weights": lambda: (
        saved({"model": weights(), "x": Raw(b"cbuiltins\nbytearray\n(L4294967296L\ntR")}), "opens"),
    "a nested tuple as a key": lambda: (
        saved({"model": weights(), "x": Raw(b"}" + _nested(100_000) + b"I1\ns")}), "opens"),
    "a nested tuple as the content": lambda: (
        archive(b"\x80\x02" + _nested(500_000) + b"."), "only"),
    "a nested tuple as a name": lambda: (one(_nested(1000) + _nested(1000) + b"\x93"), "computes"),
    "a nested tuple as a size": lambda: (
        archive(one(tensor(")" + "\x85" * 90, sizes(1))), s0=bytes(16)), "damaged|sizes"),
    "lists in lists in lists": lambda: (archive(one(_laughs())), "not the weights"),
    "modules in modules": lambda: (archive(one(_modules())), "the same ones too often"),
    "a module that holds itself": lambda: (
        archive(one(b"c__main__\nNet\n)\x81p1\n}V_parameters\n}sV_modules\n}Vx\ng1\nssb")),
        "nested too deeply"),
    "four million steps": lambda: (archive(b"\x80\x02" + b"N0" * 2_000_000 + b"N."), "steps"),
    "a million memos": lambda: (archive(b"\x80\x02N" + b"\x94" * 1_500_000 + b"."), "memo holds"),
    "a long name": lambda: (one(b"c" + b"a" * 5000 + b"\nb\n"), "name of more than"),
    "a long number": lambda: (one(b"\x8b" + struct.pack("<I", 10**6) + b"\x7f" * 10**6), "bits"),
    "a long number as text": lambda: (one(b"L" + b"9" * 4000 + b"L\n"), "bits|damaged"),
    "a text that says 4 GB": lambda: (one(b"X\xff\xff\xff\xff"), "damaged"),
    "bytes that say 2**62": lambda: (one(b"\x8e" + struct.pack("<Q", 2**62)), "damaged"),
    "a frame of 2**62": lambda: (
        b"\x80\x04\x95" + struct.pack("<Q", 2**62) + b"N.", "damaged|write"),
    "a stride of zero": lambda: (saved({"w": torch.zeros(1).expand(2**33)}), "GiB of memory"),
    "8000 views of one storage": lambda: (_many_views(8000), "GiB of memory"),
    "20,001 tensors": lambda: (_many_tensors(20_001), "tensors; at most"),
    "a size that overflows": lambda: (
        archive(one(tensor(sizes(2**61, 2**61), sizes(0, 0))), s0=bytes(16)), "memory"),
    "60,000 entries": lambda: (_zip_of(60_000), "entries; at most"),
    "compressed numbers": lambda: (
        archive(one(tensor(sizes(4), sizes(1), count=2**26)), compress=True, s0=bytes(2**28)),
        "compressed"),
    "a compressed pickle": lambda: (archive(b"\x80\x02" + b"N0" * 2**20 + b"N.", compress=True),
        "compressed"),
    "a safetensors header of 6 MiB": lambda: (
        _safetensors(b"{" + b" " * 6 * 2**20 + b"}"), "MiB are"),
    "safetensors: lists in lists": lambda: (
        _safetensors(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"), "damaged"),
    "safetensors: a huge shape": lambda: (
        _safetensors(b'{"a":{"dtype":"F32","shape":[4611686018427387900],"data_offsets":[0,8]}}',
                     bytes(8)), "damaged"),
}  # fmt: skip


# --- what contradicts itself ----------------------------------------------------------------------


def _legacy_without_storage() -> bytes:
    """The list of storages is empty: torch.load gives uninitialized memory for the tensor."""
    content = saved({"w": torch.ones(4)}, legacy=True)
    keys = content.rindex(b"\x80\x02]q")
    return content[:keys] + b"\x80\x02]."


def _legacy_count(count: int) -> bytes:
    content = saved({"w": torch.ones(4)}, legacy=True)
    return content[:-24] + struct.pack("<q", count) + content[-16:]


def _twice() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("a/data.pkl", b"}.")
        file.writestr("b/data.pkl", b"}.")
    return buffer.getvalue().replace(b"b/data.pkl", b"a/data.pkl")


def _patched(content: bytes, old: bytes, new: bytes, *, last: bool = True) -> bytes:
    at = content.rindex(old) if last else content.index(old)
    return content[:at] + new + content[at + len(new) :]


def _overlapping() -> bytes:
    """Two entries of the directory that point to the same place."""
    content = archive(one(tensor(sizes(4), sizes(1))), s0=bytes(16), s1=bytes(16))
    first = content.index(b"PK\x01\x02")
    at = [k for k in range(first, len(content)) if content.startswith(b"PK\x01\x02", k)]
    offset = content[at[2] + 42 : at[2] + 46]
    return content[: at[3] + 42] + offset + content[at[3] + 46 :]


def _encrypted() -> bytes:
    content = bytearray(archive(b"}.", s0=b""))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def exported(**entries: object) -> bytes:
    """The container of an exported program around these entries."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("m/archive_format", b"pt2")
        for name, content in entries.items():
            text = content if isinstance(content, bytes) else json.dumps(content).encode()
            file.writestr(f"m/{name.replace('__', '/')}", text)
    return buffer.getvalue()


def _weight_of(**changes: object) -> bytes:
    number = lambda n: {"as_int": n}  # noqa: E731
    meta = {"dtype": 7, "sizes": [number(4)], "strides": [number(1)], "storage_offset": number(0)}
    entry = {"path_name": "weight_0", "is_param": True, "use_pickle": False}
    entry |= {k: v for k, v in changes.items() if k not in meta}
    meta |= {k: v for k, v in changes.items() if k in meta}
    table = {"config": {"w": entry | {"tensor_meta": meta}}}
    return exported(
        **{
            "models__model.json": {},
            "data__weights__model_weights_config.json": table,
            "data__weights__weight_0": bytes(16),
        }
    )


def _lying(*arguments: str, storage: bytes = bytes(16), **options: int | str) -> bytes:
    return archive(one(tensor(*arguments, **options)), s0=storage)


LIES: dict[str, Callable[[], bytes]] = {
    "a storage that is not in the legacy file": _legacy_without_storage,
    "a legacy count that is too large": lambda: _legacy_count(2**40),
    "a negative legacy count": lambda: _legacy_count(-1),
    "a storage that is not in the zip": lambda: _lying(sizes(4), sizes(1), key="7"),
    "a storage outside the folder": lambda: _lying(sizes(4), sizes(1), key="../../etc/passwd"),
    "a storage that is shorter than it says": lambda: _lying(sizes(4), sizes(1), count=400),
    "a storage that is longer than it says": lambda: _lying(sizes(1), sizes(1), count=1),
    "a tensor past the end of its storage": lambda: _lying(sizes(5), sizes(1)),
    "an offset past the end": lambda: _lying(sizes(1), sizes(1), offset=4),
    "a negative offset": lambda: _lying(sizes(1), sizes(1), offset=-1),
    "a negative size": lambda: _lying(sizes(-1), sizes(1)),
    "a negative stride": lambda: _lying(sizes(4), sizes(-1)),
    "a stride past the end": lambda: _lying(sizes(2), sizes(4)),
    "more strides than sizes": lambda: _lying(sizes(2), sizes(1, 1)),
    "a size that is a number": lambda: _lying("I4\n", sizes(1)),
    "a size that is a text": lambda: _lying("(V4\nt", sizes(1)),
    "65 dimensions": lambda: _lying(sizes(*[1] * 65), sizes(*[1] * 65)),
    "a storage of a class that is none": lambda: archive(
        one(tensor(sizes(4), sizes(1)).replace(b"FloatStorage", b"FloatTensor\n"[:12])),
        s0=bytes(16),
    ),
    "a buffer outside the file": lambda: one(b"\x97"),
    "a mark that is not there": lambda: one(b"t"),
    "an empty stack": lambda: b"\x80\x02.",
    "entries for a number": lambda: one(b"I1\nVa\nI1\ns"),
    "a key without a value": lambda: one(b"}(Va\nu"),
    "a memo that is not there": lambda: one(b"h\x09"),
    "the same entry twice": _twice,
    "two entries at the same place": _overlapping,
    "an encrypted zip": _encrypted,
    "an entry that says another name inside": lambda: _patched(
        archive(b"}.", s0=b""), b"archive/byteorder", b"archive/Byteorder", last=False
    ),
    "two folders": lambda: _patched(
        archive(b"}."), b"archive/byteorder", b"archivE/byteorder"
    ).replace(b"archive/byteorder", b"archivE/byteorder"),
    "a big-endian file": lambda: archive(b"}.").replace(b"little", b"bigbig"),
    "another checksum": lambda: _patched(
        archive(one(tensor(sizes(4), sizes(1))), s0=b"abcdefghijklmnop"), b"abcdefgh", b"ABCDEFGH"
    ),
    "safetensors with a hole": lambda: _safetensors(
        b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}', bytes(8)
    ),
    "safetensors with an overlap": lambda: _safetensors(
        b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},'
        b'"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
        bytes(4),
    ),
    "safetensors with a name twice": lambda: _safetensors(
        b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},'
        b'"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}',
        bytes(8),
    ),
    "a program with pickled weights": lambda: _weight_of(use_pickle=True),
    "a program with a weight elsewhere": lambda: _weight_of(path_name="../../../etc/passwd"),
    "a program with a weight past its end": lambda: _weight_of(sizes=[{"as_int": 5}]),
    "a program with a negative offset": lambda: _weight_of(storage_offset={"as_int": -1}),
    "a program without sizes": lambda: _weight_of(sizes=None),
    "a program whose graph is no JSON": lambda: exported(**{"models__model.json": b"{"}),
    "a program without a graph": lambda: exported(x=b""),
}
