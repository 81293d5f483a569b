"""From where each pixel of the result comes, read off two pictures that are ramps.

One picture gets brighter from row to row, one from column to column. Once the map of the colors is
known, each value of the result says its row and its column in the picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.orientation import TURNS, turned
from core.settings import Orientation
from maskscope.feeding.affine import Affine
from maskscope.feeding.calls import Way

HALF = 0.5  # of the way from black to white: what changes less is a bar
EDGE = 2  # pixels at the border, where a resampling has fewer neighbors
SLACK = 0.01  # of a side, and one pixel: a crop that is smaller is none
STRAIGHT = 0.02  # of a side: by how much a place may be off the straight line, in the mean


@dataclass(frozen=True)
class Geometry:
    """What is done to the place of pixels."""

    size: tuple[int, int]  # h, w of the result
    box: tuple[int, int, int, int]  # top, left, height, width of what is picture in it
    crop: tuple[int, int, int, int]  # top, left, bottom, right of what is seen of the picture
    orientation: Orientation
    straight: bool  # whether rows and columns stay straight lines
    bars: tuple[float, ...]  # by channel, in pixels 0..255; () without any

    def is_cropped(self, size: tuple[int, int]) -> bool:
        """Whether a part of a picture of this h, w is not seen."""
        return self.crop != (0, 0, *size)


def find_geometry(way: Way, size: tuple[int, int], affine: Affine, gray: bool) -> Geometry:
    """Measure it.

    Args:
        way: how the function is called.
        size: h, w of the user's picture.
        affine: of the colors.
        gray: whether the picture has one channel.
    """
    box, bars = _box(way, size, affine, gray)
    rows = _places(way, size, affine, gray, axis=0)
    columns = _places(way, size, affine, gray, axis=1)
    top, left, height, width = box
    inside = slice(top, top + height), slice(left, left + width)
    row_line, row_off = _line(rows[inside])
    column_line, column_off = _line(columns[inside])
    straight = row_off < STRAIGHT * size[0] + 1 and column_off < STRAIGHT * size[1] + 1
    spans = _span(row_line, (height, width), size[0]), _span(column_line, (height, width), size[1])
    return Geometry(
        (rows.shape[0], rows.shape[1]),
        box,
        (spans[0][0], spans[1][0], spans[0][1], spans[1][1]),
        _orientation(row_line, column_line, (height, width)),
        straight,
        bars,
    )


def _constant(size: tuple[int, int], level: int, gray: bool) -> np.ndarray:
    return np.full(size if gray else (*size, 3), level, np.uint8)


def _box(
    way: Way, size: tuple[int, int], affine: Affine, gray: bool
) -> tuple[tuple[int, int, int, int], tuple[float, ...]]:
    """Where black and white differ; and what is around it, in pixels."""
    black, white = (way(_constant(size, level, gray)).values for level in (0, 255))
    differ = np.abs(white - black).max(axis=0) > HALF * 255 * np.abs(affine.total).max()
    rows, columns = np.flatnonzero(differ.any(axis=1)), np.flatnonzero(differ.any(axis=0))
    if not rows.size:
        return (0, 0, *black.shape[1:]), ()
    box = (int(rows[0]), int(columns[0]), int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1)
    if differ.all():
        return box, ()
    around = black[:, ~differ].mean(axis=1)
    return box, tuple(((around - affine.offset) / affine.total).tolist())


def _places(
    way: Way, size: tuple[int, int], affine: Affine, gray: bool, *, axis: int
) -> np.ndarray:
    """Float64[h' w']: row or column of the picture that each pixel of the result shows."""
    last = max(1, size[axis] - 1)
    ramp = np.rint(np.arange(size[axis]) * 255 / last).astype(np.uint8)
    plane = np.broadcast_to(ramp[:, None] if axis == 0 else ramp[None], size)
    pixels = plane if gray else np.repeat(plane[..., None], 3, axis=2)
    values = way(np.ascontiguousarray(pixels)).values.astype(np.float64)
    levels = (values - affine.offset[:, None, None]) / affine.total[:, None, None]
    found: np.ndarray = levels.mean(axis=0) / 255 * last
    return found


def _line(places: np.ndarray) -> tuple[np.ndarray, float]:
    """Start, change per row, change per column; and the mean distance from that plane."""
    rows, columns = np.mgrid[: places.shape[0], : places.shape[1]]
    inner = [slice(EDGE, -EDGE) if side > 4 * EDGE else slice(None) for side in places.shape]
    flat = [each[inner[0], inner[1]].ravel() for each in (rows, columns, places)]
    known = np.column_stack([np.ones(flat[0].size), flat[0], flat[1]])
    line = np.linalg.lstsq(known, flat[2], rcond=None)[0]
    return line, float(np.abs(known @ line - flat[2]).mean())


def _span(line: np.ndarray, box: tuple[int, int], side: int) -> tuple[int, int]:
    """From where to where the picture is seen along one axis; all of it where that is near."""
    start, by_row, by_column = line
    corners = [
        start + by_row * row + by_column * column
        for row in (-0.5, box[0] - 0.5)
        for column in (-0.5, box[1] - 0.5)
    ]
    low, high = min(corners) + 0.5, max(corners) + 0.5
    slack = 1 + SLACK * side
    first = 0 if low < slack else round(low)
    last = side if high > side - slack else round(high)
    return first, max(first + 1, last)


def _orientation(row: np.ndarray, column: np.ndarray, box: tuple[int, int]) -> Orientation:
    """The turn under which rows and columns lie as they were found."""
    grid = np.moveaxis(np.mgrid[:3, :3], 0, -1)  # each place holds its own row and column
    moves = np.array([[row[1], row[2]], [column[1], column[2]]]) * np.array(box)
    wanted = np.where(
        np.abs(moves) > np.abs(moves).max(axis=1, keepdims=True) / 2, np.sign(moves), 0
    )
    for name in TURNS:
        seen = turned(grid, name)
        steps = np.stack([seen[1, 0] - seen[0, 0], seen[0, 1] - seen[0, 0]], axis=1)
        if np.array_equal(steps, wanted):
            return name
    return "none"
