"""What each of the settings did on all pictures together, row by row."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from core.scores import mean_iou
from core.sweep.metrics import figures_per_class, pixel_accuracy
from core.sweep.plan import Plan
from core.sweep.rows import FAILED, Row


@dataclass
class Totals:
    """What one of the settings did on all pictures so far; `add` takes one more row.

    It weighs the same for ten pictures as for ten million.
    """

    setting: str
    ignore_index: int  # see `Plan`
    pictures: int = 0  # computed
    failed: int = 0
    black: int = 0  # computed pictures without any id above 0
    with_truth: int = 0
    unread_truths: int = 0  # computed, but the truth could not be read
    seconds: float = 0.0
    confusion: np.ndarray = field(default_factory=lambda: np.zeros((1, 1), np.int64))
    _shares: dict[int, float] = field(default_factory=dict)  # sums by id
    _confidence: tuple[float, int] = (0.0, 0)  # sum and count
    _first_kl: tuple[float, int] = (0.0, 0)

    def add(self, row: Row) -> None:
        """Count a row of this setting."""
        if row.status == FAILED:
            self.failed += 1
            return
        self.pictures += 1
        self.black += row.foreground == 0
        self.seconds += row.seconds
        self.unread_truths += bool(row.reason)
        for class_id, share in zip(row.classes, row.shares, strict=True):
            self._shares[class_id] = self._shares.get(class_id, 0.0) + share
        self._confidence = _more(self._confidence, row.confidence)
        self._first_kl = _more(self._first_kl, row.first_kl)
        self.with_truth += row.has_truth
        self._grow(row.num_classes)
        np.add.at(self.confusion, (list(row.true_ids), list(row.found_ids)), row.counts)

    def _grow(self, num_classes: int) -> None:
        """Make room for so many ids; all rows of one setting have the same number."""
        if len(self.confusion) < num_classes + 1:
            self.confusion = np.zeros((num_classes + 1,) * 2, np.int64)

    @property
    def num_classes(self) -> int:
        """How many ids the decision can give."""
        return len(self.confusion) - 1

    @property
    def accuracy(self) -> float | None:
        """Share of all pixels that count, 0..1; None without a truth."""
        return pixel_accuracy(self.confusion)

    @property
    def iou(self) -> np.ndarray:
        """By class over all pictures together, Float64[num_classes]; NaN as in metrics.py."""
        return figures_per_class(self.confusion, self.ignore_index)[0]

    @property
    def mean_iou(self) -> float | None:
        """Mean of `iou`; None without a truth."""
        return mean_iou(self.iou)

    @property
    def dice(self) -> np.ndarray:
        """By class, as `iou`."""
        return figures_per_class(self.confusion, self.ignore_index)[1]

    @property
    def mean_dice(self) -> float | None:
        """Mean of `dice`; None without a truth."""
        return mean_iou(self.dice)

    @property
    def shares(self) -> dict[int, float]:
        """Mean share of each id, every picture weighing the same; -1 is no class."""
        return {k: self._shares[k] / self.pictures for k in sorted(self._shares)}

    @property
    def foreground(self) -> float | None:
        """Mean share of all ids above 0; None where nothing was computed."""
        if not self.pictures:
            return None
        return sum(share for k, share in self.shares.items() if k > 0)

    @property
    def confidence(self) -> float | None:
        """Mean over the pictures."""
        return _mean(self._confidence)

    @property
    def first_kl(self) -> float | None:
        """Mean over the pictures, in nats; None where no BatchNorm tells."""
        return _mean(self._first_kl)


def totals(rows: Iterable[Row], plan: Plan) -> dict[str, Totals]:
    """The totals of each of the plan's settings, by name and in its order."""
    found = {named.name: Totals(named.name, plan.ignore_index) for named in plan.settings}
    for row in rows:
        found[row.setting].add(row)
    return found


def _more(known: tuple[float, int], value: float | None) -> tuple[float, int]:
    return known if value is None else (known[0] + value, known[1] + 1)


def _mean(known: tuple[float, int]) -> float | None:
    return known[0] / known[1] if known[1] else None
