"""What a model is before we look at it, it is afterwards: whatever happens in between.

Nothing here runs the model itself (see `shadow.py`), but a user's function may, and so may their
preprocessing: modes, buffers, gradients' switches, hooks and random numbers are put back.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

HOOKS = (
    "_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks",
    "_state_dict_hooks", "_forward_hooks_with_kwargs", "_forward_pre_hooks_with_kwargs",
)  # fmt: skip


@contextmanager
def untouched(modules: Sequence[nn.Module] = ()) -> Iterator[None]:
    """Leave modules and random numbers as they were, also after an exception or Ctrl-C.

    Args:
        modules: the user's own; everything below them is looked after.
    """
    restore = [_random_numbers(), *(_state(module) for module in modules)]
    try:
        yield
    finally:
        for each in restore:
            each()


def _random_numbers() -> Callable[[], None]:
    own, numpy, cpu = random.getstate(), np.random.get_state(), torch.get_rng_state()
    used = torch.cuda.is_available() and torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    devices = torch.cuda.get_rng_state_all() if used else []

    def restore() -> None:
        random.setstate(own)
        np.random.set_state(numpy)
        torch.set_rng_state(cpu)
        if devices:
            torch.cuda.set_rng_state_all(devices)

    return restore


def _state(model: nn.Module) -> Callable[[], None]:
    modes = [(each, each.training) for each in model.modules()]
    switches = [(each, each.requires_grad) for each in model.parameters()]
    buffers = [(each, each.detach().clone()) for each in model.buffers()]
    hooks = [(each, dict(each)) for module in model.modules() for each in _hooks(module)]

    def restore() -> None:
        for module, mode in modes:
            module.training = mode  # not train(): each had its own
        for parameter, switch in switches:
            if parameter.requires_grad != switch:
                parameter.requires_grad_(switch)
        for buffer, value in buffers:
            _put_back(buffer, value)
        for found, before in hooks:
            if found.keys() != before.keys():
                found.clear()
                found.update(before)

    return restore


def _hooks(module: nn.Module) -> list[dict[Any, Any]]:
    return [found for name in HOOKS if isinstance(found := getattr(module, name, None), dict)]


def _put_back(buffer: torch.Tensor, value: torch.Tensor) -> None:
    """Only where it changed, so that nobody who watches its version sees a write."""
    if not torch.equal(buffer, value):
        with torch.no_grad():
            buffer.copy_(value)
