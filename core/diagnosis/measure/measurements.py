"""All that is measured on one case, by what it is measured on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from core.diagnosis.case import Case
from core.diagnosis.measure.batchnorm_divergence import BatchNormMeasures
from core.diagnosis.measure.forwards import Forwards
from core.diagnosis.measure.inspections import Inspections
from core.diagnosis.measure.mask import MaskMeasures
from core.diagnosis.measure.own_statistics import (
    StoredAgainstObserved,
    stored_against_observed,
)
from core.diagnosis.measure.picture import PictureMeasures
from core.diagnosis.measure.spectra import Spectra, spectra_of
from core.diagnosis.measure.truth import TruthMeasures
from core.diagnosis.thresholds import BUDGET
from core.engine import Runner, in_this_thread


@dataclass(frozen=True, eq=False)
class Measurements(Inspections):
    """A case's inspections, and what is read off them; computed when asked for, never changed."""

    @cached_property
    def picture(self) -> PictureMeasures:
        """On the picture alone."""
        return PictureMeasures(self.case.image)

    @cached_property
    def mask(self) -> MaskMeasures:
        """On masks, without a ground truth."""
        return MaskMeasures(self, self.picture)

    @cached_property
    def truth(self) -> TruthMeasures:
        """Against the ground truth, where there is one."""
        return TruthMeasures(self, self.mask)

    @property
    def masks_compare(self) -> bool:
        """Whether masks can be compared: by a ground truth always, else on a usual picture."""
        return self.truth.has_shapes or not self.picture.is_unusual

    @cached_property
    def batchnorm(self) -> BatchNormMeasures:
        """What the network's BatchNorms say."""
        return BatchNormMeasures(self)

    @cached_property
    def layers(self) -> StoredAgainstObserved:
        """What each BatchNorm sees beside what it stored; raises as `Inspections.under`."""
        return stored_against_observed(self)

    @cached_property
    def spectra(self) -> Spectra:
        """Which weights are like random numbers."""
        return spectra_of(self.tensors)


def measure(
    case: Case, forward: Runner = in_this_thread, *, budget: float = BUDGET
) -> Measurements:
    """Make the measurements of a case; nothing is measured before it is asked for.

    Args:
        case: what is measured.
        forward: the door through which its network is run.
        budget: how often that may be, in units of `Forwards.spent`.
    """
    return Measurements(case, Forwards(forward, budget))
