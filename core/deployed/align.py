"""Which layer of one program is which of the other: by kind, size and order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from core.deployed.layers import Layer
from core.sketch import apart


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
        """Where they part: the first pair that stays apart, or that is not finite.

        One pair alone may be two other layers of the same size: the next one has to be apart too.
        """
        far = [pair.apart > tolerance for pair in self.pairs]
        for k, is_far in enumerate(far):
            if is_far and all(far[k : k + 2]):
                return k
        return None


def aligned(one: Sequence[Layer], other: Sequence[Layer]) -> Alignment:
    """Match layers of the same kind and size, in order.

    Args:
        one: the layers of the first program.
        other: those of the second, on the same input.
    """
    matcher = SequenceMatcher(None, [a.token for a in one], [b.token for b in other], False)
    pairs = [
        Pair(
            one[block.a + k],
            other[block.b + k],
            apart(one[block.a + k].seen, other[block.b + k].seen),
        )
        for block in matcher.get_matching_blocks()
        for k in range(block.size)
    ]
    return Alignment(tuple(pairs), (len(one) - len(pairs), len(other) - len(pairs)))
