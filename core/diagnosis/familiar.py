"""How familiar an input is to the network: its moments beside those that BatchNorm remembers."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from core.operators import StopForward, tap

LAYERS = 5  # BatchNorms from the input on that are looked at
ALL = 10_000  # more than any network has
CROP = 384  # pixels
SMALLEST = 1e-8  # variance
BATCH_NORMS = {
    torch.ops.aten.native_batch_norm.default,
    torch.ops.aten._native_batch_norm_legit_no_training.default,
    torch.ops.aten._batch_norm_no_update.default,
}
FIRST_CONVOLUTION = torch.ops.aten.convolution.default


def remembers(func: Any, args: tuple[Any, ...]) -> bool:
    """Whether this operator is a BatchNorm that has running statistics, and real numbers.

    An exported program is first run without numbers, for its shapes.
    """
    if func not in BATCH_NORMS or args[0].is_meta:
        return False
    return args[3] is not None and args[4] is not None


def divergence(module: nn.Module, tensor: torch.Tensor, layers: int = LAYERS) -> tuple[float, ...]:
    """For each of the first BatchNorms the median over channels of KL(now, remembered), in nats.

    Args:
        module: of the network, in eval mode.
        tensor: [1 c h w], what the network is fed.
        layers: how many are looked at; the forward stops behind them.

    Returns:
        A number for each; fewer than `layers` where the network has fewer, or stops before.
    """
    heard: list[float] = []

    def hear(func: Any, args: tuple[Any, ...], _: torch.Tensor) -> None:
        if remembers(func, args):
            x = args[0].transpose(0, 1).flatten(1)
            now = x.mean(dim=1), x.var(dim=1, unbiased=False)
            heard.append(median(kl(*now, args[3], args[4])))
            if len(heard) >= layers:
                raise StopForward

    tap(module, middle(tensor.float()), hear)
    return tuple(heard)


def kl(
    mean: torch.Tensor, var: torch.Tensor, known: torch.Tensor, spread: torch.Tensor
) -> torch.Tensor:
    """The divergence of two normal distributions in each channel, in nats.

    Args:
        mean: Float[k], of the input now.
        var: Float[k], of the input now.
        known: Float[k], the remembered mean.
        spread: Float[k], the remembered variance.

    Returns:
        Float[k].
    """
    var, spread = var.clamp_min(SMALLEST), spread.clamp_min(SMALLEST)
    return 0.5 * (torch.log(spread / var) + (var + (mean - known) ** 2) / spread - 1)


def median(values: torch.Tensor) -> float:
    """As NumPy's: of an even number of values the mean of the two in the middle."""
    return float(np.median(values.numpy()))


def middle(tensor: torch.Tensor) -> torch.Tensor:
    """At most 384 x 384 from the middle: a crop keeps the moments, a smaller picture does not."""
    height, width = tensor.shape[2:]
    top, left = max(0, height - CROP) // 2, max(0, width - CROP) // 2
    return tensor[:, :, top : top + CROP, left : left + CROP]
