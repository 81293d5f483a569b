"""A family is not its numbers, a tie is told as one, and a ground truth outranks every guard."""

from dataclasses import replace

import numpy as np
import pytest

from core.diagnosis import diagnose
from core.diagnosis.measure.measurements import measure
from core.diagnosis.normalization import numbers
from core.diagnosis.normalization.agreement import without_close_zscore
from core.diagnosis.normalization.conventions import FIXED, OWN
from core.diagnosis.normalization.naming import in_words
from core.diagnosis.normalization.recover import recover
from core.diagnosis.normalization.ties import as_good, same_scale
from core.presets import PRESETS
from core.settings import Settings, change
from tests.support.cases import (
    causes,
    example_checkpoint,
    healthy,
    true_ids,
    with_settings,
    with_tensors,
    with_truth,
)

UNIT = PRESETS["unit"].changes
ODD_MEAN = np.array([0.36, 0.48, 0.44], np.float32)  # nearer to ImageNet's read backwards
ODD_STD = np.array([0.1, 0.08, 0.09], np.float32)  # ImageNet's mean, less than half its std


def with_other_std():
    """The example as if it had been trained with another std: its first filters undo it."""
    tensors = dict(example_checkpoint().tensors)
    first = next(key for key, tensor in tensors.items() if tensor.ndim == 4)
    ratio = ODD_STD / np.float32(PRESETS["imagenet"].changes["std"])
    tensors[first] = tensors[first] * tensors[first].new_tensor(ratio).view(1, 3, 1, 1)
    return replace(with_tensors(tensors), settings=change(healthy().settings, **UNIT))


def with_other_mean():
    """The example as if it had been trained with another mean of red: its BatchNorm undoes it."""
    tensors = dict(example_checkpoint().tensors)
    keys = list(tensors)
    first = next(key for key in keys if tensors[key].ndim == 4)
    stored = next(key for key in keys if key.endswith("running_mean"))
    shift = (np.float32(PRESETS["imagenet"].changes["mean"]) - ODD_MEAN) / np.float32(
        PRESETS["imagenet"].changes["std"]
    )
    sums = tensors[first].sum(dim=(2, 3))
    tensors[stored] = tensors[stored] + sums @ sums.new_tensor(shift)
    return replace(with_tensors(tensors), settings=change(healthy().settings, **UNIT))


@pytest.mark.parametrize(
    ("ranking", "tied"),
    [
        ((("imagenet", 0.128), ("symmetric", 0.132)), "symmetric"),
        ((("symmetric", 0.11), ("imagenet", 0.12)), "imagenet"),
        ((("imagenet", 0.05), ("symmetric", 0.3)), ""),
        ((("imagenet", 0.05), (OWN, 0.05)), ""),
    ],
)
def test_two_known_conventions_that_fit_as_well_tie_and_fitted_numbers_do_not(ranking, tied):
    assert as_good(None, {**FIXED, OWN: UNIT}, ranking) == tied


def test_conventions_that_divide_by_the_same_are_of_one_family():
    assert same_scale(FIXED["imagenet"], PRESETS["zscore"].changes)
    assert same_scale(FIXED["unit"], FIXED["mean only"])
    assert not same_scale(FIXED["imagenet"], FIXED["symmetric"])


def test_a_z_score_is_named_where_it_is_clearly_better_than_all_fixed_numbers():
    close, clear = {"unit": 0.5, "zscore": 0.52}, {"unit": 0.05, "zscore": 0.86}

    assert without_close_zscore(close, by_truth=True) == {"unit": 0.5}
    assert without_close_zscore(clear, by_truth=True) == clear


def test_numbers_of_a_catalogue_that_lie_within_the_interval_are_said_to_do_so():
    known = recover(measure(with_settings(**UNIT)), {})

    assert known.family == "imagenet"
    assert known.changes["std"] == PRESETS["imagenet"].changes["std"]
    assert "those of ImageNet mean/std lie within" in known.reason
    assert "within a factor of 1.6" in known.reason


def test_numbers_outside_the_interval_are_shown_as_solved():
    case = with_other_std()
    known = recover(measure(case), {})
    fed = change(case.settings, **known.changes).preprocessing

    assert known.kl < known.current
    np.testing.assert_allclose(fed.std, ODD_STD, rtol=0.6)
    assert fed.std != PRESETS["imagenet"].changes["std"]


def test_a_family_is_certain_and_numbers_outside_its_catalogue_are_told_as_solved():
    told = diagnose(with_other_mean())
    first, printed = told.faults[0], told.to_dict()["normalization"]

    assert first.certainty == "certain"
    assert "numbers like those of ImageNet mean/std" in first.evidence[0].words
    assert "0.485" not in " ".join(each.words for each in first.evidence)
    assert abs(first.changes["mean"][0] - ODD_MEAN[0]) < 0.2
    assert not printed["solved"]["known_within"]
    assert (printed["solved"]["mean_within"], printed["solved"]["std_factor"]) == (0.2, 1.6)


def test_solved_numbers_that_fit_worse_make_the_catalogue_no_more_than_likely(monkeypatch):
    measured, far = measure(with_other_mean()), {**UNIT, "mean": (-1.0, -1.0, -1.0)}
    monkeypatch.setattr(numbers, "stored_numbers", lambda measured: far)
    known = recover(measured, {})

    assert known.certainty == "likely"
    assert known.changes["mean"] == PRESETS["imagenet"].changes["mean"]
    assert "fits worse" in known.reason


def test_the_convention_of_caffe_is_told_in_its_own_units():
    caffe = change(Settings(), **PRESETS["caffe"].changes).preprocessing

    assert in_words(caffe) == (
        "pixels of 0 to 255 less the mean 104 117 124 (Caffe: 104 117 123 in the order BGR)"
    )


def test_a_ground_truth_tells_the_channel_order_of_a_dark_picture_too():
    """As bright as its training: the picture and its convention are darker by the same factor."""
    dark, example = 0.4, healthy()
    image = replace(
        example.image,
        pixels=(dark * example.image.pixels).astype(np.uint8),
        samples=(dark * example.image.samples).astype(np.uint8),
        digest="dark",
    )
    fed = example.settings.preprocessing
    numbers = {name: tuple(dark * v for v in getattr(fed, name)) for name in ("mean", "std")}
    swapped = change(example.settings, color="bgr", **numbers)
    case = with_truth(true_ids(), replace(example, image=image, settings=swapped))
    told = diagnose(case)

    assert measure(case).picture.is_unusual
    assert causes(told) == ["P6"]
    assert told.faults[0].certainty == "certain"
