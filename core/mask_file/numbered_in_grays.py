"""Values that are ids no more: 8 bits were too few, or they are spread over the grays."""

from __future__ import annotations

from itertools import chain

import numpy as np

from core.mask_file.finding import Certainty, counted
from core.mask_file.numbered import SMALL, TOP, VOID, Numbering, consecutive, spelled
from core.mask_file.palettes import data_sets

WRAPPED = 40  # classes at most of which 255 - id is looked for
STEP = 8  # from here on equally spaced values are a multiple of ids, and no ids with gaps
LUMA_CERTAIN, LUMA_LIKELY = 1e-3, 1e-2  # chance that any values were brightnesses of a palette

# --- 8 bits are too few ---------------------------------------------------------------------------


def wrapped(values: list[int]) -> Numbering | None:
    """255 times an id, modulo 256."""
    high = [value for value in values if value]
    if values[0] != 0 or len(high) < 2 or min(high) < TOP - WRAPPED:
        return None
    ids = {value: (TOP - value) % TOP for value in values}
    whole = max(ids.values()) == len(high)
    return Numbering(
        "wrapped",
        "certain" if whole else "likely",
        f"Your mask holds ids {counted(sorted(ids.values()))}, multiplied by 255 in 8 bits: they "
        f"became {counted(high[::-1])}, which look all white.",
        (
            f"The values other than 0 are {counted(high[::-1])}: 255 times an id, modulo 256"
            + (", and no id is missing." if whole else "."),
        ),
        ids,
        "256 - value, and 0 for 0",
    )


def inverted(values: list[int]) -> Numbering | None:
    """255 minus an id."""
    if values[-1] != VOID or values[0] < TOP - WRAPPED or len(values) < 2:
        return None
    whole = consecutive(values, TOP - len(values))
    ids = {value: VOID - value for value in values}
    return Numbering(
        "inverted",
        "certain" if whole and len(values) > 2 else "likely",
        f"Your mask holds ids {counted(sorted(ids.values()))} counted down from 255, all nearly "
        "white.",
        (f"The values are {counted(values[::-1])}{' without a gap' if whole else ''}.",),
        ids,
        "255 - value",
    )


def wrapped_multiples(values: list[int]) -> Numbering | None:
    """A step times 0, 1, 2, ... modulo 256, at least four of them, beyond 255."""
    count, found = len(values), set(values)
    if count < 4 or values[0] != 0:
        return None
    for step in range(STEP, TOP - STEP):
        if step * (count - 1) >= TOP and {step * k % TOP for k in range(count)} == found:
            return Numbering(
                "wrapped",
                "likely",
                f"Your mask holds ids 0 to {count - 1}, multiplied by {step} in 8 bits, in which "
                "the larger ones wrapped around.",
                (f"All values are {step} times 0 to {count - 1}, modulo 256.",),
                {step * k % TOP: k for k in range(count)},
                f"the id whose {step}-fold modulo 256 it is",
            )
    return None


# --- spread over the grays ------------------------------------------------------------------------


def spread(values: list[int]) -> Numbering | None:
    """K times 255 / n, or k times a step, from 0 on without a gap."""
    if len(values) < 3 or values[0] != 0 or values[1] < STEP:
        return None
    last = len(values) - 1
    fractions = ((255 / n, f"value * {n} / 255, rounded") for n in range(last, 33))
    steps = ((float(values[1]), f"value / {values[1]}"),)
    for step, words in chain(steps, fractions):
        if _is_spread(values, step):
            return _stretched(values, {v: k for k, v in enumerate(values)}, words, step)
    return None


def _is_spread(values: list[int], step: float) -> bool:
    """Rounded, cut off, or rounded up at a half, as programs do; matplotlib takes 256 for 255."""
    exact = np.arange(len(values)) * step
    rounded = (
        np.rint(exact),
        np.floor(exact),
        np.floor(exact + 0.5),
        np.floor(exact * TOP / 255).clip(0, 255),
    )
    return any(way.astype(int).tolist() == values for way in rounded)


def _stretched(
    values: list[int], ids: dict[int, int], words: str, step: float, sure: Certainty | None = None
) -> Numbering:
    step_words = f"{step:.2f}".rstrip("0").rstrip(".")
    return Numbering(
        "stretched",
        sure or ("certain" if len(values) > 3 else "likely"),
        f"Your mask holds {spelled(len(values))} ids spread over the grays, {step_words} apart: "
        f"{counted(values)}.",
        (f"Each value is a multiple of {step_words}, to within rounding.",),
        ids,
        words,
    )


def spread_with_gaps(values: list[int]) -> Numbering | None:
    """Classes are missing, as where min-max stretches ids 0, 5 and 15."""
    if len(values) < 4 or values[0] != 0 or values[-1] != VOID:
        return None
    for n in range(len(values), 2 * len(values) + 1):
        places = [round(value * n / 255) for value in values]
        if all(abs(p * 255 / n - v) < 1 for p, v in zip(places, values, strict=True)):
            ids = dict(zip(values, places, strict=True))
            words = f"value * {n} / 255, rounded"
            return _stretched(values, ids, words, 255 / n, "possible")
    return None


def many_steps(values: list[int]) -> Numbering | None:
    """The same where it is no accident, as it could be of brightnesses of a palette."""
    step = int(np.gcd.reduce(values))
    return common_step(values) if len(values) > 4 or step >= 2 * STEP else None


def common_step(values: list[int]) -> Numbering | None:
    """Multiples of a step, though not all of them."""
    step = int(np.gcd.reduce(values))
    if len(values) < 3 or values[0] != 0 or step < (STEP if len(values) > 3 else 2 * STEP):
        return None
    ids = {value: value // step for value in values}
    sure: Certainty = "likely" if len(values) > 3 else "possible"
    return _stretched(values, ids, f"value / {step}", step, sure)


def luminance(values: list[int]) -> Numbering | None:
    """Brightnesses of a known palette; how many of 256 values it has tells how sure that is."""
    kept = [value for value in values if value]
    found = []
    for known in data_sets():
        table = known.ids_by_luma()
        if max(kept) > SMALL and all(value in table for value in values):
            found.append(((len(table) / TOP) ** len(kept), known.name, table))
    if not found or min(found)[0] > LUMA_LIKELY:
        return None
    chance, name, table = min(found, key=lambda each: each[0])
    return Numbering(
        "palette_luminance",
        "certain" if chance < LUMA_CERTAIN else "likely",
        f"Your mask holds the brightnesses of colors of the palette {name}, not ids: "
        f"{counted(values)}.",
        (
            f"All {len(kept)} values other than 0 are brightnesses of that palette, which has "
            f"{len(table)} of the 256.",
        ),
        {value: table[value] for value in values},
        f"the color of {name} that has this brightness",
    )
