"""The part of the script that runs the network on windows and flipped views.

It mirrors core/views.py operation by operation.
"""

from __future__ import annotations

from core.export.pieces import indented
from core.settings import Forwarding
from core.views import FLIPS

ONE_VIEW = '''\
def one_view(network: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    """The logits of one view at its size, [1 classes h w]."""
{body}
    return enlarge(logits, x.shape[2:])'''
IN_WINDOWS = '''\
def starts(length: int) -> list[int]:
    """Where windows begin: each a stride after the one before, the last one moved inside."""
    if WINDOW >= length:
        return [0]
    stride = max(1, int(WINDOW * (1 - OVERLAP)))
    return [*range(0, length - WINDOW, stride), length - WINDOW]


def in_windows(network: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    """The mean of the logits of all windows, [1 classes h w] at the size of x."""
    height, width = x.shape[2:]
    count, total = torch.zeros(1, 1, height, width), None
    for top in starts(height):
        for left in starts(width):
            window = (..., slice(top, top + WINDOW), slice(left, left + WINDOW))
            logits = one_view(network, x[window])
            if total is None:
                total = torch.zeros(1, logits.shape[1], height, width)
            total[window] += logits
            count[window] += 1
    return total / count'''


def constants(chosen: Forwarding) -> tuple[str, ...]:
    """What the functions below know by name."""
    lines = []
    if chosen.window:
        lines.append(f"WINDOW, OVERLAP = {chosen.window}, {chosen.overlap!r}  # pixels, share")
    if chosen.flip != "none":
        axes = ", ".join(str(list(axes)) for axes in FLIPS[chosen.flip])
        lines.append(f"FLIPS = [{axes}]  # axes of x that are reversed in each view")
    return tuple(lines)


def averaging(chosen: Forwarding, one: list[str]) -> list[str]:
    """The functions that are needed.

    Args:
        chosen: the views.
        one: the lines that make `logits` of `x`.
    """
    if not mean(chosen):
        return []
    view = ONE_VIEW.replace("{body}", indented(one))
    return [view, IN_WINDOWS] if chosen.window else [view]


def mean(chosen: Forwarding) -> list[str]:
    """The lines that make `logits` of `x` at its size; none where there is one view."""
    run = "in_windows" if chosen.window else "one_view"
    if chosen.flip == "none":
        return ["logits = in_windows(network, x)"] if chosen.window else []
    return [
        f"views = [{run}(network, x.flip(axes)).flip(axes) for axes in FLIPS]",
        "logits = sum(views[1:], views[0]) / len(views)",
    ]
