"""Which pictures fare worst: those that no one of the settings saves."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from itertools import groupby

from core.sweep.rows import FAILED, Row

Picture = tuple[Row, ...]  # the rows of one picture, one for each of the settings


def by_picture(rows: Iterable[Row]) -> Iterator[Picture]:
    """The rows of each picture together; a table has them one after the other."""
    return (tuple(group) for _, group in groupby(rows, key=lambda row: row.picture))


def worst_first(rows: Iterable[Row], most: int) -> list[Picture]:
    """The pictures whose best setting is the worst; what failed comes first.

    Args:
        rows: of any number; no more than `most` pictures are held.
        most: how many pictures at most.
    """
    return heapq.nsmallest(most, by_picture(rows), key=badness)


def badness(picture: Picture) -> tuple[float, ...]:
    """Smaller is worse: computed at all, then mIoU, else share of foreground and confidence."""
    done = [row for row in picture if row.status != FAILED]
    if not done:
        return (0.0,)
    known = [row.mean_iou for row in done if row.mean_iou is not None]
    foreground = max(row.foreground for row in done)
    confidence = max(row.confidence or 0.0 for row in done)
    if known:
        return 1.0, max(known), foreground, confidence
    return 1.0, foreground, confidence
