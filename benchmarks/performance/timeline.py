"""What a page saw during a drag, in figures."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that so many lie at or under; NaN of none.

    >>> percentile([3.0, 1.0, 2.0, 4.0], 0.5)
    2.0
    """
    if not values:
        return math.nan
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def longest_gap(seen: dict[str, Any]) -> float:
    """The longest time without a new picture, from the first move to the last picture, in ms.

    >>> longest_gap({"moves": [100.0, 150.0], "changes": [160.0, 400.0]})
    240.0
    """
    times = [seen["moves"][0], *(t for t in seen["changes"] if t >= seen["moves"][0])]
    return max((b - a for a, b in itertools.pairwise(times)), default=math.nan)


def first_picture(seen: dict[str, Any]) -> float:
    """From the first move to the first new picture, in ms; NaN where none came.

    >>> first_picture({"moves": [100.0, 150.0], "changes": [90.0, 160.0]})
    60.0
    """
    moved = seen["moves"][0]
    return next((t - moved for t in seen["changes"] if t > moved), math.nan)


def exact_after(seen: dict[str, Any]) -> float:
    """From the last move to the exact answer that stays, in ms; NaN where it never came.

    >>> states = [{"time": 90.0, "exact": True}, {"time": 101.0, "exact": False},
    ...           {"time": 300.0, "exact": True}]
    >>> exact_after({"moves": [100.0, 150.0], "states": states})
    150.0
    """
    since = math.nan  # it is exact
    for state in seen["states"]:
        if not state["exact"]:
            since = math.nan
        elif math.isnan(since):
            since = state["time"]
    moved = seen["moves"][-1]
    return since - moved if since >= moved else math.nan
