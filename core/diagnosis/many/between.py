"""Two sets of one network: are the pictures of deployment lit as those of before."""

from __future__ import annotations

from core.diagnosis.finding import Evidence, Finding
from core.diagnosis.many.light import shift_between
from core.diagnosis.many.set_diagnosis import SetDiagnosis
from core.diagnosis.thresholds import JUST_LIKE_NATS, LIKE_TRAINING_NATS


def between(here: SetDiagnosis, there: SetDiagnosis, name: str = "the other set") -> Finding | None:
    """S3: this set is lit otherwise than that one, by what the first BatchNorm sees.

    Args:
        here: the set in question, under the same settings and of the same network as the other.
        there: the set that is known to be good, as of a validation.
        name: what a person calls that one.

    Returns:
        None where no first layer tells, or where both are alike.
    """
    if here.light is None or there.light is None:
        return None
    shift = shift_between(here.light, there.light)
    if shift.nats <= JUST_LIKE_NATS or not shift.words:
        return None
    words = (
        f"These {here.count} pictures are {shift.words} than the {there.count} of {name}: "
        f"first BatchNorm {shift.nats:.2g} nats."
    )
    return Finding(
        "S3",
        "certain",
        (Evidence(words, shift.nats),),
        "Expose both alike, or train with such pictures and with brightness augmented.",
        "transforms.ColorJitter(brightness=0.5, contrast=0.3)",
        kind="fault" if shift.nats > LIKE_TRAINING_NATS else "note",
    )
