"""Networks without numbers: layers, names and shapes, in no memory and little time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

# On the meta device each of these runs a decomposition in Python, for nothing: half of the time.
INITIALIZERS = {torch.Tensor.normal_, torch.Tensor.uniform_}


@contextmanager
def without_numbers() -> Iterator[None]:
    """What makes layers in this block makes them on the meta device.

    `network.fill` puts a checkpoint's tensors in; what it does not fill has no numbers at all.
    """
    with torch.device("meta"), _Skeleton():
        yield


class _Skeleton(TorchFunctionMode):
    """Leaves initial numbers away; drop rates of transformers, read at once, are real."""

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> torch.Tensor:
        """Do it, make it on the processor, or leave it away."""
        if func in INITIALIZERS:
            unchanged: torch.Tensor = args[0]
            return unchanged
        where = {"device": "cpu"} if func is torch.linspace else {}
        result: torch.Tensor = func(*args, **{**(kwargs or {}), **where})
        return result
