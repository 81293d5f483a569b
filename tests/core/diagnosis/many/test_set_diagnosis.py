"""The verdict of a set is calm only where its masks are alive, or rightly empty."""

import numpy as np
import pytest

from core.diagnosis.many.masks import sums_of
from core.diagnosis.many.set_diagnosis import NOW, SetDiagnosis
from core.labels import decode_labels
from core.scores import Truth
from core.settings import Settings

BLACK = np.zeros((8, 8), np.int32)
ALIVE = np.arange(64, dtype=np.int32).reshape(8, 8) % 3


def said_of(ids, truth=None, count=3) -> SetDiagnosis:
    logits = 9 * (np.arange(3)[:, None, None] == ids).astype(np.float32)
    labels = decode_labels(logits, Settings().decoding)
    truth = None if truth is None else Truth(truth, ())
    one = sums_of(labels, truth, 255)
    return SetDiagnosis(Settings(), count, masks={NOW: sum([one] * (count - 1), one)})


@pytest.mark.parametrize("ids", [BLACK, BLACK + 2])
def test_masks_of_one_class_without_a_ground_truth_are_no_calm_answer(ids):
    found = said_of(ids)
    assert not found.is_calm
    assert f"100.0 % of all pixels of 3 pictures are class {ids.max()}" in found.verdict
    assert "What would decide" in found.verdict


def test_black_masks_of_pictures_that_show_something_are_no_calm_answer():
    assert not said_of(BLACK, ALIVE).is_calm


@pytest.mark.parametrize(("ids", "truth"), [(ALIVE, None), (ALIVE, ALIVE), (BLACK, BLACK)])
def test_masks_that_are_alive_or_rightly_empty_are(ids, truth):
    found = said_of(ids, truth)
    assert found.is_calm
    assert found.verdict.startswith("3 pictures show no other normalization")
