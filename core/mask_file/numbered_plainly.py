"""Values that are ids as they are, and what is left where no rule fits."""

from __future__ import annotations

from core.mask_file.finding import NO_CLASS, counted
from core.mask_file.numbered import SMALL, VOID, Numbering, consecutive, spelled

# cityscapesScripts helpers/labels.py: label ids of the 19 evaluated classes, in train id order
EVALUATED = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)


def _same(values: list[int]) -> dict[int, int]:
    return {value: value for value in values}


def cityscapes(values: list[int]) -> Numbering | None:
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


def with_void(values: list[int]) -> Numbering | None:
    """Small ids, and 255 for pixels that do not count."""
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


def one_based(values: list[int]) -> Numbering | None:
    """No 0: either the data set counts from 1, or class 0 is not in this picture."""
    kept = [value for value in values if value != VOID]
    if len(kept) < 2 or kept[0] != 1 or max(kept) > SMALL:
        return None
    whole = consecutive(kept, 1)
    return Numbering(
        "one_based",
        "likely" if whole and len(kept) > 2 else "possible",
        f"Your mask holds ids {counted(kept)}, drawn as {spelled(len(kept))} nearly black grays; "
        f"there is no 0, so they {'seem to' if whole else 'may'} count from 1.",
        (f"The smallest id is 1{', and none is missing' if whole else ''} up to {max(kept)}.",),
        {value: NO_CLASS if value == VOID else value - 1 for value in values},
        "value - 1",
    )


def small_ids(values: list[int]) -> Numbering | None:
    """Nearly black grays."""
    if max(values) > SMALL:
        return None
    sure = consecutive(values, 0) or len(values) > 2
    black = spelled(len(values))
    return Numbering(
        "ids_as_gray",
        "certain" if sure else "likely",
        f"Your mask is fine: it holds ids {counted(values)}, drawn as {black} nearly black grays.",
        (f"The largest value is {max(values)} of 255, and all are whole regions.",),
        _same(values),
        "the value",
    )


def many_ids(values: list[int]) -> Numbering | None:
    """Most of them small, and no other rule fits them all."""
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


def two(values: list[int]) -> Numbering | None:
    """Background and foreground, at least one of them no small id."""
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


def unknown(values: list[int]) -> Numbering:
    """What is said where no rule fits."""
    return Numbering(
        "unknown_values",
        "certain",
        f"Your mask has {len(values)} gray values, {counted(values)}, that fit no numbering which "
        "is known here.",
        (f"{len(values)} values form regions.",),
        {value: k for k, value in enumerate(values)},
        "the place of the value among those that occur",
    )
