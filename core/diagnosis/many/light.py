"""How the pictures of a set are lit, against the training's, and against those of another set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from core.diagnosis.many.family import Family
from core.diagnosis.many.pool import Pool
from core.diagnosis.measure.batchnorm_divergence import kl, median
from core.diagnosis.normalization.memory import Memory
from core.diagnosis.normalization.naming import affine
from core.diagnosis.thresholds import DARKER, FLATTER, LARGEST_BYTE
from core.settings import Preprocessing


@dataclass(frozen=True, eq=False)
class Light:
    """What a set's pictures are like, as they are fed."""

    count: int
    mean: np.ndarray  # Float64[c], pixels from 0 to 1, in the order fed
    std: np.ndarray  # Float64[c], over all pictures
    layer: np.ndarray  # Float64[k 2], mean and variance behind the first convolution


@dataclass(frozen=True)
class Shift:
    """How a set differs from another one, or from the training's pictures."""

    nats: float  # at the first BatchNorm, the median over its channels
    words: str  # "darker (mean 0.21, there 0.47)"; "" where neither mean nor std differs by much
    mean: tuple[float, float]  # of the set and of the other, over the channels, 0..1
    std: tuple[float, float]


def light_of(pool: Pool) -> Light:
    """Of the pictures of a pool."""
    first, second = (pool.fed[0, :, k] / pool.count for k in (0, 1))
    layer = np.stack([first, second - first**2], axis=1)
    return Light(pool.count, pool.sample_mean / LARGEST_BYTE, pool.sample_std / LARGEST_BYTE, layer)


def shift_between(here: Light, there: Light) -> Shift:
    """How this set differs from that one, both fed alike to one network.

    The nats are those of the first convolution's outputs, so they count what the network sees.
    """
    parts = (here.layer[:, 0], here.layer[:, 1], there.layer[:, 0], there.layer[:, 1])
    nats = median(kl(*(torch.from_numpy(np.ascontiguousarray(part)) for part in parts)))
    return _shift(nats, here, there.mean, there.std)


def shift_from_training(here: Light, family: Family, memory: Memory, fed: Preprocessing) -> Shift:
    """How the set differs from the training's pictures, if these were fed as the user feeds.

    Args:
        here: the set.
        family: in the channel order that is fed.
        memory: of the checkpoint.
        fed: the settings, with fixed mean and std.
    """
    mean, std = (part[: len(here.mean)] for part in affine(fed))
    exposure = float(np.exp(np.log(family.numbers.std / std).mean()))
    return _shift(family.fed, here, mean + std * np.array(memory.mean), here.std / exposure)


def is_exposure(family: Family, fed: Preprocessing) -> bool:
    """Whether light alone explains the solved numbers: one gain and one offset for all channels.

    A darker picture looks to the first BatchNorm like a smaller mean and std of all channels alike;
    numbers of another training differ from channel to channel.
    """
    numbers = family.numbers
    mean, std = (part[: len(numbers.mean)] for part in affine(fed))
    ratio = np.log(numbers.std / std)
    offset = numbers.mean - np.exp(ratio.mean()) * mean
    alike = np.abs(ratio - ratio.mean()) <= numbers.log_std_within
    near = np.abs(offset - offset.mean()) <= numbers.mean_within
    return bool(alike.all() and near.all())


def _shift(nats: float, here: Light, mean: np.ndarray, std: np.ndarray) -> Shift:
    means = float(here.mean.mean()), float(np.mean(mean))
    stds = float(here.std.mean()), float(np.mean(std))
    words = []
    if abs(means[0] - means[1]) >= DARKER:
        what = "darker" if means[0] < means[1] else "brighter"
        words.append(f"{what} (mean {means[0]:.2f}, there {means[1]:.2f})")
    ratio = stds[0] / stds[1]
    if not FLATTER < ratio < 1 / FLATTER:
        what = "flatter" if ratio < 1 else "of more contrast"
        words.append(f"{what} (std {stds[0]:.2f}, there {stds[1]:.2f})")
    return Shift(nats, " and ".join(words), means, stds)
