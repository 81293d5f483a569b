"""Which names a pickle may ask for: opened, harmless but not opened, or dangerous.

The loader refuses every name that is not opened; this only finds the right sentence for it.
"""

from __future__ import annotations

import re
import sys

from core.checkpoint.pickled_names import COMPUTED, PickledNames
from core.errors import CheckpointError, RefusedError

# What torch.load(weights_only=True) makes values of (torch/_weights_only_unpickler.py), less
# bytearray, by which 387 bytes take 4 GiB of memory.
OPENED = re.compile(
    r"""collections\.(OrderedDict|Counter)
    | builtins\.(set|complex) | _codecs\.encode
    | torch\.(Size|device) | torch\.(cuda\.)?\w*(Tensor|Storage) | torch\.storage\._?\w*Storage
    | torch\.(float|double|half|int|short|long|bool|quint8|qint8|qint32)
    | torch\.(float|bfloat|int|uint|complex)\d+\w* | torch\.per_(tensor|channel)_\w+
    | torch\._utils\._rebuild_\w+ | torch\._tensor\._rebuild_from_type_v2
    | torch\.nn\.parameter\.Parameter | torch\.serialization\._get_layout""",
    re.VERBOSE,
)
# Values and classes that do nothing; training scripts leave them beside the weights.
INERT = re.compile(
    r"""(argparse\.Namespace | types\.SimpleNamespace | functools\.partial | uuid\.UUID
    | decimal\.Decimal | fractions\.Fraction | (collections|datetime|enum|pathlib|typing)\.\w+
    | numpy\._?core\.\w+\.\w+ | numpy\.(ndarray|dtype|bool|u?int|float)\w* | numpy\.dtypes\.\w+
    | numpy\.random\._pickle\.\w+
    | torch\.(nn|optim|amp|cuda\.amp|torch_version)\.[\w.]+
    | torchvision\.(models|ops|transforms)\.[\w.]+
    | builtins\.(bool|bytearray|bytes|dict|float|frozenset|int|list|object|range|slice
        |str|tuple|type))""",
    re.VERBOSE,
)
# Parts of a name that lead out of a harmless module: "torch.nn.modules.module" "os.system".
LAYER = re.compile(r"torch\.nn\.modules\.(conv|container|module|linear)\.")  # no loss has these
EXITS = re.compile(r"os|posix|nt|sys|subprocess|builtins|importlib|shutil|__\w+__")
WATCHED = frozenset({"torch", "torchvision", "numpy", "builtins", "nt"})

NEWER_REMEDY = (
    "Where it was trained, save the weights again:\n"
    'state = torch.load("old.pth", weights_only=False)\n'
    'torch.save(state["model"], "weights.pth")  # or the entry that holds the weights'
)
INNER_REMEDY = (
    "Where it was trained, save its weights alone:\n"
    'state = torch.load("old.pth", weights_only=False)\n'
    'torch.save(state["model"].state_dict(), "weights.pth")  # or the entry with the network'
)
MODULE_REMEDY = (
    "Where it was trained, save its weights alone:\n"
    'model = torch.load("old.pth", weights_only=False)\n'
    'torch.save(model.state_dict(), "weights.pth")'
)


def is_opened(name: str) -> bool:
    """Whether the loader makes a value of it: tensors, storages, dtypes, ordered dicts."""
    return OPENED.fullmatch(name) is not None


def is_dangerous(name: str) -> bool:
    """Whether calling this name could do something: a class of a user's own code is not run."""
    if is_opened(name):
        return False
    first, *rest = name.split(".")
    if name == COMPUTED or any(EXITS.fullmatch(part) for part in rest):
        return True
    watched = first in WATCHED or first in sys.stdlib_module_names
    return watched and INERT.fullmatch(name) is None


def refuse_names(pickled: PickledNames) -> None:
    """Refuse a pickle by the names in it, the dangerous ones first.

    Raises:
        RefusedError: it asks for something to be run.
        CheckpointError: it needs classes that are not opened.
    """
    dangerous = [name for name in pickled.names if is_dangerous(name)]
    if dangerous:
        raise RefusedError(
            f"The file asks to run {' and '.join(_short(name) for name in dangerous[:3])}. "
            "It was refused; nothing in it was run.",
            remedy="Do not open this file elsewhere either, unless you know who made it and why.",
        )
    strange = [name for name in pickled.names if not is_opened(name)]
    if pickled.whole and not is_opened(pickled.whole):
        raise CheckpointError(
            f"The file holds a whole object of class {_short(pickled.whole)}, not its weights "
            "alone, which cannot be opened yet.",
            remedy=MODULE_REMEDY,
        )
    if strange:
        raise CheckpointError(
            f"The file holds objects of {_listed(strange)}, which cannot be "
            "opened yet. Nothing in the file was run.",
            remedy=INNER_REMEDY if any(map(LAYER.match, strange)) else NEWER_REMEDY,
        )
    if pickled.unsupported:
        raise CheckpointError(
            "The file was saved with a newer pickle protocol than torch.save uses by itself.",
            remedy='Save it again without pickle_protocol=: torch.save(weights, "weights.pth").',
        )


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(_short(name) for name in names[:3]) + more


def _short(name: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in name[:80])
