"""Arrays and pictures of more than 8 bits: label maps, scores, one-hot stacks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from core.mask_file.checks.check import reading_of
from core.mask_file.finding import Finding, Reading, counted
from core.mask_file.stored import Stored

INSTANCE = 1000  # cityscapesScripts: class * 1000 + number
MOST_CLASSES = 34  # of them
SUM_ERROR = 2e-2  # how far probabilities of a pixel, stored in float16, may be from 1 together
EIGHT = 255


def stacks(stored: Stored) -> Iterator[Finding]:
    """Arrays with more than one band that are no colors: scores of all classes, or one-hot."""
    bands = stored.bands
    if not stored.is_array or bands.shape[2] < 2:
        return
    sides = f"{bands.shape[2]} maps of {bands.shape[1]} x {bands.shape[0]}"
    if bands.dtype.kind == "f":
        yield _scores(bands, sides)
    elif int(bands.max()) > 0 and _is_one_hot(bands):
        yield Finding(
            "one_hot",
            "certain",
            f"The file is a one-hot map of {bands.shape[2]} classes: an argmax gives its ids.",
            (f"In every pixel of {sides}, exactly one is not 0.",),
            Reading(bands.argmax(axis=2).astype(np.int32), "argmax over the channels", {}),
        )


def _is_one_hot(bands: np.ndarray) -> bool:
    on = bands != 0
    return bool((on.sum(axis=2) == 1).all() and len(np.unique(bands[on])) == 1)


def _scores(bands: np.ndarray, sides: str) -> Finding:
    plain = np.nan_to_num(bands.astype(np.float32))
    sums = plain.sum(axis=2)
    are_probabilities = plain.min() >= 0 and float(np.abs(sums - 1).max()) < SUM_ERROR
    broken = float((~np.isfinite(bands)).mean())
    what = "probabilities" if are_probabilities else "logits"
    evidence = [
        f"{sides}, of floats from {plain.min():.3g} to {plain.max():.3g}.",
        "They sum to 1 in every pixel."
        if are_probabilities
        else f"Their sum differs from pixel to pixel, from {sums.min():.3g} to {sums.max():.3g}.",
    ]
    if broken:
        evidence.append(f"{broken:.1%} of the numbers are NaN or infinite.")
    return Finding(
        "score_stack",
        "certain" if are_probabilities or plain.min() < 0 else "likely",
        f"The file holds {what} of {bands.shape[2]} classes: an argmax gives the ids.",
        tuple(evidence),
        Reading(plain.argmax(axis=2).astype(np.int32), "argmax over the channels", {}),
    )


def floats(stored: Stored) -> Iterator[Finding]:
    """One float a pixel: ids, a probability or a logit."""
    gray = stored.gray
    if gray is None or gray.dtype.kind != "f":
        return
    known = gray[np.isfinite(gray)]
    if known.size == 0 or known.min() == known.max():
        return  # constant.py
    low, high = float(known.min()), float(known.max())
    span = f"The {gray.dtype.itemsize * 8}-bit floats go from {low:.4g} to {high:.4g}."
    if bool((known == np.rint(known)).all()) and low >= 0:
        ids = np.where(np.isfinite(gray), gray, -1).astype(np.int32)
        values = np.unique(ids[ids >= 0]).tolist()
        yield Finding(
            "float_ids",
            "certain" if len(values) > 2 else "likely",
            f"Your mask is fine: it holds ids {counted(values)}, stored as floats.",
            (span, "All of them are whole numbers."),
            Reading(ids, "the value, cast", {}),
        )
    elif low >= 0 and high <= 1:
        ids = (np.nan_to_num(gray) > 0.5).astype(np.int32)
        yield Finding(
            "float_probabilities",
            "likely",
            "The file holds probabilities of one class: a threshold is still missing.",
            (span, f"{ids.mean():.1%} of the pixels are over 0.5."),
            Reading(ids, "1 where the value is over 0.5", {}),
        )
    else:
        ids = (np.nan_to_num(gray) > 0).astype(np.int32)
        yield Finding(
            "float_scores",
            "likely",
            "The file holds scores of one class, or logits: no decision has been made.",
            (span, f"{ids.mean():.1%} of the pixels are over 0."),
            Reading(ids, "1 where the value is over 0", {}),
        )


def instances(stored: Stored) -> Iterator[Finding]:
    """Cityscapes' instance ids: thousands are classes."""
    levels = stored.levels
    if stored.gray is None or stored.is_bytes or levels is None or levels.values[-1] < INSTANCE:
        return
    large = levels.values[levels.values >= INSTANCE]
    classes = np.unique(large // INSTANCE).tolist()
    numbers = large % INSTANCE
    if classes[-1] >= MOST_CLASSES or levels.values[0] < 0 or int(numbers.max()) > 255:
        return
    ids = {int(v): int(v // INSTANCE if v >= INSTANCE else v) for v in levels.values}
    yield Finding(
        "instance_ids",
        "likely",
        f"Your mask numbers objects within their class: class {counted(classes)} times 1000 and a "
        "number.",
        (
            f"{len(large)} values are over 1000, thousands {counted(classes)}, and their rest "
            f"is at most {int(numbers.max())}.",
        ),
        reading_of(levels, ids, "value // 1000, and the value itself under 1000"),
    )


def deep(stored: Stored) -> Iterator[Finding]:
    """Whole numbers of 16, 32 or 64 bits that are small ids."""
    levels = stored.levels
    if stored.gray is None or stored.is_bytes or levels is None or len(levels.values) < 2:
        return
    if stored.gray.dtype == np.bool_:
        return
    values = [int(value) for value in levels.values]
    kept = [value for value in values if value not in (EIGHT, 65535, -1)]
    if not kept or kept[0] < 0 or not levels.is_clean:
        return
    bits = stored.gray.dtype.itemsize * 8
    void = {value: -1 for value in values if value in (EIGHT, 65535, -1) and len(kept) > 1}
    ids = reading_of(levels, {**{v: v for v in values}, **void}, "the value")
    if stored.is_array:
        yield Finding(
            "label_array",
            "certain",
            f"The file is a label map: it holds ids {counted(values)} as an array.",
            (f"Whole numbers of {bits} bits, {stored.raster.mode}.",),
            ids,
        )
    elif max(kept) <= EIGHT:
        yield Finding(
            "deep_ids",
            "certain",
            f"Your mask is fine: it holds ids {counted(values)} in {bits} bits, which viewers draw "
            "black.",
            (f"The largest id is {max(kept)} of {2 ** min(bits, 31) - 1}: {bits} bits a pixel.",),
            ids,
        )
