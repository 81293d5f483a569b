"""The mask: does it agree with itself, how sure is it, and what changes it.

A mask agrees with itself as far as a picture's label map tells that of another view. 0 for a black
mask, which says nothing; low for noise, which contradicts itself; high for a mask that is rich and
stable. It needs no ground truth, and it is the goal that counterfactuals climb.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.diagnosis.measure.inspections import Inspections
from core.diagnosis.measure.picture import PictureMeasures
from core.diagnosis.thresholds import (
    DENSE_IDS,
    LEAST_CHANGED,
    ONE_CLASS_SHARE,
    SUREST_QUANTILE,
)
from core.inspection import Inspection

UNFLIPPED: dict[str, Any] = {"flip": "none"}


@dataclass(frozen=True, eq=False)
class MaskMeasures:
    """What is measured on masks under changed settings; each may raise as `Inspections.under`."""

    inspections: Inspections
    picture: PictureMeasures

    def agreement(self, changes: Mapping[str, Any]) -> float:
        """How much the mask agrees with that of the mirrored picture, in nats.

        Both are run without flipped views, the mean of which agrees with itself by definition.
        """
        return mutual_information(*self._beside_mirror(changes))

    def _beside_mirror(self, changes: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        """The label map, and that of the mirrored picture, mirrored back."""
        changes = {**changes, **UNFLIPPED}
        mirror = self.inspections.of_picture(self.picture.mirrored, changes).labels.ids[:, ::-1]
        return self.inspections.under(changes).labels.ids, mirror

    def steady_agreement(self, changes: Mapping[str, Any]) -> float:
        """The least agreement with the mirror image and the brightness variants, times confidence.

        A convention that is not the training's may give a rich mask, but it is near an edge: a
        little brighter or darker, and the mask is another. In nats.
        """
        ids = self.inspections.under(changes).labels.ids
        others = self.of_brightness_variants(changes)
        left = [mutual_information(ids, other.labels.ids) for other in others]
        return self.confidence(changes) * min(self.agreement(changes), *left)

    def changed_by_views(self, changes: Mapping[str, Any]) -> float:
        """Share of the pixels that another view changes: mirrored, a little brighter or darker.

        The geometric mean of the three, 0..1. Unlike the agreement it is no larger for a mask that
        has more classes.
        """
        ids = self.inspections.under(changes).labels.ids
        pairs = [(ids, other.labels.ids) for other in self.of_brightness_variants(changes)]
        shares = [float((a != b).mean()) for a, b in (self._beside_mirror(changes), *pairs)]
        return float(np.exp(np.mean(np.log(np.array(shares) + LEAST_CHANGED))))

    def of_brightness_variants(self, changes: Mapping[str, Any]) -> list[Inspection]:
        """The picture a little brighter, and a little darker."""
        variants = self.picture.brightness_variants
        return [self.inspections.of_picture(image, changes) for image in variants]

    def changed(self, changes: Mapping[str, Any], beside: Mapping[str, Any]) -> float:
        """Share of the pixels whose class is another one under changed settings, 0..1.

        The larger of what they do alone and what they do beside other changes: two faults may hide
        each other.

        Args:
            changes: of the user's settings.
            beside: the fixes so far.
        """
        alone = self._differs({}, changes)
        return max(alone, self._differs(beside, {**beside, **changes}))

    def _differs(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> float:
        first, second = (self.inspections.under(each).labels.ids for each in (before, after))
        return float((first != second).mean())

    def decision(self, changes: Mapping[str, Any]) -> float:
        """By how much the winning class leads, in logits; the median over the pixels."""
        return float(np.median(lead_of(self.inspections.under(changes).logits.values)))

    def steadiness(self, changes: Mapping[str, Any]) -> float:
        """The lead at the median pixel as a share of that at the surest ones, 0..1."""
        lead = lead_of(self.inspections.under(changes).logits.values)
        return float(np.median(lead) / max(float(np.quantile(lead, SUREST_QUANTILE)), 1e-12))

    def confidence(self, changes: Mapping[str, Any]) -> float:
        """Mean over the pixels of how sure the winning class is, 0..1."""
        return float(self.inspections.under(changes).labels.confidence.mean())

    def least_confidence(self, changes: Mapping[str, Any]) -> float:
        """The same as it is, brighter or darker, whatever is worst."""
        others = self.of_brightness_variants(changes)
        return min(self.confidence(changes), *(float(o.labels.confidence.mean()) for o in others))

    def is_alive(self, changes: Mapping[str, Any]) -> bool:
        """Whether the mask has two classes or more."""
        return main_share(self.inspections.under(changes).labels.ids) < ONE_CLASS_SHARE


def mutual_information(a: np.ndarray, b: np.ndarray) -> float:
    """In nats, from the joint histogram of two label maps of one size."""
    first, second = _numbered(a), _numbered(b)
    size = int(second.max()) + 1
    counts = np.bincount(first * size + second, minlength=(int(first.max()) + 1) * size)
    joint = counts.reshape(-1, size) / a.size
    alone = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    there = joint > 0
    return max(0.0, float((joint[there] * np.log(joint[there] / alone[there])).sum()))


def _numbered(ids: np.ndarray) -> np.ndarray:
    """The ids, flat and from 0 on; where they lie far apart, by rank."""
    flat = ids.ravel()
    low = int(flat.min())
    if int(flat.max()) - low < DENSE_IDS:
        return flat.astype(np.int64) - low
    ranks: np.ndarray = np.unique(flat, return_inverse=True)[1]
    return ranks


def lead_of(logits: np.ndarray) -> np.ndarray:
    """By how much the winning class leads at each pixel: Float[classes h w] to Float[h w]."""
    if len(logits) == 1:
        lead: np.ndarray = np.abs(logits[0])
        return lead
    second, first = np.partition(logits, -2, axis=0)[-2:]
    lead = first - second
    return lead


def main_share(ids: np.ndarray) -> float:
    """Share of the most frequent id, 0..1."""
    return float(np.bincount(_numbered(ids)).max() / ids.size)
