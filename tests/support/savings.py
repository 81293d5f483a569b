"""Every honest way in which people save a network, and what comes back out of the file.

Each way takes a network, writes a file, and returns the tensors that have to come out, by name.
`scripts/recognition.py` prints `read_back` as the table of docs/checkpoints.md.
"""

from __future__ import annotations

import argparse
import pathlib
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from core.architectures import build_network
from core.checkpoint import Checkpoint, read_checkpoint
from core.checkpoint.stored.merged import merged
from core.errors import ArchitectureError
from tests.support.networks import make

Tensors = dict[str, torch.Tensor]
SIZE = (64, 96)


def _state(model: nn.Module) -> Tensors:
    return OrderedDict(model.state_dict())


def _saved(content: Callable[[Tensors], object], **options: object) -> Callable:
    def save(model: nn.Module, path: Path) -> Tensors:
        state = _state(model)
        torch.save(content(state), path, **options)
        return state

    return save


def _cast(dtype: torch.dtype) -> Callable:
    def save(model: nn.Module, path: Path) -> Tensors:
        state = _state(model.to(dtype))
        torch.save(state, path)
        return state

    return save


def _whole(
    wrap: Callable[[nn.Module], object] = lambda model: model, **options: object
) -> Callable:
    """The module itself, whose class may not exist where the file is read."""

    def save(model: nn.Module, path: Path) -> Tensors:
        torch.save(wrap(model), path, **options)
        sys.modules.pop("lost_project", None)
        return _state(model)

    return save


def _lightning(state: Tensors) -> dict:
    return {
        "epoch": 9,
        "global_step": 990,
        "pytorch-lightning_version": "2.5.1",
        "state_dict": {f"model.{key}": value for key, value in state.items()},
        "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"total": {"ready": 10}}}},
        "callbacks": {"ModelCheckpoint": {"best_model_path": pathlib.Path("a/b.ckpt")}},
        "optimizer_states": [_adam(state)],
        "lr_schedulers": [{"_last_lr": [0.1]}],
        "hyper_parameters": {"classes": 4, "args": argparse.Namespace(lr=0.1)},
    }


def _adam(state: Tensors) -> dict:
    moments = {k: {"exp_avg": torch.ones_like(v)} for k, v in enumerate(list(state.values())[:4])}
    return {"state": moments, "param_groups": [{"lr": 0.1, "params": list(moments)}]}


def _training(state: Tensors) -> dict:
    return {
        "model": state,
        "optimizer": _adam(state),
        "lr_scheduler": {"last_epoch": 3},
        "epoch": 3,
        "best_score": np.float64(0.5),
        "args": argparse.Namespace(lr=0.1, data=pathlib.PurePosixPath("voc")),
    }


def _channels_last(model: nn.Module, path: Path) -> Tensors:
    state = _state(model.to(memory_format=torch.channels_last))
    torch.save(state, path)
    return state


def _tied(model: nn.Module, path: Path) -> Tensors:
    state = _state(model)
    first = next(iter(state))
    state = state | {
        "tied": state[first],
        "part": state[first][:1],
        "wide": torch.ones(1).expand(9),
    }
    torch.save(state, path)
    return state


def _weight_norm(model: nn.Module, path: Path) -> Tensors:
    conv = next(layer for layer in model.modules() if isinstance(layer, nn.Conv2d))
    torch.nn.utils.parametrizations.weight_norm(conv)
    torch.save(model.state_dict(), path)
    return merged(model.state_dict())[0]


def _script(model: nn.Module, path: Path) -> Tensors:
    with torch.no_grad():
        torch.jit.trace(model, torch.zeros(1, 3, *SIZE), strict=False).save(path)
    return _state(model)


def _exported(model: nn.Module, path: Path) -> Tensors:
    torch.export.save(torch.export.export(model, (torch.zeros(1, 3, *SIZE),)), path)
    return _state(model)


def _safetensors(model: nn.Module, path: Path) -> Tensors:
    from safetensors.torch import save_file

    state = {key: value.contiguous() for key, value in _state(model).items()}
    save_file(state, path, metadata={"format": "pt"})
    return state


def _zipped(name: str) -> Callable:
    """In a ZIP, with a config beside, as a downloaded folder is."""

    def save(model: nn.Module, path: Path) -> Tensors:
        inner = path.with_name(name)
        state = SAVINGS["safetensors" if name.endswith(".safetensors") else "state dict"](
            model, inner
        )
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.write(inner, f"folder/{name}")
            archive.writestr("folder/config.json", "{}")
        inner.unlink()
        return state

    return save


