"""Mean and std of the training without a catalogue: BatchNorm's running statistics decide.

Under a gauge the moments behind the first convolution are a quadratic form in gain and offset. So
the divergence from the first BatchNorm's running statistics is a smooth function of 2c numbers; its
minimum from a good start is found in some ten steps, and no forward is needed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from core.diagnosis.measure.batchnorm_divergence import kl
from core.diagnosis.normalization.first_layer import Gauge
from core.diagnosis.thresholds import ALIKE_WEIGHT, BRIGHTNESS_STD, GUESS_WEIGHT, SOLVER_STEPS


def solve(
    gauges: Sequence[Gauge], mean: np.ndarray, std: np.ndarray, largest: float = 255.0
) -> tuple[np.ndarray, np.ndarray]:
    """Find mean and std of a training from one picture or several.

    Args:
        gauges: of each picture, of one network.
        mean: Float[c], a first guess, in units of pixels from 0 to 1.
        std: Float[c], the same.
        largest: sample of the base that counts as 1.

    Returns:
        Mean and std, Float64[c], in the same units and the order fed.
    """
    moments = _together(gauges, largest)
    guess = torch.from_numpy(np.concatenate([np.log(std), mean]))
    found = guess.clone().requires_grad_()
    search = torch.optim.LBFGS([found], max_iter=SOLVER_STEPS, line_search_fn="strong_wolfe")

    def step() -> torch.Tensor:
        search.zero_grad()
        loss = _loss(found, guess, moments, largest)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    search.step(step)  # type: ignore[no-untyped-call]
    numbers = found.detach().numpy()
    if not np.isfinite(numbers).all():
        return mean, std
    return numbers[len(mean) :], np.exp(numbers[: len(mean)])


Moments = tuple[torch.Tensor, ...]


def _together(gauges: Sequence[Gauge], largest: float) -> Moments:
    """Moments over all pictures as over one: means, covariances, bias, known, spread.

    The training saw lighter and darker pictures; of what they differ by, n pictures lack 1 / n.
    """
    means = np.mean([gauge.means for gauge in gauges], axis=0)
    squares = np.mean([g.covariances + _outer(g.means) for g in gauges], axis=0)
    covariances = squares - _outer(means)
    channels = means.shape[1] // 2
    brighter = np.hstack([means[:, channels:], np.zeros_like(means[:, channels:])])
    covariances += (BRIGHTNESS_STD * largest) ** 2 / len(gauges) * _outer(brighter)
    first = gauges[0]
    parts = (means, covariances, first.bias, first.known, first.spread)
    return tuple(torch.from_numpy(np.asarray(part, np.float64)) for part in parts)


def _outer(means: np.ndarray) -> np.ndarray:
    product: np.ndarray = means[:, :, None] * means[:, None, :]
    return product


def _loss(
    numbers: torch.Tensor, guess: torch.Tensor, moments: Moments, largest: float
) -> torch.Tensor:
    """Divergence over the channels, single odd ones counting little; and what is known before."""
    means, covariances, bias, known, spread = moments
    log_std, mean = numbers.chunk(2)
    std = log_std.exp()
    factors = torch.cat([1 / (largest * std), -mean / std])
    now = means @ factors + bias
    var = torch.einsum("i,kij,j->k", factors, covariances, factors)
    unlike = ((log_std - log_std.mean()) ** 2).sum()
    far = (log_std.mean() - guess[: len(log_std)].mean()) ** 2
    divergence = torch.log1p(kl(now, var, known, spread)).sum()
    return divergence + ALIKE_WEIGHT * unlike + GUESS_WEIGHT * far
