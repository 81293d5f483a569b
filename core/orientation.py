"""The eight orientations of a picture: how each is made of a transposition and two reversals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.settings import Orientation


@dataclass(frozen=True)
class Turn:
    """One orientation: rows and columns change places first, then each may be reversed."""

    transposed: bool = False
    rows: bool = False  # whether their order is reversed
    columns: bool = False

    @property
    def reversed_axes(self) -> tuple[int, ...]:
        """Which of the axes 0 (rows) and 1 (columns) are reversed."""
        return (0,) * self.rows + (1,) * self.columns


TURNS: dict[Orientation, Turn] = {
    "none": Turn(),
    "90": Turn(transposed=True, rows=True),  # as np.rot90: counterclockwise
    "180": Turn(rows=True, columns=True),
    "270": Turn(transposed=True, columns=True),
    "mirrored": Turn(columns=True),
    "flipped": Turn(rows=True),
    "transposed": Turn(transposed=True),
    "transversed": Turn(transposed=True, rows=True, columns=True),
}


def turned(pixels: np.ndarray, orientation: Orientation) -> np.ndarray:
    """The picture in another orientation.

    Args:
        pixels: [h w ...].
        orientation: how it is turned.

    Returns:
        [h w ...] or [w h ...], contiguous.

    A picture of two rows, turned to the left by a quarter:

    >>> turned(np.array([[1, 2, 3], [4, 5, 6]]), "90").tolist()
    [[3, 6], [2, 5], [1, 4]]
    """
    turn = TURNS[orientation]
    if turn.transposed:
        pixels = pixels.swapaxes(0, 1)
    return np.ascontiguousarray(np.flip(pixels, turn.reversed_axes))
