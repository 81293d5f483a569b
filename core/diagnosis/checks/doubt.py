"""What is left when nothing else was found: a network that is unsure of what it sees."""

from __future__ import annotations

import math
from collections.abc import Iterator

from core.diagnosis.finding import Evidence, Finding
from core.diagnosis.measure.measurements import Measurements
from core.diagnosis.progress import Progress
from core.diagnosis.thresholds import (
    CONFIDENCE_STEP,
    DOUBT_STEPS,
    JUST_LIKE_NATS,
    KL_STEP,
    LEAD_STEP,
    LEFT_STEP,
    UNDOUBTED_LEAD,
)


def other_pictures(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """W7: usual colors, nothing else found, and still unsure in most places, and all strange.

    Networks differ in how sure they are when all is well, so no sign tells it: four are added.
    """
    fixes, mask = so_far.fixes, measured.mask
    if so_far.faults or measured.picture.is_unusual or measured.truth.matches(fixes):
        return
    if measured.failures:  # that nothing else was found tells nothing where something was not asked
        return
    if measured.network.num_classes == 1:
        return
    steady = mask.steadiness(fixes)
    if steady > UNDOUBTED_LEAD or measured.picture.is_flat:
        return
    divergence = measured.batchnorm.input_kl_of_all(fixes)
    if measured.batchnorm.can_be_asked and divergence <= JUST_LIKE_NATS:
        return  # a network that is unsure of what it was trained on
    sure = mask.least_confidence(fixes)
    left = mask.steady_agreement(fixes) / max(mask.agreement(fixes), 1e-6)
    doubt = (UNDOUBTED_LEAD - steady) / LEAD_STEP + divergence / KL_STEP
    doubt += (1 - sure) / CONFIDENCE_STEP - math.log(max(left, 1e-3)) / LEFT_STEP
    if doubt < DOUBT_STEPS:
        return
    score = measured.truth.iou(fixes)
    by_truth = (Evidence(f"The mIoU is {score:.2f}.", score),) if score is not None else ()
    unlike = (
        "How unlike training the picture is: its KL divergence from the running statistics of all "
        f"BatchNorm layers is {divergence:.2f} nats."
    )
    unlike_training = (Evidence(unlike, divergence),) if measured.batchnorm.can_be_asked else ()
    yield Finding(
        "W7",
        "likely" if score is not None else "possible",
        (
            *by_truth,
            Evidence(
                f"At the median pixel the winning class leads by {steady:.0%} of its lead at the "
                "most confident pixels.",
                steady,
            ),
            *unlike_training,
            Evidence(
                f"At the worst of three brightnesses the mean confidence is {sure:.2f}.", sure
            ),
            Evidence(
                f"Mirrored, brightened and darkened pictures keep {left:.0%} of the agreement "
                "of the masks.",
                left,
            ),
        ),
        "Open a checkpoint that was trained on pictures like this one.",
        "model.load_state_dict(torch.load('trained_on_these.pth'))",
        separates="A training picture: if the mask is good there, this is the cause.",
    )
