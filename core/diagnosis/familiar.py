"""How familiar an input is to the network: its moments beside those that BatchNorm remembers."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn

LAYERS = 5  # BatchNorms from the input on that are looked at
ALL = 10_000  # more than any network has
BATCH_NORMS = nn.modules.batchnorm._BatchNorm
CROP = 384  # pixels
SMALLEST = 1e-8  # variance


class _EnoughSeenError(Exception):
    """The last BatchNorm that is looked at was reached."""


class Listener:
    """A copy of a network that stops behind its first BatchNorms and keeps what they were given."""

    def __init__(self, module: nn.Module) -> None:
        """Args: module, of the network, which is not changed."""
        self.hears = any(_remembers(part) for part in module.modules())
        self._module = copy.deepcopy(module) if self.hears else module
        self._layers, self._seen = LAYERS, list[float]()
        for part in self._module.modules() if self.hears else ():
            if _remembers(part):
                part.register_forward_pre_hook(self._hear)

    def divergence(self, tensor: torch.Tensor, layers: int = LAYERS) -> tuple[float, ...]:
        """For each of the first BatchNorms the median over channels of KL(now, remembered).

        Args:
            tensor: [1 c h w], what the network is fed.
            layers: how many are looked at; the forward stops behind them.
        """
        self._seen, self._layers = [], layers
        if not self.hears:
            return ()
        try:
            with torch.inference_mode():
                self._module(_middle(tensor.float()))
        except _EnoughSeenError:
            pass
        except (RuntimeError, ValueError, TypeError):  # this size or tensor stops the network
            return tuple(self._seen)
        return tuple(self._seen)

    def _hear(self, norm: Any, inputs: tuple[torch.Tensor, ...]) -> None:
        x = inputs[0].transpose(0, 1).flatten(1)
        mean, var = x.mean(dim=1), x.var(dim=1, unbiased=False).clamp_min(SMALLEST)
        known, spread = norm.running_mean, norm.running_var.clamp_min(SMALLEST)
        kl = 0.5 * (torch.log(spread / var) + (var + (mean - known) ** 2) / spread - 1)
        self._seen.append(float(kl.median()))
        if len(self._seen) >= self._layers:
            raise _EnoughSeenError


def _remembers(part: nn.Module) -> bool:
    return isinstance(part, BATCH_NORMS) and part.running_var is not None


def _middle(tensor: torch.Tensor) -> torch.Tensor:
    """At most 384 x 384 from the middle: a crop keeps the moments, a smaller picture does not."""
    height, width = tensor.shape[2:]
    top, left = max(0, height - CROP) // 2, max(0, width - CROP) // 2
    return tensor[:, :, top : top + CROP, left : left + CROP]
