"""Which names a pickle may ask for. Nothing is ever called; this refuses what wanted to be.

A file that asks for the standard library, numpy, torch or torchvision outside the inert names below
is refused by name. Classes of a user's own code are inert: they are listed, never made. Whatever
else a file wants to call is listed as that, also where it stands beside good weights.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence

from core.checkpoint.pickled.machine import COMPUTED
from core.errors import RefusedError

# Tensors and their parts, values, and what training scripts leave beside the weights.
INERT = re.compile(
    r"""collections\.(OrderedDict|Counter|defaultdict|deque|namedtuple)
    | builtins\.(set|complex|bool|bytearray|bytes|dict|float|frozenset|int|list|object|range|slice
        |str|tuple|type)
    | _codecs\.encode | copy_?reg\.(_reconstructor|__newobj__)
    | torch\.(Size|device|dtype|Generator|ScriptObject) | torch\.(cuda\.)?\w*(Tensor|Storage)
    | torch\.storage\._?\w*Storage | torch\.per_(tensor|channel)_\w+
    | torch\.(float|double|half|int|short|long|bool|quint8|qint8|qint32)
    | torch\.(float|bfloat|int|uint|complex)\d+\w*
    | torch\._utils\._rebuild_\w+ | torch\._tensor\._rebuild_from_type_v2
    | torch\.serialization\._get_layout | torch\.jit\._pickle\.(build_\w+list|restore_type_tag)
    | argparse\.Namespace | types\.SimpleNamespace | functools\.partial | uuid\.UUID
    | decimal\.Decimal | fractions\.Fraction | (datetime|enum|pathlib|typing)\.\w+
    | numpy\._?core\.(multiarray\.(_reconstruct|scalar)|numeric\._frombuffer)
    | numpy\.(ndarray|dtype|bool|u?int|float)\w* | numpy\.dtypes\.\w+
    | numpy\.random\._pickle\.\w+
    | torch\.(nn|optim|amp|cuda\.amp|torch_version)\.[\w.]+
    | torch\.(ao\.nn|ao\.quantization|quantization)\.[\w.]+
    | torch\.distributed\.checkpoint\.(metadata|filesystem)\.[\w.]+
    | torch\.distributed\.(_?tensor|_shard|device_mesh|_mesh_layout|fsdp)\.[\w.]+
    | torchvision\.(models|ops|transforms)\.[\w.]+""",
    re.VERBOSE,
)
# Functions of inert modules, which a file may name but has no reason to call; some download.
FUNCTIONS = re.compile(r"(torch\.(nn|optim|amp|cuda\.amp)|torchvision)\.([\w.]+\.)?[a-z_]\w*")
# What torch.load(..., weights_only=True) makes: torch/_weights_only_unpickler.py.
WEIGHTS_ONLY = re.compile(
    r"""_codecs\.encode | builtins\.(bytearray|complex|set) | collections\.(Counter|OrderedDict)
    | torch\.(Size|device|Tensor|bool) | torch\.(cuda\.)?\w+(Tensor|Storage)
    | torch\.(float|bfloat|int|uint|complex)\d+ | torch\.nn\.parameter\.Parameter
    | torch\._utils\._rebuild_(tensor(_v2|_v3)?|parameter(_with_state)?|qtensor|sparse_tensor)
    | torch\._tensor\._rebuild_from_type_v2 | torch\.serialization\._get_layout""",
    re.VERBOSE,
)
# Parts of a name that lead out of a harmless module: "torch.nn.modules.module" "os.system".
EXITS = re.compile(r"os|posix|nt|sys|subprocess|builtins|importlib|shutil|__\w+__")
WATCHED = frozenset({"torch", "torchvision", "numpy", "builtins", "nt"})
PICKLED_TENSORS = "torch.storage._load_from_bytes"  # of a tensor that pickle.dump wrote
SHOWN = 10  # names in a sentence
LIBRARIES = frozenset({"torch", "torchvision", "numpy"})  # naming their functions does nothing
TORCHSCRIPT = re.compile(
    r"__torch__(\.[\w.]+)?"
)  # the classes that a TorchScript file brings itself


def is_dangerous(name: str) -> bool:
    """Whether a call of this name could do something outside of the file's own classes."""
    if INERT.fullmatch(name) or TORCHSCRIPT.fullmatch(name):
        return any(EXITS.fullmatch(part) for part in name.split(".")[2:])
    first, *rest = name.split(".")
    if name == COMPUTED or any(EXITS.fullmatch(part) for part in rest):
        return True
    return first in WATCHED or first in sys.stdlib_module_names


def refuse_names(called: Iterable[str], named: Iterable[str]) -> None:
    """Refuse a file by the names in it.

    Args:
        called: what would be called.
        named: everything that is referred to; a function of a library may stand in a setting.

    Raises:
        RefusedError: it asks for something to be run.
    """
    wanted = dict.fromkeys(name for name in called if is_dangerous(name))
    referred = (name for name in named if is_dangerous(name))
    wanted |= dict.fromkeys(name for name in referred if name.partition(".")[0] not in LIBRARIES)
    if wanted.keys() == {PICKLED_TENSORS}:
        raise RefusedError(
            f"The file asks to run {PICKLED_TENSORS}, as pickle.dump writes tensors: each is a "
            "whole file of torch inside. It was refused; nothing in it was run.",
            remedy="Where it was made, load it with pickle.load and save it with torch: "
            "torch.save(weights, 'weights.pth')",
        )
    if wanted:
        shown = " and ".join(_short(name) for name in list(wanted)[:3])
        raise RefusedError(
            f"The file asks to run {shown}. It was refused; nothing in it was run.",
            remedy="Do not open this file elsewhere either, unless you know who made it and why.",
        )


def foreign_calls(run: Iterable[str]) -> tuple[str, ...]:
    """Names outside of what an honest file calls, which torch.load would call all the same.

    Args:
        run: what Python's own machine calls at once.
    """
    return tuple(
        _short(name)
        for name in run
        if FUNCTIONS.fullmatch(name) or not (INERT.fullmatch(name) or TORCHSCRIPT.fullmatch(name))
    )


def in_words(calls: Sequence[str]) -> str:
    """What a file that asks for these calls is, and who would obey; "" for none."""
    if not calls:
        return ""
    more = f" and {len(calls) - SHOWN} more" if len(calls) > SHOWN else ""
    return (
        f"This file asks to call {', '.join(calls[:SHOWN])}{more}. Maskscope never runs it; "
        "torch.load without weights_only=True would."
    )


def user_classes(named: Iterable[str]) -> tuple[str, ...]:
    """Names from code that is neither Python's nor torch's: the author's own, listed and inert."""
    own = (name for name in named if name != COMPUTED and not INERT.fullmatch(name))
    return tuple(
        _short(name)
        for name in own
        if name.partition(".")[0] not in WATCHED | sys.stdlib_module_names
        and not TORCHSCRIPT.fullmatch(name)
    )


def beyond_weights(named: Iterable[str]) -> tuple[str, ...]:
    """Names that `torch.load(..., weights_only=True)` refuses, though nothing about them is bad."""
    return tuple(_short(name) for name in named if not WEIGHTS_ONLY.fullmatch(name))


def _short(name: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in name[:80])
