"""Which layer of one program is which of the other: by kind, size and order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import partial
from itertools import groupby

from core.deployed.layers import Layer
from core.sketch import apart

MOST_PARALLEL = 4  # layers of one kind and size in a row that may be in any order; definition


@dataclass(frozen=True, eq=False)
class Pair:
    """The same layer in both programs."""

    one: Layer
    other: Layer
    apart: float  # see `core.sketch.apart`


@dataclass(frozen=True)
class Alignment:
    """Layers of two programs beside each other."""

    pairs: tuple[Pair, ...]  # in the order of the computation
    unmatched: tuple[int, int]  # layers of the first and of the second that have no partner

    def first_above(self, tolerance: float) -> int | None:
        """Where they part: the first pair that is apart, where a later one is too.

        One pair alone may be two other layers of the same size; the last one has none behind it.
        """
        far = [k for k, pair in enumerate(self.pairs) if pair.apart > tolerance]
        lasts = len(far) > 1 or far == [len(self.pairs) - 1]
        return far[0] if far and lasts else None


def _paired(one: Sequence[Layer], other: Sequence[Layer]) -> Iterator[Pair]:
    """Partners of layers that match one by one; of those in parallel the nearest.

    Query, key and value of an attention have one kind and size, and no order: exporters write them
    as they like. So within a run of such layers each takes the nearest partner that is left.
    """
    at = 0
    for _, run in groupby(one, key=lambda layer: layer.token):
        mine = list(run)
        left = list(other[at : at + len(mine)])
        at += len(mine)
        for layer in mine:
            near = left[0] if len(mine) > MOST_PARALLEL else min(left, key=partial(_far, layer))
            left.remove(near)
            yield Pair(layer, near, apart(layer.seen, near.seen))


def _far(one: Layer, other: Layer) -> float:
    return apart(one.seen, other.seen)


def aligned(one: Sequence[Layer], other: Sequence[Layer]) -> Alignment:
    """Match layers of the same kind and size, in order.

    Args:
        one: the layers of the first program.
        other: those of the second, on the same input.
    """
    matcher = SequenceMatcher(None, [a.token for a in one], [b.token for b in other], False)
    pairs = [
        pair
        for block in matcher.get_matching_blocks()
        for pair in _paired(
            one[block.a : block.a + block.size], other[block.b : block.b + block.size]
        )
    ]
    return Alignment(tuple(pairs), (len(one) - len(pairs), len(other) - len(pairs)))
