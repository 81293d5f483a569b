"""Which ids a few whole numbers are: the rules by which people and programs number classes.

Only the values are looked at, so that a cleaned map (without JPEG's ghosts) is asked the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain

import numpy as np

from core.mask_file.finding import NO_CLASS, Certainty, counted
from core.mask_file.palettes import data_sets

SMALL = 63  # ids up to here are nearly black as grays
VOID = 255
TOP = 256  # numbers that 8 bits hold
WRAPPED = 40  # classes at most of which 255 - id is looked for
# cityscapesScripts helpers/labels.py: label ids of the 19 evaluated classes, in train id order
EVALUATED = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
STEP = 8  # from here on equally spaced values are a multiple of ids, and no ids with gaps
LUMA_CERTAIN, LUMA_LIKELY = 1e-3, 1e-2  # chance that any values were brightnesses of a palette
WORDS = [
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
]


@dataclass(frozen=True)
class Numbering:
    """How values become ids, and what that makes of the file."""

    kind_id: str
    certainty: Certainty
    sentence: str
    evidence: tuple[str, ...]
    ids: dict[int, int]  # value -> id
    words: str


def numbering_of(values: list[int]) -> Numbering:
    """What fits these values of 8 bits, at least two of them, the smallest first.

    >>> found = numbering_of([0, 85, 170, 255])
    >>> found.kind_id, found.ids
    ('stretched', {0: 0, 85: 1, 170: 2, 255: 3})
    """
    return next((found for rule in RULES if (found := rule(values))), _unknown(values))


def spelled(count: int) -> str:
    """A number as a word up to twelve."""
    return WORDS[count] if count < len(WORDS) else str(count)


def _consecutive(values: list[int], start: int) -> bool:
    return values == list(range(start, start + len(values)))


def _same(values: list[int]) -> dict[int, int]:
    return {value: value for value in values}


# --- ids as they are ------------------------------------------------------------------------------


def _cityscapes(values: list[int]) -> Numbering | None:
    """Of 34 label ids most are of evaluated classes, the first of which is 7 and the last 33."""
    kept = [value for value in values if value not in (0, VOID)]
    evaluated = [value for value in kept if value in EVALUATED]
    if EVALUATED[0] not in kept or max(kept) > 33 or max(evaluated) <= 20 or len(evaluated) < 3:
        return None
    if len(evaluated) < 0.6 * len(kept):
        return None
    ids = {v: EVALUATED.index(v) if v in EVALUATED else NO_CLASS for v in values}
    return Numbering(
        "cityscapes_label_ids",
        "likely" if len(evaluated) > 4 else "possible",
        f"Your mask seems to hold Cityscapes label ids, {counted(kept)}: road is 7 there, and 0 "
        "for networks that were trained with train ids.",
        (
            f"{len(evaluated)} of {len(kept)} values other than 0 and 255 are label ids of the 19 "
            "evaluated classes.",
            f"The largest is {max(kept)}; label ids end at 33, train ids at 18.",
        ),
        ids,
        "Cityscapes' table from label ids to train ids",
    )


def _with_void(values: list[int]) -> Numbering | None:
    kept = [value for value in values if value != VOID]
    if VOID not in values or len(kept) < 2 or max(kept) > SMALL:
        return None
    return Numbering(
        "ignore_255",
        "certain" if len(kept) > 2 or kept == [0, 1] else "likely",
        f"Your mask is fine: it holds ids {counted(kept)}, drawn as {spelled(len(kept))} nearly "
        "black grays, and 255 for pixels that do not count.",
        (f"All values but 255 are at most {max(kept)}.",),
        {**_same(kept), VOID: NO_CLASS},
        "the value; 255 is no class",
    )


def _one_based(values: list[int]) -> Numbering | None:
    """No 0: either the data set counts from 1, or class 0 is not in this picture."""
    kept = [value for value in values if value != VOID]
    if len(kept) < 2 or kept[0] != 1 or max(kept) > SMALL:
        return None
    whole = _consecutive(kept, 1)
    return Numbering(
        "one_based",
        "likely" if whole and len(kept) > 2 else "possible",
        f"Your mask holds ids {counted(kept)}, drawn as {spelled(len(kept))} nearly black grays; "
        f"there is no 0, so they {'seem to' if whole else 'may'} count from 1.",
        (f"The smallest id is 1{', and none is missing' if whole else ''} up to {max(kept)}.",),
        {value: NO_CLASS if value == VOID else value - 1 for value in values},
        "value - 1",
    )


def _small_ids(values: list[int]) -> Numbering | None:
    if max(values) > SMALL:
        return None
    sure = _consecutive(values, 0) or len(values) > 2
    black = spelled(len(values))
    return Numbering(
        "ids_as_gray",
        "certain" if sure else "likely",
        f"Your mask is fine: it holds ids {counted(values)}, drawn as {black} nearly black grays.",
        (f"The largest value is {max(values)} of 255, and all are whole regions.",),
        _same(values),
        "the value",
    )


def _many_ids(values: list[int]) -> Numbering | None:
    low = sum(value <= SMALL for value in values)
    if len(values) < 4 or 2 * low < len(values):
        return None
    return Numbering(
        "ids_as_gray",
        "likely" if 3 * low > 2 * len(values) else "possible",
        f"Your mask seems to hold {len(values)} of many ids, {counted(values)}, drawn as grays.",
        (f"{low} of {len(values)} values are at most {SMALL}, and no rule fits them all.",),
        {value: NO_CLASS if value == VOID else value for value in values},
        "the value; 255 is no class",
    )


# --- 8 bits are too few ---------------------------------------------------------------------------


def _wrapped(values: list[int]) -> Numbering | None:
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


def _inverted(values: list[int]) -> Numbering | None:
    if values[-1] != VOID or values[0] < TOP - WRAPPED or len(values) < 2:
        return None
    whole = _consecutive(values, TOP - len(values))
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


def _wrapped_multiples(values: list[int]) -> Numbering | None:
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


def _spread(values: list[int]) -> Numbering | None:
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


def _spread_with_gaps(values: list[int]) -> Numbering | None:
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


def _many_steps(values: list[int]) -> Numbering | None:
    """The same where it is no accident, as it could be of brightnesses of a palette."""
    step = int(np.gcd.reduce(values))
    return _common_step(values) if len(values) > 4 or step >= 2 * STEP else None


def _common_step(values: list[int]) -> Numbering | None:
    """Multiples of a step, though not all of them."""
    step = int(np.gcd.reduce(values))
    if len(values) < 3 or values[0] != 0 or step < (STEP if len(values) > 3 else 2 * STEP):
        return None
    ids = {value: value // step for value in values}
    sure: Certainty = "likely" if len(values) > 3 else "possible"
    return _stretched(values, ids, f"value / {step}", step, sure)


def _luminance(values: list[int]) -> Numbering | None:
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


# --- what is left ---------------------------------------------------------------------------------


def _two(values: list[int]) -> Numbering | None:
    if len(values) != 2 or max(values) <= SMALL:
        return None
    low, high = values
    return Numbering(
        "two_values",
        "certain",
        f"Your mask has two values, {low} and {high}: background and foreground.",
        (f"Only {low} and {high} occur.",),
        {low: 0, high: 1},
        f"1 where the value is {high}",
    )


def _unknown(values: list[int]) -> Numbering:
    return Numbering(
        "unknown_values",
        "certain",
        f"Your mask has {len(values)} gray values, {counted(values)}, that fit no numbering which "
        "is known here.",
        (f"{len(values)} values form regions.",),
        {value: k for k, value in enumerate(values)},
        "the place of the value among those that occur",
    )


RULES: tuple[Callable[[list[int]], Numbering | None], ...] = (
    _cityscapes,
    _inverted,
    _two,
    _wrapped,
    _one_based,
    _with_void,
    _spread,
    _small_ids,
    _many_steps,
    _luminance,
    _common_step,
    _wrapped_multiples,
    _spread_with_gaps,
    _many_ids,
)
