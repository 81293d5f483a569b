"""What is kept of a layer's output."""

import numpy as np
import pytest

from core.sketch import SAMPLES, apart, sketch


def test_a_sketch_has_the_moments_of_the_finite_numbers():
    seen = sketch(np.array([[1.0, 3.0], [np.nan, np.inf]], np.float32))

    assert (seen.mean, seen.std, seen.least, seen.most) == (2.0, 1.0, 1.0, 3.0)
    assert (seen.shape, seen.size, seen.non_finite) == ((2, 2), 4, 0.5)


def test_a_large_tensor_keeps_some_of_its_numbers_from_places_that_never_change():
    values = np.arange(100_000.0)
    seen = sketch(values)

    assert len(seen.samples) == SAMPLES
    assert (seen.samples[0], seen.samples[-1]) == (0, 99_999)
    assert np.array_equal(seen.samples, sketch(values.reshape(10, 100, 100)).samples)


def test_a_distance_is_a_share_of_the_spread():
    values = np.random.default_rng(0).normal(0, 2, 1000)

    assert apart(sketch(values), sketch(values + 1)) == pytest.approx(0.5, rel=0.1)


def test_numbers_that_only_one_of_two_has_are_infinitely_apart():
    whole, broken = sketch(np.array([1.0, 2.0])), sketch(np.array([1.0, np.nan]))

    assert apart(whole, broken) == float("inf")
    assert apart(broken, broken) == 0.0
    assert apart(whole, sketch(np.ones(3))) == float("inf")


def test_nothing_and_no_finite_number_have_a_sketch():
    assert sketch(np.zeros((0, 3))).size == 0
    assert sketch(np.array([np.nan])).non_finite == 1.0
