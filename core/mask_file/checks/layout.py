"""Files that are no single map: raw bytes, a wrong axis, all classes beside each other."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from core.mask_file.finding import Finding, Reading
from core.mask_file.stored import Stored

WORDS = (8, 4)  # bytes of the numbers that people forget to cast
FEWEST = 16  # values other than 0 that make a pattern
SHORT, LONG, RATIO = 64, 96, 3  # pixels of the sides after a wrong axis, and how far apart they are
DISTINCT = 12  # values: rows or columns that win
MOST_TILES = 32  # classes
SHAPES = 4  # different rows, and columns, of two classes that are no accident
PADDING = 2  # pixels that torchvision's make_grid puts around each tile


def raw_bytes(stored: Stored) -> Iterator[Finding]:
    """Numbers other than 0 only at every eighth or fourth byte."""
    if stored.gray is None or not stored.is_bytes or stored.raster.format == "JPEG":
        return
    filled = np.flatnonzero(stored.gray)
    if filled.size < FEWEST or np.unique(filled % stored.gray.shape[1]).size < 3:
        return
    for word in WORDS:
        places = np.unique(filled % word)
        whole = places.tolist() == [0]
        if whole or (word == 4 and places.tolist() in ([2, 3], [3])):
            kind = f"{8 * word}-bit {'whole numbers' if whole else 'floats'}"
            yield Finding(
                "raw_bytes",
                "certain" if np.unique(filled // word).size >= 4 * FEWEST else "likely",
                f"The file shows {kind} byte by byte: only the first {100 / word:g} % of the rows "
                "are in it.",
                (
                    f"All {filled.size} bytes other than 0 are byte "
                    f"{' or '.join(map(str, places + 1))} of each {word}.",
                ),
            )
            return


def wrong_axis(stored: Stored) -> Iterator[Finding]:
    """As many rows as classes, and row numbers as values."""
    levels = stored.levels
    if levels is None or stored.gray is None or stored.gray.dtype == np.bool_:
        return
    short, long = sorted(stored.gray.shape)
    many = len(levels.values) >= max(DISTINCT, short)
    if not (2 <= short <= SHORT and long >= LONG and long >= RATIO * short and many):
        return
    if levels.region_share > 0.5 or levels.values[0] < 0:
        return
    rows = "rows" if stored.gray.shape[0] == short else "columns"
    yield Finding(
        "argmax_wrong_axis",
        "likely",
        f"The file has {short} {rows} and values up to {levels.values[-1]}: the argmax seems to "
        "have run over the height or the width instead of the classes.",
        (
            f"{stored.gray.shape[1]} x {stored.gray.shape[0]} pixels, {len(levels.values)} values.",
            f"Only {levels.region_share:.1%} of the pixels lie inside regions.",
        ),
    )


def tiles(stored: Stored) -> Iterator[Finding]:
    """All classes under or beside each other, or in a grid with padding."""
    levels = stored.levels
    if levels is None or stored.gray is None or len(levels.values) != 2 or levels.values[0] != 0:
        return
    found = _cut(stored.gray != 0)
    if found is None:
        return
    how, stack = found
    yield Finding(
        "stack_of_channels",
        "certain" if len(stack) > 2 else "likely",
        f"The file holds the maps of {len(stack)} classes {how}: together they are one label map.",
        (
            f"Cut into {len(stack)} tiles of {stack.shape[2]} x {stack.shape[1]} pixels, exactly "
            "one is on at every place.",
        ),
        Reading(
            stack.argmax(axis=0).astype(np.int32), f"which of the {len(stack)} tiles is on", {}
        ),
    )


def _cut(on: np.ndarray) -> tuple[str, np.ndarray] | None:
    """The tiles, Bool[C h w], where exactly one of them is on at every place."""
    height, width = on.shape
    for count in range(2, MOST_TILES + 1):
        if height % count == 0:
            stack = on.reshape(count, height // count, width)
            if _partition(stack):
                return "under each other", stack
        if width % count == 0:
            stack = on.reshape(height, count, width // count).transpose(1, 0, 2)
            if _partition(stack):
                return "beside each other", stack
    return _grid(on)


def _partition(stack: np.ndarray) -> bool:
    """One is on at every place; and no simple mask, such as its left half, looks like that."""
    if min(stack.shape[1:]) < FEWEST or not bool((stack.sum(axis=0) == 1).all()):
        return False
    mixed = stack.any(axis=(1, 2)) & ~stack.all(axis=(1, 2))
    if len(stack) > 2:
        return int(mixed.sum()) >= 2
    shapes = (np.unique(stack[0], axis=axis).shape[axis] for axis in (0, 1))
    return bool(mixed.all()) and min(shapes) >= SHAPES


def _grid(on: np.ndarray) -> tuple[str, np.ndarray] | None:
    """As make_grid lays it: eight in a row, two pixels of 0 between and around."""
    height, width = on.shape
    for rows in range(1, 5):
        for columns in range(2, 9):
            if (height - PADDING) % rows or (width - PADDING) % columns:
                continue
            high, wide = (height - PADDING) // rows, (width - PADDING) // columns
            if min(high, wide) <= FEWEST:
                continue
            inner = on[PADDING:, PADDING:].reshape(rows, high, columns, wide)
            stack = inner.transpose(0, 2, 1, 3).reshape(-1, high, wide)[..., :-PADDING, :-PADDING]
            used = np.flatnonzero(stack.any(axis=(1, 2)))
            if not used.size or int(on.sum()) != int(stack.sum()):
                continue  # something lies in the padding
            if _partition(filled := stack[: int(used[-1]) + 1]):
                return "in a grid", filled
    return None
