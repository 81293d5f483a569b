"""Figures of a whole set equal those of torchmetrics on the same label maps."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchmetrics.classification import (
    MulticlassAccuracy,
    MulticlassConfusionMatrix,
    MulticlassF1Score,
    MulticlassJaccardIndex,
)
from torchmetrics.segmentation import DiceScore

from core.labels import NO_CLASS, Labels
from core.settings import Settings
from core.sweep import DONE, Named, Plan, Row, totals
from core.sweep.metrics import dice_per_class, pixel_accuracy
from core.sweep.rows import mask_figures, truth_figures

CLASSES = 6  # 4 and 5 are in no map
PICTURES = 5


def labels_of(ids, num_classes=CLASSES):
    ids, sure = ids.astype(np.int32), np.ones(ids.shape, np.float32)
    return Labels(ids, sure, num_classes, "argmax", "softmax", ids, sure, -np.inf, -1, ())


def plan_of(ignore_index):
    return Plan("tiny", (Named("one", Settings()),), ignore_index)


def row_of(index, ids, truth, ignore_index, num_classes=CLASSES):
    labels = labels_of(ids, num_classes)
    figures = mask_figures(labels) | truth_figures(labels, truth, ignore_index)
    return Row(index, f"{index}", "one", DONE, **figures)


def maps(ignore_index):
    """Pairs of found and true ids, Int32[9 7]."""
    chance = np.random.default_rng(3)
    for _ in range(PICTURES):
        truth = chance.choice([0, 1, 2, 3, ignore_index], (9, 7), p=[0.4, 0.2, 0.2, 0.1, 0.1])
        found = np.where(chance.random((9, 7)) < 0.6, np.clip(truth, 0, 3), chance.integers(0, 4))
        yield found.astype(np.int32), truth.astype(np.int32)


@pytest.fixture(params=[255, 2], ids=["ignored beyond the classes", "ignored among them"])
def case(request):
    """Totals, and the same maps for torchmetrics: found and true ids, and what is ignored."""
    pairs = list(maps(request.param))
    rows = [row_of(k, found, truth, request.param) for k, (found, truth) in enumerate(pairs)]
    found, truth = (torch.from_numpy(np.stack(each)).long() for each in zip(*pairs, strict=True))
    return totals(rows, plan_of(request.param))["one"], found, truth, request.param


def measured(metric, case, **options):
    _, found, truth, ignored = case
    return metric(num_classes=CLASSES, ignore_index=ignored, **options)(found, truth).numpy()


def test_the_confusion_matrix(case):
    assert np.array_equal(case[0].confusion[:-1, :-1], measured(MulticlassConfusionMatrix, case))
    assert not case[0].confusion[-1].any()


def test_iou_of_each_class_where_it_is_in_a_map(case):
    theirs = measured(MulticlassJaccardIndex, case, average="none")

    assert np.nan_to_num(case[0].iou) == pytest.approx(theirs, abs=1e-6)
    assert np.isnan(case[0].iou[4:]).all()  # torchmetrics gives 0 to what is nowhere


def test_mean_iou_leaves_out_absent_and_ignored_classes(case):
    theirs = measured(MulticlassJaccardIndex, case, average="macro")

    assert case[0].mean_iou == pytest.approx(float(theirs), abs=1e-6)


def test_pixel_accuracy(case):
    theirs = measured(MulticlassAccuracy, case, average="micro")

    assert case[0].accuracy == pytest.approx(float(theirs), abs=1e-6)


def test_dice_is_the_f1_score_of_the_pixels(case):
    found, theirs = case[0], measured(MulticlassF1Score, case, average="none")

    assert np.nan_to_num(found.dice) == pytest.approx(theirs, abs=1e-6)
    assert found.mean_dice == pytest.approx(np.nanmean(found.dice))


def test_dice_of_maps_without_ignored_pixels():
    pairs = list(maps(0))
    rows = [row_of(k, found, truth, -1) for k, (found, truth) in enumerate(pairs)]
    found, truth = (torch.from_numpy(np.stack(each)).long() for each in zip(*pairs, strict=True))
    score = DiceScore(CLASSES, average="none", aggregation_level="global", input_format="index")(
        found, truth
    )

    assert np.nan_to_num(totals(rows, plan_of(-1))["one"].dice) == pytest.approx(
        np.nan_to_num(score.numpy()), abs=1e-6
    )


def test_each_picture_alone_has_the_figures_of_torchmetrics():
    for number, (found, truth) in enumerate(maps(255)):
        row = row_of(number, found, truth, 255)
        pair = torch.from_numpy(found).long()[None], torch.from_numpy(truth).long()[None]
        jaccard = MulticlassJaccardIndex(num_classes=CLASSES, ignore_index=255)(*pair)
        accuracy = MulticlassAccuracy(num_classes=CLASSES, ignore_index=255, average="micro")(*pair)

        assert row.mean_iou == pytest.approx(float(jaccard), abs=1e-6)
        assert row.accuracy == pytest.approx(float(accuracy), abs=1e-6)


def test_ids_outside_count_as_wrong_and_are_no_class():
    found, truth = np.array([[0, NO_CLASS, 1, 1]]), np.array([[0, 0, 1, 9]])
    matrix = row_of(0, found, truth, -1, num_classes=2).confusion()

    assert matrix.tolist() == [[1, 0, 1], [0, 1, 0], [0, 1, 0]]
    assert pixel_accuracy(matrix) == 0.5
    assert dice_per_class(matrix).tolist() == [2 / 3, 2 / 3]


def test_a_picture_of_which_nothing_counts_has_no_figures():
    row = row_of(0, np.zeros((2, 2)), np.full((2, 2), 255), 255)

    assert not row.has_truth and row.accuracy is None
    assert totals([row], plan_of(255))["one"].mean_iou is None
