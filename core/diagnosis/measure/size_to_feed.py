"""The size to feed where the network cannot take the one that is fed."""

from __future__ import annotations

from core.diagnosis.measure.inspections import Inspections
from core.diagnosis.measure.sizes import at_size
from core.errors import ChannelMismatchError, ForwardError, InspectionError


def size_to_feed(measured: Inspections, *, by_trial: bool = False) -> tuple[int, int] | None:
    """The size h, w to feed instead, where the network takes no picture of the size that is fed.

    Args:
        measured: of the case.
        by_trial: whether the network may be run where its file does not tell.

    Returns:
        None where it takes what is fed, or where another size does not help.
    """
    height, width = measured.tensor.tensor.shape[2:]
    told = measured.network.sizes
    if told is not None and not told.take(height, width):
        return told.nearest(height, width)
    if not by_trial:
        return None
    try:
        measured.seen  # noqa: B018 - whether it can be run is the question
    except ChannelMismatchError:
        return None
    except ForwardError:
        near = measured.sizes.nearest(height, width)
        return near if near != (height, width) and _is_run(measured, near) else None
    return None


def _is_run(measured: Inspections, size: tuple[int, int]) -> bool:
    try:
        measured.under(at_size(size))
    except InspectionError:
        return False
    return True
