"""Which ids a few whole numbers are: the rules by which people and programs number classes.

Only the values are looked at, so that a cleaned map (without JPEG's ghosts) is asked the same.
"""

from __future__ import annotations

from collections.abc import Callable

from core.mask_file import numbered_in_grays as in_grays
from core.mask_file import numbered_plainly as plainly
from core.mask_file.numbered import Numbering


def numbering_of(values: list[int]) -> Numbering:
    """What fits these values of 8 bits, at least two of them, the smallest first.

    >>> found = numbering_of([0, 85, 170, 255])
    >>> found.kind_id, found.ids
    ('stretched', {0: 0, 85: 1, 170: 2, 255: 3})
    """
    return next((found for rule in RULES if (found := rule(values))), plainly.unknown(values))


RULES: tuple[Callable[[list[int]], Numbering | None], ...] = (
    plainly.cityscapes,
    in_grays.inverted,
    plainly.two,
    in_grays.wrapped,
    plainly.one_based,
    plainly.with_void,
    in_grays.spread,
    plainly.small_ids,
    in_grays.many_steps,
    in_grays.luminance,
    in_grays.common_step,
    in_grays.wrapped_multiples,
    in_grays.spread_with_gaps,
    plainly.many_ids,
)
