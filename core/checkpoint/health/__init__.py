"""The problems of the weights in a file: the numbers, the layers, the heads, the names."""

from core.checkpoint.health.facts import Fact, examine, looked_at
from core.checkpoint.health.heads import Head, heads_in
from core.checkpoint.health.numbers import notes_on
from core.checkpoint.health.prefixes import reason_for
from core.checkpoint.health.statistics import Statistics, histogram_of, statistics_of

__all__ = [
    "Fact",
    "Head",
    "Statistics",
    "examine",
    "heads_in",
    "histogram_of",
    "looked_at",
    "notes_on",
    "reason_for",
    "statistics_of",
]
