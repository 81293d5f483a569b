"""What is computed faster than as it is written: the same numbers, in every odd case."""

import numpy as np
import pytest
import torch

from core.diagnosis.reproduction.decide import Scores
from core.diagnosis.reproduction.feed import normalized, numbers_choices
from core.diagnosis.reproduction.write import encoded
from core.diagnosis.reproduction.written import distinct, most_frequent, read_written
from core.presets import apply_preset
from core.settings import Settings

RNG = np.random.default_rng(3)
NUMBERS = tuple(numbers_choices(apply_preset(Settings(), "imagenet").preprocessing))


def test_the_winner_is_the_first_of_the_largest():
    tied = RNG.integers(0, 3, (5, 16, 16)).astype(np.float32)

    assert np.array_equal(Scores(tied).winner, tied.argmax(axis=0))


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_the_winner_is_torchs_where_a_logit_is_no_number(odd):
    values = RNG.standard_normal((4, 16, 16)).astype(np.float32)
    values[RNG.random(values.shape) < 0.2] = odd

    assert np.array_equal(Scores(values).winner, torch.from_numpy(values).argmax(0).numpy())


def test_more_classes_than_a_byte_holds_have_their_winner_too():
    values = RNG.standard_normal((300, 4, 4)).astype(np.float32)

    assert np.array_equal(Scores(values).winner, values.argmax(axis=0))


@pytest.mark.parametrize("numbers", NUMBERS, ids=lambda choice: choice.key)
def test_bytes_are_normalized_by_a_table_to_the_same_numbers(numbers):
    planes = RNG.integers(0, 250, (3, 16, 16)).astype(np.uint8)
    values = dict(numbers.value)

    by_table, computed = (normalized(x, values) for x in (planes, planes.astype(np.float32)))

    assert torch.equal(by_table, computed)


@pytest.mark.parametrize("values", [1, 6, 2000])
def test_the_values_of_a_file_are_those_of_numpys_unique(values):
    codes = RNG.integers(0, values, (64, 64))

    assert np.array_equal(distinct(codes), np.unique(codes))
    assert most_frequent(codes) == np.bincount(codes.ravel()).max() / codes.size


@pytest.mark.parametrize("levels", [2, 6, 200])
def test_the_codes_of_a_file_are_places_in_its_levels(levels):
    colors = RNG.integers(0, 255, (levels, 3)).astype(np.uint8)
    written = read_written(encoded(colors[RNG.integers(0, levels, (64, 64))], None))

    assert np.array_equal(written.levels[written.codes], written.packed)
    assert written.equal(written.values) == 1.0
    assert written.equal(written.values[:32]) == 0.0
