"""Moments over many pictures: sums that add up, and numbers whose interval narrows."""

from dataclasses import replace
from functools import reduce

import numpy as np
import pytest
import torch
from torch import nn

from core.diagnosis.many.family import Hypothesis, family_of, numbers_as_changes
from core.diagnosis.many.numbers import SetNumbers, solve_set
from core.diagnosis.many.pool import Pool, pool_of
from core.diagnosis.normalization.first_layer import gauges_of_sizes
from core.diagnosis.normalization.memory import read_memory, stem_in_order
from core.diagnosis.normalization.naming import affine
from core.presets import PRESETS
from core.settings import Preprocessing

MEAN, STD = np.array([0.3, 0.45, 0.6]), np.array([0.3, 0.2, 0.25])  # of a training, 0 to 1
SIDE = 24  # pixels
COUNT = 24  # pictures


def pictures(seed, count=COUNT):
    """Blurred noise whose channels go together, lighter and darker: Float32[h w 3], 0 to 255."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        noise = rng.normal(size=(SIDE // 4, SIDE // 4, 1)).repeat(4, 0).repeat(4, 1)
        own = rng.normal(size=(SIDE, SIDE, 3)) * [0.04, 0.05, 0.08]
        light, contrast = 0.5 + 0.12 * rng.normal(), rng.uniform(0.5, 1.5)
        mixed = light + contrast * (0.12 * noise * [1.0, 0.8, 0.6] + own)
        yield (mixed.clip(0, 1) * 255).astype(np.float32)


@pytest.fixture(scope="module")
def network():
    """A convolution and its BatchNorm, whose statistics are those of a training with MEAN, STD."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 12, 3, padding=1), nn.BatchNorm2d(12, momentum=None))
    fed = np.stack([(p / 255 - MEAN) / STD for p in pictures(1, 120)])
    with torch.no_grad():
        module(torch.from_numpy(fed.astype(np.float32)).permute(0, 3, 1, 2))
    return module.eval()


def pool(network, base, gain=(1.0, 1.0, 1.0), offset=(0.0, 0.0, 0.0)):
    return pool_of(gauges_of_sizes(network, base, (1, 2)), base, gain, offset)


def blocks(network, count, color="rgb"):
    bases = [
        p if color == "rgb" else np.ascontiguousarray(p[..., ::-1]) for p in pictures(2, count)
    ]
    each = [pool(network, base) for base in bases]
    return [reduce(Pool.__add__, each[k::8]) for k in range(min(8, count))]


def memory(network):
    return read_memory(stem_in_order(dict(network.state_dict())))


def test_a_pool_of_two_pictures_has_the_moments_of_both(network):
    first, second = pictures(3, 2)
    both = pool(network, first) + pool(network, second)
    moments = np.concatenate([first, second]).reshape(-1, 3)

    assert np.allclose(both.sample_mean, moments.mean(axis=0))
    assert np.allclose(both.sample_std, moments.std(axis=0))


def test_what_is_fed_fits_as_its_numbers_do(network):
    base = next(iter(pictures(3, 1)))
    one = pool(network, base, 1 / (255 * STD), -MEAN / STD)
    fitted = one.of_numbers(MEAN, STD, 255.0)

    assert one.of_feeding().nats < 3 * fitted.nats + 1  # but for the brightness that one lacks


def test_the_numbers_of_the_training_are_solved_and_their_interval_narrows(network):
    few, many = (solve_set(blocks(network, n), memory(network), 255.0) for n in (2, COUNT))

    assert np.abs(many.mean - MEAN).max() < 0.08
    assert np.abs(many.std / STD - 1).max() < 0.2
    assert many.holds(MEAN, STD)
    assert many.mean_within < few.mean_within
    assert many.log_std_within < few.log_std_within


def test_the_right_channel_order_fits_better(network):
    right, wrong = (
        family_of(blocks(network, COUNT, c), memory(network), c) for c in ("rgb", "bgr")
    )

    assert right.loss < wrong.loss
    assert not right.numbers.holds(np.zeros(3), np.ones(3))


def test_numbers_near_those_that_are_divided_again_are_told_with_that_division():
    solved = np.array([0.2, 0.3, 0.25]), np.array([44.0, 46.0, 40.0])
    numbers = SetNumbers(*solved, 0.1, 0.1, 0.0, 16)
    mean, std = affine(replace(Preprocessing(), **PRESETS["espnet"].changes))
    like = Hypothesis("espnet", PRESETS["espnet"].changes, mean, std)

    changes = numbers_as_changes(numbers, like, "bgr")
    told = affine(replace(Preprocessing(), **changes))

    assert changes["divide_again"] == 255.0 and changes["scale"] == "1"
    assert np.allclose(told[0], numbers.mean, atol=1e-3)
    assert np.allclose(told[1], numbers.std, rtol=1e-3)
