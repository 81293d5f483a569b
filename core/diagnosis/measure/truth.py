"""How good a mask is: against the ground truth, or where there is none, against itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from core.diagnosis.measure.inspections import Inspections
from core.diagnosis.measure.mask import MaskMeasures, main_share, mutual_information
from core.diagnosis.thresholds import (
    GOOD_MASK_SHARE,
    INFORMATIVE_SHARE,
    ONE_CLASS_SHARE,
    TYPICAL_NATS,
)
from core.inspection import Inspection
from core.scores import confusion_matrix, iou_per_class, mean_iou
from core.settings import Settings, change

if TYPE_CHECKING:
    from core.scores import Truth


@dataclass(frozen=True)
class ScoredMask:
    """One change of the settings whose mask was scored."""

    changes: Mapping[str, Any]
    score: float  # nats, see `TruthMeasures.mask_score`
    iou: float | None  # mIoU where there is a ground truth
    changed: float  # share of the pixels with another class, 0..1


@dataclass(frozen=True, eq=False)
class TruthMeasures:
    """What is measured against the ground truth; each may raise as `Inspections.under`."""

    inspections: Inspections
    mask: MaskMeasures
    _scores: dict[Settings, ScoredMask] = field(default_factory=dict, repr=False)

    @property
    def truth(self) -> Truth | None:
        """The ground truth, if there is one."""
        return self.inspections.case.truth

    @property
    def scored(self) -> tuple[ScoredMask, ...]:
        """What was scored so far, but for the user's own settings, in the order of asking."""
        own = self.inspections.settings
        return tuple(scored for settings, scored in self._scores.items() if settings != own)

    def iou(self, changes: Mapping[str, Any]) -> float | None:
        """The mIoU under changed settings; None without a ground truth."""
        return self._iou_of(self.inspections.under(changes))

    def iou_well_exposed(self, changes: Mapping[str, Any]) -> float:
        """The mIoU on the picture as a usual exposure shows it; 0 where it cannot be told."""
        picture = self.mask.picture.well_exposed
        return self._iou_of(self.inspections.of_picture(picture, changes)) or 0.0

    def _iou_of(self, seen: Inspection) -> float | None:
        truth, ignore = self.truth, self.inspections.settings.display.ignore_index
        if truth is None or truth.ids.shape != seen.labels.ids.shape:
            return None
        return mean_iou_of(seen.labels.ids, truth.ids, seen.labels.num_classes, ignore)

    def matches(self, fixes: Mapping[str, Any]) -> bool:
        """Whether it says that the mask with these fixes is good, so that nothing else is tried."""
        shape = self.inspections.seen.labels.ids.shape
        if self.truth is None or self.truth.ids.shape != shape:
            return False
        if self.mask_score(fixes) > GOOD_MASK_SHARE * self.max_score:
            return True
        information = self._information(self.inspections.under(fixes).labels.ids)
        return self.has_shapes and information > INFORMATIVE_SHARE * self.max_score

    def right_share(self, changes: Mapping[str, Any], *, renamed: bool = False) -> float:
        """Share of the pixels that are right under changed settings, background left out, 0..1.

        Args:
            changes: of the settings.
            renamed: each id of the truth is first called what the network gives there most often;
                0 where two of them would be called the same.
        """
        ids = self.inspections.under(changes).labels.ids
        if self.truth is None or self.truth.ids.shape != ids.shape:
            return 0.0
        mapping = most_frequent(self.truth.ids, ids) if renamed else {}
        if len(set(mapping.values())) < len(mapping):
            return 0.0
        return right_share(self.truth.ids, ids, mapping)

    @property
    def max_score(self) -> float:
        """What a mask can tell at most, in nats; a typical mask where there is no ground truth."""
        if self.truth is not None and not self.has_shapes:
            return 1.0
        return TYPICAL_NATS if self.truth is None else self._information(self.truth.ids)

    @cached_property
    def counted(self) -> np.ndarray | None:
        """Which pixels of the ground truth count, Bool[h w]; None without one."""
        ignored = self.inspections.settings.display.ignore_index
        return None if self.truth is None else self.truth.ids != ignored

    @cached_property
    def has_shapes(self) -> bool:
        """Whether the ground truth has two classes or more, whatever it calls them."""
        if self.truth is None or self.counted is None or not self.counted.any():
            return False
        return main_share(self.truth.ids[self.counted]) < ONE_CLASS_SHARE

    def _information(self, ids: np.ndarray) -> float:
        """What a label map tells about the ground truth where that counts, in nats."""
        truth, counted = self.truth, self.counted
        if truth is None or counted is None or not counted.any():
            return 0.0
        return mutual_information(ids[counted], truth.ids[counted])

    def mask_score(self, changes: Mapping[str, Any]) -> float:
        """How good the mask is under changed settings, in nats; 0 for one that says nothing.

        With a ground truth the mean of what it tells about that, whatever the classes are called,
        and of the mIoU as a share of all that could be known; with one of a single class the share
        that is right; without one, what the mask tells about that of the mirrored picture.
        """
        settings = change(self.inspections.settings, **changes)
        if settings not in self._scores:
            score, ids = self._score(changes), self.inspections.under(changes).labels.ids
            different = float((ids != self.inspections.seen.labels.ids).mean())
            scored = ScoredMask(dict(changes), score, self.iou(changes), different)
            self._scores[settings] = scored
        return self._scores[settings].score

    def _score(self, changes: Mapping[str, Any]) -> float:
        truth = self.truth
        if truth is None or truth.ids.shape != self.inspections.case.image.pixels.shape[:2]:
            return self.mask.agreement(changes)
        ids = self.inspections.under(changes).labels.ids
        if not self.has_shapes:
            right = (ids == truth.ids)[self.counted]
            return float(right.mean()) if right.size else 0.0
        return 0.5 * (self._information(ids) + self.max_score * (self.iou(changes) or 0.0))


def mean_iou_of(ids: np.ndarray, truth: np.ndarray, num_classes: int, ignore: int) -> float | None:
    """The mIoU of a label map; None where nothing counts."""
    return mean_iou(iou_per_class(confusion_matrix(ids, truth, num_classes, ignore)))


def most_frequent(truth: np.ndarray, ids: np.ndarray) -> dict[int, int]:
    """For each id of the truth the id that the network gives most often there."""
    mapping = {}
    for value in np.unique(truth).tolist():
        found, counts = np.unique(ids[truth == value], return_counts=True)
        mapping[value] = int(found[counts.argmax()])
    return mapping


def right_share(truth: np.ndarray, ids: np.ndarray, mapping: dict[int, int]) -> float:
    """Share of the pixels whose ids agree after the mapping, common background left out, 0..1."""
    renamed = truth.copy()
    for value, other in mapping.items():
        renamed[truth == value] = other
    counted = (renamed != 0) | (ids != 0)
    return float((renamed == ids)[counted].mean()) if counted.any() else 1.0
