"""Views of the input: sliding windows and flipped copies, and the mean of their logits.

What is averaged are logits, at the size of the input; windows that overlap count alike.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from core.errors import SettingsError
from core.operators import check_wanted
from core.settings import Flip, Forwarding

# The axes of [1 c h w] that are reversed in each view; the first is the input itself.
FLIPS: dict[Flip, tuple[tuple[int, ...], ...]] = {
    "none": ((),),
    "horizontal": ((), (3,)),
    "both": ((), (3,), (2,), (2, 3)),
}
MOST_VIEWS = 1024  # forwards of one inspection; a picture of 25 Mpx in windows of 512 has 400
Run = Callable[[torch.Tensor], torch.Tensor]


def averaged(x: torch.Tensor, forwarding: Forwarding, run: Run) -> torch.Tensor:
    """The mean logits of all views.

    Args:
        x: [1 c h w], what is fed.
        forwarding: window, overlap and flip.
        run: gives the logits of a view, Float32[1 C h w] at its size.

    Returns:
        Float32[1 C h w] at the size of x.

    Raises:
        SettingsError: there would be more than MOST_VIEWS.
        Exception: what `run` raises.
    """
    _check_count(x, forwarding)
    if forwarding.flip == "none":
        return _in_windows(x, forwarding, run)
    flipped = (_in_windows(x.flip(axes), forwarding, run) for axes in FLIPS[forwarding.flip])
    views = [view.flip(axes) for view, axes in zip(flipped, FLIPS[forwarding.flip], strict=True)]
    return sum(views[1:], views[0]) / len(views)


def _in_windows(x: torch.Tensor, forwarding: Forwarding, run: Run) -> torch.Tensor:
    if not forwarding.window:
        return run(x)
    height, width = x.shape[2:]
    count, total = torch.zeros(1, 1, height, width), None
    for rows, columns in windows(height, width, forwarding):
        check_wanted()  # a graph of another library has no layers to ask at
        logits = run(x[:, :, rows, columns])
        if total is None:
            total = torch.zeros(1, logits.shape[1], height, width)
        total[:, :, rows, columns] += logits
        count[:, :, rows, columns] += 1
    if total is None:
        raise ValueError("an input without pixels has no window")
    return total / count


def windows(height: int, width: int, forwarding: Forwarding) -> list[tuple[slice, slice]]:
    """Rows and columns of each window, row by row; all of it where there are none."""
    side = forwarding.window or max(height, width)
    return [
        (slice(top, min(top + side, height)), slice(left, min(left + side, width)))
        for top in _starts(height, side, forwarding.overlap)
        for left in _starts(width, side, forwarding.overlap)
    ]


def _starts(length: int, side: int, overlap: float) -> list[int]:
    """Where windows begin: each a stride after the one before, the last one moved inside.

    >>> _starts(10, 4, 0.25)
    [0, 3, 6]
    >>> _starts(11, 4, 0.25)
    [0, 3, 6, 7]
    >>> _starts(3, 4, 0.25)
    [0]
    """
    if side >= length:
        return [0]
    stride = max(1, int(side * (1 - overlap)))
    return [*range(0, length - side, stride), length - side]


# --- what they cost -------------------------------------------------------------------------------


def view_size(height: int, width: int, forwarding: Forwarding) -> tuple[int, int]:
    """The h, w that the network is given at once."""
    side = forwarding.window or max(height, width)
    return min(side, height), min(side, width)


def count_views(height: int, width: int, forwarding: Forwarding) -> int:
    """How often the network is run for an input of this size."""
    side = forwarding.window or max(height, width)
    rows, columns = (len(_starts(length, side, forwarding.overlap)) for length in (height, width))
    return rows * columns * len(FLIPS[forwarding.flip])


def count_pixels(height: int, width: int, forwarding: Forwarding) -> int:
    """How many pixels the network is given in all."""
    rows, columns = view_size(height, width, forwarding)
    return rows * columns * count_views(height, width, forwarding)


def _check_count(x: torch.Tensor, forwarding: Forwarding) -> None:
    count = count_views(x.shape[2], x.shape[3], forwarding)
    if count > MOST_VIEWS:
        raise SettingsError(
            f"An input of {x.shape[3]} x {x.shape[2]} has {count:,} such windows and flipped "
            f"views; at most {MOST_VIEWS:,} are run.",
            remedy="Choose a larger window or a smaller overlap.",
        )
