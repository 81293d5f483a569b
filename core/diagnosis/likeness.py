"""How unlike training an input is, in words: the number behind it is a KL divergence in nats."""

from __future__ import annotations

from core.diagnosis.thresholds import LIKE_TRAINING_NATS, NOTHING_LIKE_NATS

# What a person reads -> where it ends, in nats.
SCALE: dict[str, float] = {
    "like training": LIKE_TRAINING_NATS,
    "unusual": NOTHING_LIKE_NATS,
    "nothing like training": float("inf"),
}


def likeness(nats: float) -> str:
    """The word for a divergence; what is no number is like nothing.

    >>> likeness(0.04), likeness(0.8), likeness(40.0), likeness(float("nan"))
    ('like training', 'unusual', 'nothing like training', 'nothing like training')
    """
    return next((word for word, end in SCALE.items() if nats < end), "nothing like training")
