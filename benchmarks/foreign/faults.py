"""Faults of files that the zoo's list does not have, and which of that list fit these networks."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import torch

from benchmarks.foreign.files import Files
from benchmarks.foreign.networks import Foreign
from examples.fault import Fault
from examples.faults import FAULTS
from examples.materials import Material, weights_file
from examples.seeds import colored, weights
from examples.zoo.networks import Member

# They are made for the zoo's own widths, names, sizes or numbers of classes.
UNFIT = (
    *("names of DataParallel", "aux head of other classes", "truth with exchanged ids"),
    "much too small",  # to 48 x 48, which no network here takes
)
RESIZED = ("EXIF ignored", "pictures of another world")  # a program of one size cannot be run
OVERFLOW = "half precision overflows"  # needs a BatchNorm behind the first convolution
SWAPPED = "red and blue swapped"
UNSAVED = ("diverged beside its average", "names of DataParallel")  # are files in one way


def _fresh(material: Material) -> dict[str, torch.Tensor]:
    """The network as its library makes it."""
    member = cast(Files, material).member
    torch.manual_seed(3)
    return dict(member.build(member.classes).state_dict())


def untrained(material: Material) -> Material:
    """The file of a network that was saved before its training."""
    return replace(material, checkpoint=weights_file(_fresh(material)))


def renamed(material: Material) -> Material:
    """Saved under DataParallel; the script loaded nothing and predicted with random weights."""
    files = cast(Files, material)
    chance = cast(Files, untrained(files)).written("state dict")
    prefixed = {f"module.{key}": value for key, value in files.weights.items()}
    return replace(files, checkpoint=weights_file(prefixed), name="model.pth",
                   saved=colored(chance).saved)  # fmt: skip


def _lagging(tensors: dict[str, torch.Tensor]) -> None:
    """Running statistics after few steps of momentum 0.01: most of the initial 0 and 1 is left."""
    for key, tensor in tensors.items():
        if key.endswith("running_mean"):
            tensor *= 0.1
        if key.endswith("running_var"):
            tensor.mul_(0.1).add_(0.9)


def _known(member: Member) -> bool:
    return cast(Foreign, member).known


def _norms(member: Member) -> bool:
    """BatchNorm throughout."""
    return member.has_norm


OWN = (
    Fault("network never trained", ("W3", "W8", "B1"), untrained,
          "The file was saved before the training."),
    Fault("names of DataParallel", ("W1",), renamed,
          "load_state_dict(strict=False) loaded nothing; the script predicted with chance.",
          lambda m: _known(m) and m.classes > 2),
    Fault("statistics lag", ("B1",), weights(_lagging),
          "BatchNorm's momentum was too small for so short a training.", _norms),
)  # fmt: skip


def _fitted(fault: Fault) -> Fault:
    """The zoo's fault, for the networks here that can have it."""

    def needs(member: Member) -> bool:
        able = fault.needs(member)
        if fault.causes == ("B1",) or fault.name == OVERFLOW:
            able = able and _norms(member)
        return able and (fault.name not in UNSAVED or _known(member))

    return replace(fault, needs=needs)


FITTING = (*(_fitted(fault) for fault in FAULTS if fault.name not in UNFIT), *OWN)
BY_NAME = {fault.name: fault for fault in FITTING}
