"""Opacity that hides the mask, and channels that are no colors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from core.mask_file.checks.check import reading_of
from core.mask_file.finding import Finding, Reading, counted, percent
from core.mask_file.levels import levels_of
from core.mask_file.numbered import SMALL, spelled
from core.mask_file.numbering import numbering_of
from core.mask_file.stored import Stored

CLEAR = 8  # of 255: opacity that nobody sees
HIDDEN = 0.98  # share of the colored pixels that are clear
CHANNELS = ("red", "green", "blue")
FAINT = 8  # of 255: "on" in a one-hot map that was not multiplied


def one_hot_with_alpha(stored: Stored) -> Iterator[Finding]:
    """Four classes as the four channels of RGBA."""
    values = stored.raster.values
    if not stored.raster.alpha or values.shape[2] != 4:
        return
    on = values != 0
    if bool((on.sum(axis=2) == 1).all()) and len(np.unique(values[on])) == 1 and on[..., 3].any():
        yield _one_hot(values, int(values.max()), "certain")


def hidden_ids(stored: Stored) -> Iterator[Finding]:
    """One color everywhere and the ids in the opacity."""
    alpha = stored.alpha
    if alpha is None or not bool((stored.bands == stored.bands[:1, :1]).all()):
        return
    levels = levels_of(alpha)
    values = [int(value) for value in levels.values]
    if len(values) < 2 or not levels.is_clean:
        return
    numbering = numbering_of(values)
    yield Finding(
        "ids_in_alpha",
        "likely",
        f"The mask lies in the opacity, whose values are {counted(values)}; the color is the same "
        "everywhere.",
        (f"One color, and {len(values)} values of opacity.",),
        reading_of(levels, numbering.ids, f"of the opacity: {numbering.words}"),
    )


def transparent(stored: Stored) -> Iterator[Finding]:
    """Nothing is opaque, or nothing that is colored."""
    alpha = stored.alpha
    if alpha is None:
        return
    clear: np.ndarray = alpha <= CLEAR
    colored = _colored(stored)
    hidden = float(clear[colored].mean()) if colored.any() else float(clear.mean())
    if hidden < HIDDEN or not clear.any():
        return
    what = f"{percent(hidden)} of the colored pixels" if colored.any() else "every pixel"
    yield Finding(
        "transparent",
        "certain",
        f"Your mask is transparent: {what} cannot be seen, whatever their color is."
        if colored.any()
        else "The file is transparent, and nothing is under it.",
        (
            f"The largest opacity of them is {int(alpha[clear].max())} of 255.",
            f"{percent(float(colored.mean()))} of the pixels have a color other than black.",
        ),
    )


def _colored(stored: Stored) -> np.ndarray:
    """Bool[h w]: the pixel is not black."""
    raster = stored.raster
    if raster.palette is not None:
        return np.asarray((raster.palette[:, :3] != 0).any(axis=1)[raster.values])
    return np.asarray((stored.bands != 0).any(axis=2))


def without_alpha(stored: Stored) -> Stored:
    """The same file as if it were opaque, so that what is under it can be told."""
    raster = stored.raster
    if raster.palette is not None:
        palette = raster.palette.copy()
        palette[:, 3] = 255
        return Stored(replace(raster, palette=palette))
    if not raster.alpha:
        return stored
    values = raster.values[..., :-1]
    values = values[..., 0] if values.shape[2] == 1 else values
    mode = raster.mode.replace("A", "")
    return Stored(replace(raster, values=np.ascontiguousarray(values), alpha=False, mode=mode))


def one_hot(stored: Stored) -> Iterator[Finding]:
    """Exactly one of three channels is on in every pixel."""
    bands = stored.bands
    if bands.shape[2] != 3 or not stored.is_bytes:
        return
    on = bands != 0
    if not bool((on.sum(axis=2) == 1).all()) or int(on.any(axis=(0, 1)).sum()) < 2:
        return
    values = np.unique(bands[on]).tolist()
    if len(values) == 1 and (values[0] <= FAINT or on.any(axis=(0, 1)).all()):
        yield _one_hot(bands, values[0], "certain" if values[0] <= FAINT else "likely")


def _one_hot(bands: np.ndarray, value: int, certainty: str) -> Finding:
    ids = bands.argmax(axis=2).astype(np.int32)
    black = ", which looks black" if value <= FAINT else ""
    return Finding(
        "one_hot",
        certainty,  # type: ignore[arg-type]
        f"Your mask is a one-hot map of {bands.shape[2]} classes: in every pixel one channel is "
        f"{value}{black}.",
        (f"Exactly one of {bands.shape[2]} channels is {value} in every pixel, the others are 0.",),
        Reading(ids, "which channel is on", {}),
    )


def one_channel(stored: Stored) -> Iterator[Finding]:
    """Small ids in one channel, and nothing in the two others."""
    bands = stored.bands
    if bands.shape[2] != 3 or not stored.is_bytes:
        return
    used = np.flatnonzero(bands.any(axis=(0, 1))).tolist()
    if len(used) != 1 or int(bands.max()) > SMALL:
        return
    levels = levels_of(bands[..., used[0]])
    values = [int(value) for value in levels.values]
    if not levels.is_clean:
        return
    yield Finding(
        "ids_in_one_channel",
        "certain",
        f"Your mask is fine: it holds ids {counted(values)} in {CHANNELS[used[0]]}, drawn as "
        f"{spelled(len(values))} nearly black colors.",
        (f"The two other channels are 0 everywhere; the largest id is {values[-1]} of 255.",),
        reading_of(levels, {value: value for value in values}, f"the value of {CHANNELS[used[0]]}"),
    )


def fractions(stored: Stored) -> Iterator[Finding]:
    """All channels hold 0 and 1 only: colors from 0 to 1 that were cast."""
    if stored.colors is None or int(stored.bands.max()) != 1 or len(stored.colors.values) < 2:
        return
    yield Finding(
        "palette_as_fractions",
        "likely",
        f"Your mask is in color, from 0 to 1 instead of 0 to 255: {len(stored.colors.values)} "
        "colors are left, all black to the eye.",
        ("The largest number of all three channels is 1 of 255.",),
        reading_of(
            stored.colors,
            {int(value): k for k, value in enumerate(stored.colors.values)},
            "the place of the color among those that occur",
        ),
    )
