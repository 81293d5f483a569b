"""Files of one value: nothing can be told of them but that."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from core.mask_file.finding import Finding, Reading
from core.mask_file.stored import Stored


def one_value(stored: Stored) -> Iterator[Finding]:
    """Every pixel is 0, or has one other value or color."""
    bands = stored.bands
    first = bands[:1, :1]
    if not bool((bands == first).all()) or (stored.alpha is not None and stored.alpha.min() < 255):
        return
    value = ", ".join(f"{number:g}" for number in np.unique(first).astype(float))
    size = f"{bands.shape[1]} x {bands.shape[0]} pixels, {bands.shape[2]} channels"
    whole = value.lstrip("-").isdigit()
    ids = np.full(bands.shape[:2], int(value) if whole else 0, np.int32)
    reading = Reading(ids, "the value", {}) if whole else None
    if value == "0":
        yield Finding(
            "all_zero",
            "certain",
            "Every pixel is 0. The file alone cannot tell why: the network may have found only "
            "background, or the numbers were lost while they were written.",
            (f"{size}: all numbers are 0.",),
            reading,
        )
    else:
        yield Finding(
            "one_value",
            "certain",
            f"Every pixel has the value {value}. The file alone cannot tell why.",
            (f"{size}: all numbers are {value}.",),
            reading,
        )
