"""The ways in which people save a network, each as the bytes and the name of one file."""

from __future__ import annotations

import argparse
import gzip
import io
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path

import torch
from safetensors.torch import save as safetensors_bytes
from torch import nn

from benchmarks.foreign.networks import FOLDER, MEMBERS, Enlarged, Foreign
from benchmarks.foreign.scenes import WORLDS
from examples.materials import weights_file

Weights = Mapping[str, torch.Tensor]
Way = Callable[[Foreign, Weights], bytes]
MULTIPLE = 32  # of the sides of a program that takes several sizes


def _training_dict(member: Foreign, weights: Weights) -> bytes:
    """As a training writes it, the moving average beside the weights."""
    average = {key: value.clone() for key, value in weights.items()}
    moments = {0: {"exp_avg": torch.zeros(8)}}
    return weights_file(
        {
            "model": dict(weights),
            "ema": average,
            "optimizer": {"state": moments, "param_groups": [{"lr": 1e-3, "params": [0]}]},
            "epoch": 12,
            "args": argparse.Namespace(lr=1e-3, batch=4),
        }
    )


def _lightning(member: Foreign, weights: Weights) -> bytes:
    """With what a LightningModule has beside its network."""
    state = {f"model.{key}": value for key, value in weights.items()}
    count = max(2, member.classes)
    state |= {
        "criterion.weight": torch.ones(count),
        "val_iou.confmat": torch.zeros(count, count, dtype=torch.long),
    }
    return weights_file(
        {
            "epoch": 12,
            "global_step": 480,
            "pytorch-lightning_version": "2.5.1",
            "state_dict": state,
            "hyper_parameters": {"lr": 1e-3, "num_classes": member.classes},
        }
    )


def _module(member: Foreign, weights: Weights) -> bytes:
    file = io.BytesIO()
    torch.save(_loaded(member, weights), file)
    return file.getvalue()


def _folder(member: Foreign, weights: Weights) -> bytes:
    """A folder of transformers in a ZIP: the config beside the weights."""
    network = _loaded(member, weights)
    packed = io.BytesIO()
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(packed, "w") as archive:
        network.save_pretrained(folder)  # type: ignore[operator]
        for path in sorted(Path(folder).iterdir()):
            archive.write(path, f"model/{path.name}")
    return packed.getvalue()


def _loaded(member: Foreign, weights: Weights) -> nn.Module:
    network = member.build(member.classes)
    network.load_state_dict(weights)
    return network.eval()


def _program(*, dynamic: bool) -> Way:
    def save(member: Foreign, weights: Weights) -> bytes:
        program = torch.export.load(_exported(member.name, dynamic))
        for key, value in weights.items():
            program.state_dict[f"network.{key}"].data.copy_(value)
        file = io.BytesIO()
        torch.export.save(program, file)
        return file.getvalue()

    return save


@lru_cache(maxsize=32)
def _exported(name: str, dynamic: bool) -> Path:
    """The program of a network, exported once: that takes seconds."""
    path = FOLDER / f"{name}{'.any' if dynamic else '.one'}.pt2"
    if not path.exists():
        member = MEMBERS[name]
        sides = {n: MULTIPLE * torch.export.Dim(f"d{n}", min=2, max=32) for n in (2, 3)}
        pixels = torch.zeros(1, 3, *WORLDS[member.world].size)
        whole = Enlarged(member.trained()).eval()
        shapes = (sides,) if dynamic else None
        torch.export.save(torch.export.export(whole, (pixels,), dynamic_shapes=shapes), path)
    return path


WAYS: dict[str, tuple[str, Way]] = {  # the ending of the file, and what writes it
    "state dict": (".pth", lambda member, weights: weights_file(dict(weights))),
    "training dict and average": (".pt", _training_dict),
    "Lightning with left-overs": (".ckpt", _lightning),
    "whole module": (".pt", _module),
    "safetensors": (
        ".safetensors",
        lambda member, weights: safetensors_bytes({k: v.contiguous() for k, v in weights.items()}),
    ),
    "gzip": (".pth.gz", lambda m, weights: gzip.compress(weights_file(dict(weights)), 1)),
    "DataParallel": (
        ".pth",
        lambda m, weights: weights_file({f"module.{k}": v for k, v in weights.items()}),
    ),
    "float16": (
        ".pth",
        lambda m, weights: weights_file(
            {k: v.half() if v.is_floating_point() else v for k, v in weights.items()}
        ),
    ),
    "program of one size": (".pt2", _program(dynamic=False)),
    "program of several sizes": (".pt2", _program(dynamic=True)),
    "folder of transformers": (".zip", _folder),
}
ONE_SIZE, SEVERAL = "program of one size", "program of several sizes"
WITH_GRAPH = (ONE_SIZE, SEVERAL)
FOLDERS = "folder of transformers"


def ways_of(member: Foreign) -> tuple[str, ...]:
    """Those in which a file of this network can be run.

    A known one is exported in one of two ways alone: that takes ten seconds.
    """
    folder = (FOLDERS,) if member.foldered else ()
    if not member.known:
        return (*WITH_GRAPH, *folder)
    program = WITH_GRAPH[len(member.name) % 2] if member.any_size else ONE_SIZE
    return (*(way for way in WAYS if way not in (*WITH_GRAPH, FOLDERS)), program, *folder)


def saved(member: Foreign, weights: Weights, way: str) -> tuple[bytes, str]:
    """The bytes and the name of the file."""
    ending, write = WAYS[way]
    return write(member, weights), f"{member.name}{ending}"
