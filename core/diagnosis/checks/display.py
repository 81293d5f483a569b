"""The colored picture: is the label map right and only this black."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from core.colors import DARK, palette_colors
from core.diagnosis.finding import Evidence, Finding
from core.diagnosis.measure.measurements import Measurements
from core.diagnosis.progress import Progress
from core.diagnosis.thresholds import BLACK_CHANNEL, VISIBLE_SHARE
from core.settings import Display

WHOLE = Display().palette  # nobody chose it: it has a color of its own for every class


def gray_ids(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """D1: the ids themselves as gray levels, so that 5 classes end at gray 4 of 255."""
    if measured.settings.display.palette != "gray" or measured.num_ids > 4 * DARK:
        return
    yield Finding(
        "D1",
        "certain",
        (
            Evidence(
                f"The brightest gray level possible is {measured.num_ids - 1} of 255.",
                measured.num_ids - 1,
            ),
        ),
        "Map the ids to colors with a palette.",
        "Image.fromarray(palette[labels]).save('mask.png')",
        changes={"palette": "safe"},
    )


def gray_seen(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """D1 again, with how many pixels of the mask on the screen are black by it."""
    for finding in gray_ids(measured, so_far):
        yield replace(finding, effect=float((measured.seen.labels.ids > 0).mean()))


def palette(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """D4: a custom palette that is too short, or black or equal for different classes."""
    if measured.settings.display.palette != "custom":
        return
    wrong = palette_faults(measured)
    if not wrong:
        return
    given = len(measured.settings.display.custom)
    evidence = [Evidence(words, class_id) for class_id, words in list(wrong.items())[:4]]
    if given < measured.num_ids:
        words = f"The palette has {given} colors, the network {measured.num_ids} classes."
        evidence.insert(0, Evidence(words, given))
    yield Finding(
        "D4",
        "certain",
        tuple(evidence),
        "Give every class a color of its own, by its id.",
        "palette = np.array(colors, np.uint8); mask = palette[labels]",
        changes={"palette": WHOLE},
    )


def palette_faults(measured: Measurements) -> dict[int, str]:
    """Class id -> what is wrong with its color; the background may be black."""
    colors = palette_colors(measured.settings.display, measured.num_ids)[: measured.num_ids].astype(
        int
    )
    faults: dict[int, str] = {}
    first: dict[tuple[int, ...], int] = {}
    for class_id, color in enumerate(map(tuple, colors.tolist())):
        before = first.setdefault(color, class_id)
        if class_id and max(color) < BLACK_CHANNEL:
            faults[class_id] = f"Class {class_id} is black."
        elif before != class_id:
            faults[class_id] = f"Class {class_id} has the color of class {before}."
    return faults


def palette_seen(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """D4 again, with how many pixels it concerns; a note where it concerns none.

    A black mask has none of the classes; the mask that the other fixes bring may have them.
    """
    chosen = measured.settings.display.palette
    wrong = palette_faults(measured) if chosen not in (WHOLE, "gray") else {}
    now, then = (_share_of(wrong, measured, changes) for changes in ({}, so_far.fixes))
    share = max(now, then)
    if not wrong or (chosen != "custom" and share < VISIBLE_SHARE):
        return
    listed = " or ".join(map(str, list(wrong)[:6])) + (" or another" if len(wrong) > 6 else "")
    words = f"{share:.1%} of the pixels have class {listed}."
    if then > now:  # of a mask that is not the one on the screen
        words = f"With the other faults fixed, {words}"
    yield Finding(
        "D4",
        "certain",
        (
            Evidence(words, share),
            *(Evidence(words, class_id) for class_id, words in list(wrong.items())[:3]),
        ),
        "Give every class a color of its own, by its id.",
        "palette = np.array(colors, np.uint8); mask = palette[labels]",
        changes={"palette": WHOLE},
        effect=now,
        kind="fault" if share >= VISIBLE_SHARE else "note",
    )


def _share_of(
    wrong: Mapping[int, str], measured: Measurements, changes: Mapping[str, Any]
) -> float:
    """Share of the pixels under changed settings that have one of these classes, 0..1."""
    if not wrong:
        return 0.0
    return float(np.isin(measured.under(changes).labels.ids, list(wrong)).mean())
