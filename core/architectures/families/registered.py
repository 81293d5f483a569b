"""Networks of the host's own classes: functions that the host names, never an upload.

A factory takes the tensors by name and returns a network whose keys fit, or None. It is named by
`MODEL_FACTORIES=package.module:function`, several with commas, or by an entry point of the group
`maskscope.models`. See docs/own-models.md.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

import torch
from torch import nn

from core.architectures.network import Network, Tensors, account_for, fill, refuse_unfit
from core.checkpoint import Checkpoint
from core.errors import ArchitectureError

SETTING, GROUP = "MODEL_FACTORIES", "maskscope.models"
PROBES = (64, 256)  # sides of the pictures that are tried to learn the number of classes
Factory = Callable[[Tensors], nn.Module | None]


def matches(checkpoint: Checkpoint) -> bool:
    """Whether one of the host's factories knows the tensors."""
    return _made(checkpoint.tensors) is not None


def build(checkpoint: Checkpoint, chosen: Mapping[str, str]) -> Network:
    """Fill what the factory made.

    Raises:
        ArchitectureError: a factory stops, or tensors are missing or have another shape.
    """
    made = _made(checkpoint.tensors)
    if made is None:
        raise ArchitectureError(
            "No class of this server fits.", remedy="Choose another checkpoint."
        )
    name, module = made
    title = f"{type(module).__name__} of {name}"
    account = account_for(module, checkpoint.tensors)
    refuse_unfit(account, title)
    module = fill(module, checkpoint.tensors)
    channels = next((m.in_channels for m in module.modules() if isinstance(m, nn.Conv2d)), 3)
    return Network(
        module=module,
        architecture=title,
        num_classes=_classes(module, channels, title),
        in_channels=channels,
        aux_classes=None,
        account=account,
        checkpoint_digest=checkpoint.digest,
    )


def _made(tensors: Tensors) -> tuple[str, nn.Module] | None:
    """The first network that a factory gives, and the factory's name."""
    for name, factory in _factories():
        try:
            module = factory(tensors)
        except Exception as exc:  # the host's code may stop in any way
            raise _stopped(name, exc) from exc
        if module is not None:
            return name, module
    return None


def _factories() -> Iterator[tuple[str, Factory]]:
    for name in filter(None, os.environ.get(SETTING, "").split(",")):
        module, _, function = name.strip().partition(":")
        try:
            yield name.strip(), getattr(import_module(module), function)
        except (ImportError, AttributeError, ValueError) as exc:
            raise _stopped(name.strip(), exc) from exc
    for entry in entry_points(group=GROUP):
        try:
            yield entry.value, entry.load()
        except (ImportError, AttributeError) as exc:
            raise _stopped(entry.value, exc) from exc


def _stopped(name: str, exc: Exception) -> ArchitectureError:
    detail = (str(exc).strip().splitlines() or [type(exc).__name__])[0][:200]
    return ArchitectureError(
        f"The model factory {name} of this server stops: {detail}",
        remedy=f"Inform whoever runs the server; the factory is named in {SETTING} or by an "
        "installed package.",
    )


def _classes(module: nn.Module, channels: int, title: str) -> int:
    """What the network returns for a black picture; some need more pixels than others."""
    stopped: Exception | None = None
    for side in PROBES:
        try:
            with torch.inference_mode():
                return _first_map(module(torch.zeros(1, channels, side, side))).shape[1]
        except Exception as exc:  # the host's code may stop in any way
            stopped = exc
    raise ArchitectureError(
        f"{title} stops on a black picture of {PROBES[-1]} x {PROBES[-1]}: {stopped}",
        remedy="A network takes Float32[1 c h w] and returns one score per class and pixel.",
    ) from stopped


def _first_map(output: Any) -> torch.Tensor:
    """The first tensor of four dimensions in what a network returns."""
    if isinstance(output, torch.Tensor) and output.ndim == 4:
        return output
    parts = output.values() if isinstance(output, Mapping) else output
    if isinstance(output, Mapping | tuple | list):
        return _first_map(next(iter(parts)))
    raise TypeError(f"it returns {type(output).__name__}")
