"""What the masks of many pictures have in common: sums alone, so memory does not grow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from core.diagnosis.checks.orientation import TURNS
from core.diagnosis.measure.mask import main_share
from core.diagnosis.thresholds import EMPTY_SHARE, FULL_SIDE, TRUTH_IDS
from core.labels import Labels
from core.scores import Truth, confusion_matrix, iou_per_class, mean_iou


@dataclass(frozen=True, eq=False)
class MaskSums:
    """Over all pictures under one choice of settings; two of them are added."""

    count: int  # pictures
    pixels: np.ndarray  # Int64[n + 1], by id; the last is "below every threshold"
    empty: int  # pictures whose mask is background
    confidence: float  # sum over the pictures of the mean
    compared: int = 0  # pictures with a ground truth
    shown: int = 0  # pictures whose ground truth has some foreground
    confusion: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.int64))
    # Int64[n + 1, n + 1] by turn of the ground truth; only of pictures that fit when turned.
    turns: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __add__(self, other: MaskSums) -> MaskSums:
        names = self.turns.keys() | other.turns.keys()
        return MaskSums(
            self.count + other.count,
            self.pixels + other.pixels,
            self.empty + other.empty,
            self.confidence + other.confidence,
            self.compared + other.compared,
            self.shown + other.shown,
            _added(self.confusion, other.confusion),
            {n: _added(self.turns.get(n), other.turns.get(n)) for n in sorted(names)},
        )

    @property
    def num_ids(self) -> int:
        """Ids of the label maps."""
        return len(self.pixels) - 1

    @property
    def shares(self) -> np.ndarray:
        """Float64[n], of all pixels by id: what the network says."""
        shares: np.ndarray = self.pixels[:-1] / max(int(self.pixels.sum()), 1)
        return shares

    @property
    def mean_confidence(self) -> float:
        """Over the pictures, 0..1."""
        return self.confidence / max(self.count, 1)


def _added(one: np.ndarray | None, other: np.ndarray | None) -> np.ndarray:
    parts = [part for part in (one, other) if part is not None and part.size]
    return sum(parts[1:], parts[0]) if parts else np.zeros((0, 0), np.int64)


def sums_of(labels: Labels, truth: Truth | None, ignore: int) -> MaskSums:
    """The sums of one picture.

    Args:
        labels: of it.
        truth: of the same size, or None.
        ignore: id of the ground truth that does not count; -1: all count.
    """
    ids, count = labels.ids, labels.num_classes
    below = ids < 0
    pixels = np.bincount(np.where(below, count, ids).ravel(), minlength=count + 1)
    mostly = main_share(ids) >= EMPTY_SHARE and int(np.median(ids)) <= 0
    plain = MaskSums(1, pixels, int(mostly), float(labels.confidence.mean()))
    if truth is None or truth.ids.shape != ids.shape:
        return plain
    counted = truth.ids != ignore
    shown = bool((truth.ids[counted] != 0).any())
    confusion = _raw_confusion(ids, truth.ids, count, ignore)
    turns = _turned(ids, truth.ids, count, ignore)
    return MaskSums(1, pixels, int(mostly), plain.confidence, 1, int(shown), confusion, turns)


def _raw_confusion(ids: np.ndarray, truth: np.ndarray, count: int, ignore: int) -> np.ndarray:
    """Int64[TRUTH_IDS + 1, count + 1]: by the id of the truth as it is, and the one found."""
    kept = truth != ignore
    rows, columns = truth[kept].astype(np.int64), ids[kept].astype(np.int64)
    rows = np.where((rows >= 0) & (rows < TRUTH_IDS), rows, TRUTH_IDS)
    columns = np.where((columns >= 0) & (columns < count), columns, count)
    size = (TRUTH_IDS + 1) * (count + 1)
    return np.bincount(rows * (count + 1) + columns, minlength=size).reshape(-1, count + 1)


def _turned(ids: np.ndarray, truth: np.ndarray, count: int, ignore: int) -> dict[str, np.ndarray]:
    step = -(-max(ids.shape) // FULL_SIDE)
    ids, truth = ids[::step, ::step], truth[::step, ::step]
    turned = {name: turn(truth) for name, (_, turn) in TURNS.items()}
    matrices = {"": confusion_matrix(ids, truth, count, ignore)}
    for name, other in turned.items():
        if other.shape == ids.shape:
            matrices[name] = confusion_matrix(ids, other, count, ignore)
    return matrices


# --- against the ground truth ---------------------------------------------------------------------


def renamed(confusion: np.ndarray, mapping: Mapping[int, int]) -> np.ndarray:
    """Int64[n + 1, n + 1] as `core.scores.confusion_matrix`, the true ids called otherwise first.

    Args:
        confusion: Int64[TRUTH_IDS + 1, n + 1], of `MaskSums`.
        mapping: true id -> id of the network; ids that are not in it stay; -1: they do not count.
    """
    count = confusion.shape[1] - 1
    matrix = np.zeros((count + 1, count + 1), np.int64)
    for value in np.flatnonzero(confusion.sum(axis=1)).tolist():
        row = mapping.get(value, value)
        if row >= 0:
            matrix[min(row, count)] += confusion[value]
    return matrix


def miou(matrix: np.ndarray) -> float:
    """The mIoU of a confusion matrix; 0 where nothing counts."""
    return mean_iou(iou_per_class(matrix)) or 0.0 if matrix.size else 0.0


def right_share(matrix: np.ndarray) -> float:
    """Share of the pixels that are right, common background left out, 0..1."""
    hits = np.diagonal(matrix)[1:-1].sum()
    counted = matrix.sum() - matrix[0, 0]
    return float(hits / counted) if counted else 1.0
