"""Conventions that fit equally well: neither is named alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from core.diagnosis.normalization.conventions import DIVIDED, ONCE, OWN, memory_distance
from core.diagnosis.normalization.memory import Memory
from core.diagnosis.normalization.naming import affine
from core.diagnosis.normalization.recovered import Ranking
from core.diagnosis.thresholds import CLEAR_DISTANCE, LEAST_NATS, PHOTO_STD, SAME_SCALE, TIE_KL
from core.settings import Preprocessing

Conventions = Mapping[str, Mapping[str, Any]]
UNKNOWN = (ONCE, DIVIDED, OWN)  # of the settings or the picture: no other one ties with them


def as_good(memory: Memory | None, known: Conventions, ranking: Ranking) -> str:
    """The next known convention that fits as well as the first; "" where none does.

    Args:
        memory: of the checkpoint; what it clearly rules out ties with nothing.
        known: changes of the settings by name.
        ranking: of these names, with their nats, the best first.
    """
    (first, best), *others = ranking
    if first in UNKNOWN:
        return ""
    distances = {name: memory_distance(memory, known[name]) if memory else 0.0 for name in known}
    near = (
        name
        for name, nats in others
        if nats <= max(TIE_KL * best, best + LEAST_NATS)
        and name not in UNKNOWN
        and distances[name] <= distances[first] + CLEAR_DISTANCE
    )
    return next(near, "")


def same_scale(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    """Whether two conventions divide by about the same, so that they are of one family."""
    return bool(abs(np.log(_std(first) / _std(second))) < SAME_SCALE)


def _std(changes: Mapping[str, Any]) -> float:
    """Mean over the channels, of pixels from 0 to 1."""
    if changes.get("zscore"):
        return PHOTO_STD
    plain = Preprocessing()
    fed = replace(plain, **{key: value for key, value in changes.items() if hasattr(plain, key)})
    return float(np.mean(affine(fed)[1]))
