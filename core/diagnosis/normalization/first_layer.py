"""The first BatchNorm under any mean and std, by arithmetic: no forward while a slider moves.

Between tensor and BatchNorm there is one convolution, which is linear; and the tensor is
gain * base + offset in each channel. So the moments of every output channel follow from those of
2c planes, convolved once: each channel of the base, and each channel of ones (which carries the
offset, and knows of the convolution's zero padding).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from core.architectures.program.program_module import ProgramModule
from core.diagnosis.measure.batchnorm_divergence import (
    FIRST_CONVOLUTION,
    has_running_statistics,
    kl,
    median,
)
from core.diagnosis.measure.sizes import middle
from core.operators import StopForward, tap

# Arguments of the first convolution, and mean and variance that the BatchNorm behind it has stored.
Pair = tuple[tuple[Any, ...], torch.Tensor, torch.Tensor]


@dataclass(frozen=True, eq=False)
class Gauge:
    """All that is needed of picture and network: a few numbers for each channel k."""

    means: np.ndarray  # Float64[k 2c], of the convolved planes
    covariances: np.ndarray  # Float64[k 2c 2c], between them
    bias: np.ndarray  # Float64[k], of the convolution
    known: np.ndarray  # Float64[k], the running mean
    spread: np.ndarray  # Float64[k], the running variance

    def divergence(self, gain: Sequence[float], offset: Sequence[float]) -> float:
        """The median over channels of KL(now, running) at the first BatchNorm, in nats.

        Args:
            gain: per channel, as in `InputTensor`.
            offset: per channel.
        """
        factors = np.array([*gain, *offset])
        mean = self.means @ factors + self.bias
        var = np.einsum("i,kij,j->k", factors, self.covariances, factors)
        moments = map(torch.from_numpy, (mean, var, self.known, self.spread))
        return median(kl(*moments))


def gauge_of(module: nn.Module, base: np.ndarray) -> Gauge | None:
    """Look once; None where the network does not begin with a convolution and its BatchNorm.

    Args:
        module: of the network, in eval mode.
        base: Float32[h w c], as in `InputTensor`.

    Raises:
        ForwardError: the network stops on a picture of this size.
    """
    gauges = gauges_of_sizes(module, base, steps=(1,))
    return gauges[0] if gauges else None


def gauges_of_sizes(module: nn.Module, base: np.ndarray, steps: Sequence[int]) -> list[Gauge]:
    """The same of a picture made smaller, for each way of doing so; the network is run once.

    Args:
        module: of the network, in eval mode.
        base: Float32[h w c], as in `InputTensor`.
        steps: 1 for the picture as it is, 2 for every other row and column, and so on.

    Returns:
        A gauge for each; [] where the network does not begin with a convolution and its BatchNorm.

    Raises:
        ForwardError: the network stops on a picture of this size.
    """
    tensor = torch.from_numpy(base).permute(2, 0, 1)[None]
    pair = _first_pair(module, tensor)
    return [] if pair is None else [_gauge(pair, tensor[:, :, ::n, ::n]) for n in steps]


def _gauge(pair: Pair, tensor: torch.Tensor) -> Gauge:
    (_, weight, bias, stride, padding, dilation), known, spread = pair
    x = middle(tensor)
    channels = weight.shape[1]
    planes = torch.cat([x, torch.ones_like(x)], dim=1)
    kernel = weight.transpose(0, 1).flatten(0, 1)[:, None].repeat(2, 1, 1, 1)  # [2c*k 1 kh kw]
    with torch.inference_mode():
        out = F.conv2d(planes, kernel, None, stride, padding, dilation, groups=2 * channels)
        out = out.view(2 * channels, len(weight), -1).transpose(0, 1).double()  # [k 2c pixels]
        means = out.mean(dim=2)
        out = out - means[..., None]
        covariances = out @ out.transpose(1, 2) / out.shape[2]
    shift = np.zeros(len(weight)) if bias is None else _numbers(bias)
    return Gauge(_numbers(means), _numbers(covariances), shift, _numbers(known), _numbers(spread))


def _first_pair(module: nn.Module, tensor: torch.Tensor) -> Pair | None:
    """Arguments of the first convolution, and the statistics of the BatchNorm right behind it.

    A program is given the whole, as it may take no other size.
    """
    collected: list[Any] = []

    def collect(func: Any, args: tuple[Any, ...], result: torch.Tensor) -> None:
        if func is FIRST_CONVOLUTION and not collected and not result.is_meta:
            collected.extend((args[:6], result, args[8]))
        elif has_running_statistics(func, args):
            collected.append(args)
            raise StopForward

    corner = tensor if isinstance(module, ProgramModule) else tensor[:, :, :64, :64]
    tap(module, corner, collect)
    if len(collected) != 4:
        return None
    convolution, result, groups, norm = collected
    straight = norm[0].data_ptr() == result.data_ptr() and groups == 1
    given = torch.equal(convolution[0], corner)
    return (convolution, norm[3], norm[4]) if straight and given else None


def _numbers(tensor: torch.Tensor) -> np.ndarray:
    numbers: np.ndarray = tensor.detach().double().numpy()
    return numbers
