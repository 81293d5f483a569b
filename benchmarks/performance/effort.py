"""How much is measured, and what a part of the measurements says."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Effort:
    """How often and how long."""

    rounds: int  # interleaved turns of everything that is compared
    drags: int
    minute: float  # seconds that browsers drag for
    warm_moves: int  # until every cache is full
    moves: int
    starts: int  # of the server


FULL = Effort(rounds=15, drags=7, minute=60, warm_moves=400, moves=2000, starts=5)
SHORT = Effort(rounds=2, drags=1, minute=5, warm_moves=20, moves=40, starts=1)


@dataclass(frozen=True)
class Said:
    """What one part found."""

    figures: Mapping[str, float]  # by their keys in the JSON, dots between the levels
    text: str  # Markdown
    missing: tuple[str, ...] = field(default=())  # what could not be measured, and why


def interleaved(ways: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Medians in seconds; every way once a round, so that what disturbs one disturbs all."""
    for way in ways.values():
        way()  # warm up
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            times[name].append(seconds(way))
    return {name: statistics.median(taken) for name, taken in times.items()}


def seconds(call: Callable[[], object]) -> float:
    """How long it takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def table(head: tuple[str, ...], rows: list[tuple[object, ...]]) -> str:
    """A table in Markdown.

    >>> print(table(("way", "ms"), [("ours", 12.34)]))
    | way | ms |
    |---|---|
    | ours | 12.3 |
    """
    lines = [head, ("---",) * len(head), *([_shown(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" if k != 1 else f"|{'|'.join(line)}|"
                     for k, line in enumerate(lines))  # fmt: skip


def _shown(cell: object) -> str:
    if isinstance(cell, float):
        return f"{cell:,.1f}" if abs(cell) >= 10 else f"{cell:.3g}"
    return str(cell)
