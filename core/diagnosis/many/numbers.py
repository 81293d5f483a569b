"""Mean and std of the training over a set, and an interval that narrows as pictures come.

The interval is a jackknife: the set is dealt into blocks, the numbers are solved without each of
them, and from how much they differ follows how far all of them may be off. A floor is added for
what no picture of the user can tell: the training's own chance, and what its pictures were like.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import torch

from core.diagnosis.many.pool import Pool
from core.diagnosis.measure.batchnorm_divergence import kl
from core.diagnosis.normalization.memory import Memory
from core.diagnosis.thresholds import (
    FEWEST_BLOCKS,
    GUESS_WEIGHT,
    INTERVAL,
    LEAST_STD,
    SET_ALIKE_WEIGHT,
    SET_LOG_STD_FLOOR,
    SET_MEAN_FLOOR,
    SOLVED_LOG_STD,
    SOLVED_MEAN,
    SOLVER_STEPS,
)


@dataclass(frozen=True, eq=False)
class SetNumbers:
    """Mean and std as a set shows them, of pixels from 0 to 1, in the order fed."""

    mean: np.ndarray  # Float64[c]
    std: np.ndarray  # Float64[c]
    mean_within: float  # on either side, of every channel
    log_std_within: float  # of the logarithm of std, likewise
    coarse: float  # share of the training's pictures at half the resolution, 0..1
    count: int  # pictures

    def holds(self, mean: np.ndarray, std: np.ndarray) -> bool:
        """Whether other numbers lie within the intervals."""
        near = np.abs(self.mean - mean) <= self.mean_within
        return bool(near.all() and (np.abs(np.log(self.std / std)) <= self.log_std_within).all())


def solve_set(blocks: Sequence[Pool], memory: Memory, largest: float) -> SetNumbers:
    """Solve mean and std over all blocks together, and without each of them.

    Args:
        blocks: of a set, each of about as many pictures, all in one channel order.
        memory: of the checkpoint.
        largest: sample that counts as 1.
    """
    pool = reduce(Pool.__add__, blocks)
    mean, std, coarse = _solved(pool, memory, largest)
    one = 1 / np.sqrt(pool.count)  # of what one picture shows
    within, log_within = SOLVED_MEAN * one, SOLVED_LOG_STD * one
    if len(blocks) >= FEWEST_BLOCKS:
        without = [_solved(_all_but(blocks, k), memory, largest) for k in range(len(blocks))]
        within = _interval([each[0] for each in without], SET_MEAN_FLOOR)
        log_within = _interval([np.log(each[1]) for each in without], SET_LOG_STD_FLOOR)
    return SetNumbers(mean, std, within, log_within, coarse, pool.count)


def _all_but(blocks: Sequence[Pool], k: int) -> Pool:
    return reduce(Pool.__add__, [block for n, block in enumerate(blocks) if n != k])


def _interval(without: Sequence[np.ndarray], floor: float) -> float:
    """Half the width, of the channel that is told worst."""
    values = np.stack(without)
    spread = ((values - values.mean(axis=0)) ** 2).sum(axis=0)
    error = np.sqrt((len(values) - 1) / len(values) * spread)  # Quenouille's, Tukey's jackknife
    return float(np.hypot(INTERVAL * error.max(), floor))


def _solved(pool: Pool, memory: Memory, largest: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Mean, std and the share at half the resolution that give what BatchNorm has stored."""
    std = pool.sample_std.clip(LEAST_STD * largest) / largest / memory.std
    mean = pool.sample_mean / largest - std * np.array(memory.mean)
    guess = torch.from_numpy(np.concatenate([np.log(std), mean, np.zeros(1)]))
    found = guess.clone().requires_grad_()
    search = torch.optim.LBFGS([found], max_iter=SOLVER_STEPS, line_search_fn="strong_wolfe")
    moments = _moments(pool, largest)

    def step() -> torch.Tensor:
        search.zero_grad()
        loss = _loss(found, guess, moments)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    search.step(step)  # type: ignore[no-untyped-call]
    numbers = found.detach().numpy()
    if not np.isfinite(numbers).all():
        return mean, std, 0.0
    count = pool.channels
    coarse = float(1 / (1 + np.exp(-numbers[-1])))
    return numbers[count : 2 * count], np.exp(numbers[:count]), coarse


def _moments(pool: Pool, largest: float) -> tuple[torch.Tensor, ...]:
    """Means, second moments, what brightness lacks, bias, known, spread; of samples from 0 to 1."""
    count = pool.channels
    unit = np.concatenate([np.full(count, 1 / largest), np.ones(count)])
    parts = (
        pool.means / pool.count * unit,
        pool.squares / pool.count * unit[:, None] * unit,
        pool.lacking(largest) / largest,
        pool.bias,
        pool.known,
        pool.spread,
    )
    return tuple(torch.from_numpy(np.asarray(part, np.float64)) for part in parts)


def _loss(
    numbers: torch.Tensor, guess: torch.Tensor, moments: tuple[torch.Tensor, ...]
) -> torch.Tensor:
    """Divergence over the channels, single odd ones counting little; and what is known before.

    Args:
        numbers: Float64[2c + 1]: log std, mean, and the logit of the share at half the resolution.
        guess: the same before.
        moments: see `_moments`.
    """
    means, squares, lacking, bias, known, spread = moments
    log_std, mean = numbers[:-1].chunk(2)
    std, share = log_std.exp(), numbers[-1].sigmoid()
    factors = torch.cat([1 / std, -mean / std])
    first = means @ factors
    second = torch.einsum("i,rkij,j->rk", factors, squares, factors)
    now = first[0].lerp(first[1], share)
    var = second[0].lerp(second[1], share) - now**2 + (lacking @ (1 / std)) ** 2
    unlike = ((log_std - log_std.mean()) ** 2).sum()
    far = (log_std.mean() - guess[: len(log_std)].mean()) ** 2
    divergence = torch.log1p(kl(now + bias, var, known, spread)).sum()
    return divergence + SET_ALIKE_WEIGHT * unlike + GUESS_WEIGHT * far
