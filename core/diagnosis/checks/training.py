"""The training: does the network itself say background, whatever it is fed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from core.diagnosis.finding import Certainty, Evidence, Finding
from core.diagnosis.measure.head_bias import bias_lead
from core.diagnosis.measure.mask import main_share, mutual_information
from core.diagnosis.measure.measurements import Measurements
from core.diagnosis.progress import Progress
from core.diagnosis.thresholds import (
    BENEATH_NATS,
    BIAS_LEAD,
    EMPTY_SHARE,
    FOREGROUND_SHARE,
    LEAST_LEAD,
)


def background_only(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """T1: nothing that can be changed at inference brings a class out, and all of it was tried."""
    if measured.failures or measured.picture.is_unusual or so_far.masks_mean_nothing:
        return
    seen = measured.under(so_far.fixes)
    top = int(seen.labels.shares().argmax())
    if main_share(seen.labels.ids) < EMPTY_SHARE or ((seen.labels.ids >= 0).all() and top != 0):
        return
    if not np.isfinite(seen.logits.values).all():
        return
    lead, beneath = bias_lead(measured), _beneath(measured, so_far)
    there = _truth_shows(measured)
    evidence = [
        Evidence(
            "No other normalization, channel order, size, mode or threshold that was tried "
            "makes a class appear.",
            len(so_far.tried),
        )
    ]
    if there is not None:
        evidence.append(Evidence(f"{there:.0%} of the ground truth is foreground.", there))
    if lead is not None:
        evidence.append(
            Evidence(
                f"The head bias of the background is {lead:.1f} above the largest other one.", lead
            )
        )
    words = (
        "Where the background leads least, the masks of the picture and its mirror image agree by "
        f"{beneath:.2f} nats."
    )
    evidence.append(Evidence(words, beneath))
    certainty = _certainty(there, lead, beneath)
    if certainty is None:
        return
    yield Finding(
        "T1",
        certainty,
        tuple(evidence),
        "Train longer, with a loss that weighs the classes, on crops that show the foreground.",
        "loss = nn.CrossEntropyLoss(weight=1 / frequency)",
        separates="A picture that certainly shows the class, with its ground truth.",
    )


def _certainty(there: float | None, lead: float | None, beneath: float) -> Certainty | None:
    """A ground truth decides; without one the head's bias and what it hides."""
    if there is not None:
        return "likely" if there > FOREGROUND_SHARE else None
    return "likely" if lead is not None and lead > BIAS_LEAD and beneath > BENEATH_NATS else None


def _truth_shows(measured: Measurements) -> float | None:
    """Share of the counted ground truth that is no background, 0..1."""
    if measured.case.truth is None:
        return None
    ids = measured.case.truth.ids
    counted = ids[ids != measured.settings.display.ignore_index]
    return float((counted != 0).mean()) if counted.size else None


def _beneath(measured: Measurements, so_far: Progress) -> float:
    """Agreement of the mask that would be seen if the background did not lead, in nats."""
    there = measured.under(so_far.fixes).logits.values
    mirror = measured.of_picture(measured.picture.mirrored, so_far.fixes).logits.values
    first, second = _above_median(there), _above_median(mirror)[:, ::-1]
    return mutual_information(first, second)


def _above_median(values: np.ndarray) -> np.ndarray:
    """Where the lead of the background is smaller than at nine of ten pixels."""
    lead = values[0] - values[1:].max(axis=0) if len(values) > 1 else -values[0]
    small: np.ndarray = (lead < np.quantile(lead, LEAST_LEAD)).astype(np.int32)
    return small
