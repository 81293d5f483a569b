"""The size to feed where the network cannot take the one that is fed."""

from __future__ import annotations

from typing import Any

from core.diagnosis.measure.inspections import Inspections
from core.diagnosis.measure.sizes import at_size
from core.errors import ChannelMismatchError, ForwardError, InspectionError
from core.settings import Settings


def size_to_feed(measured: Inspections, *, by_trial: bool = False) -> tuple[int, int] | None:
    """The size h, w to feed instead, where the network takes no picture of the size that is fed.

    Args:
        measured: of the case.
        by_trial: whether the network may be run where its file does not tell.

    Returns:
        None where it takes what is fed, or where another size does not help.
    """
    height, width = measured.view
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


def to_feed(settings: Settings, size: tuple[int, int]) -> dict[str, Any]:
    """Settings that feed this size h, w as a whole: windows of another size are given up."""
    return {**at_size(size), **({"window": 0} if settings.forwarding.window else {})}


def _is_run(measured: Inspections, size: tuple[int, int]) -> bool:
    try:
        measured.under(to_feed(measured.settings, size))
    except InspectionError:
        return False
    return True