def _prefixed(prefix: str) -> Callable[[Tensors], Tensors]:
    return lambda state: {prefix + key: value for key, value in state.items()}


LEGACY = {"_use_new_zipfile_serialization": False}
SAVINGS: dict[str, Callable[[nn.Module, Path], Tensors]] = {
    "state dict": _saved(lambda state: state),
    "state dict, legacy": _saved(lambda state: state, **LEGACY),
    **{
        f"state dict, protocol {protocol}": _saved(lambda state: state, pickle_protocol=protocol)
        for protocol in (3, 4, 5)
    },
    "state dict, legacy, protocol 4": _saved(lambda state: state, pickle_protocol=4, **LEGACY),
    "training dict": _saved(_training),
    "training dict, legacy": _saved(_training, **LEGACY),
    "Lightning": _saved(_lightning),
    "DataParallel": _saved(_prefixed("module.")),
    "torch.compile": _saved(_prefixed("_orig_mod.")),
    "parameters": _saved(lambda state: {k: nn.Parameter(v, False) for k, v in state.items()}),
    "whole module": _whole(),
    "whole module, legacy": _whole(**LEGACY),
    "whole module, protocol 5": _whole(pickle_protocol=5),
    "whole module in DataParallel": _whole(lambda model: nn.DataParallel(model)),
    "whole module in a dict": _whole(lambda model: {"net": model, "epoch": 1}),
    "half": _cast(torch.float16),
    "bfloat16": _cast(torch.bfloat16),
    "double": _cast(torch.float64),
    "channels last": _channels_last,
    "tied and expanded": _tied,
    "weight norm": _weight_norm,
    "TorchScript": _script,
    "exported program": _exported,
    "safetensors": _safetensors,
    "state dict in a ZIP": _zipped("pytorch_model.bin"),
    "safetensors in a ZIP": _zipped("model.safetensors"),
}

# A file of ResNet-50 has 168 MB; the ways that differ in how the bytes lie are enough for it.
LARGE_IN = ("state dict, legacy", "whole module", "channels last", "Lightning")


@dataclass(frozen=True)
class Back:
    """What came back of a network that was saved."""

    container: str
    differing: tuple[str, ...]  # tensors that are not the saved ones, bit for bit
    built: str  # the architecture that was recognized; "" where only the weights are known
    choices: tuple[str, ...]  # what the file does not tell
    difference: float  # of the logits, largest absolute one


def read_back(name: str, way: str, folder: Path) -> Back:
    """Save a network in one way, read it, rebuild it, and compare.

    Args:
        name: a key of `NETWORKS`.
        way: a key of `SAVINGS`.
        folder: for the file, which is removed again.
    """
    model, path = make(name), folder / "file"
    wanted = SAVINGS[way](model, path)
    checkpoint = read_checkpoint(path, name="file", digest="d")
    path.unlink()
    found = checkpoint.tensors
    differing = {key for key in wanted if not _same(found.get(key), wanted[key])}
    differing |= found.keys() - wanted.keys()
    built, choices, difference = _rebuilt(checkpoint, model.float())
    return Back(checkpoint.container, tuple(sorted(differing)), built, choices, difference)


def _same(found: torch.Tensor | None, wanted: torch.Tensor) -> bool:
    if found is None or (found.dtype, found.shape) != (wanted.dtype, wanted.shape):
        return False
    return torch.equal(_bits(found), _bits(wanted))


def _bits(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.contiguous().reshape(-1).view(torch.uint8)


def _rebuilt(checkpoint: Checkpoint, model: nn.Module) -> tuple[str, tuple[str, ...], float]:
    try:
        network = build_network(checkpoint)
    except ArchitectureError:
        return "", (), float("nan")
    x = torch.randn(1, 3, *SIZE, generator=torch.Generator().manual_seed(7))
    with torch.inference_mode():
        ours, theirs = _logits(network.module(x)), _logits(model(x))
    choices = tuple(c.name for c in network.choices if c.source == "default")
    return network.architecture, choices, (ours - theirs).abs().max().item()


def _logits(output: object) -> torch.Tensor:
    """The main one of what networks return."""
    if isinstance(output, dict):
        output = output["out"]
    return output[0] if isinstance(output, tuple | list) else output
