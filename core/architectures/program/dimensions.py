"""Which sizes of the input an exported program takes."""

from __future__ import annotations

import re
from typing import Any

from core.architectures.program.arguments import integer_of, one_of
from core.architectures.program.refusals import refusal
from core.architectures.sizes import Dimension

SYMBOL = re.compile(
    r"(?:Mul\(Integer\((\d{1,9})\), )?Symbol\('(\w+)'[^()]*\)\)?|(\d{1,9})\*(\w+)|(\w+)"
)


def shape_of(sizes: Any, ranges: Any) -> tuple[Dimension, Dimension, Dimension, Dimension]:
    """The sizes [n c h w] that the input may have; ArchitectureError where it is no picture."""
    if len(sizes) != 4:
        raise refusal(
            f"takes an input of {len(sizes)} dimensions",
            "Export it with a picture of the shape (1, channels, height, width).",
        )
    n, c, h, w = (_dimension(size, ranges) for size in sizes)
    if not n.takes(1):
        raise refusal(
            f"takes {n.size} pictures at once",
            "Export it with a picture of the shape (1, channels, height, width).",
        )
    return n, c, h, w


def _dimension(size: Any, ranges: Any) -> Dimension:
    kind, content = one_of(size)
    if kind == "as_int":
        return Dimension(integer_of(content), integer_of(content), integer_of(content))
    match = SYMBOL.fullmatch(content["expr_str"])
    step, symbol = _multiple(match) if match else (1, "")
    low, high = _range(ranges, symbol, step)
    hint = (content.get("hint") or {}).get("as_int")
    fallback = -(-max(low, 64) // step) * step  # torch has always stated a size so far
    return Dimension(integer_of(hint or fallback), low, high, step, symbol)


def _multiple(match: re.Match[str]) -> tuple[int, str]:
    """How torch wrote `s0` and `32*s0` in its versions."""
    step = int(match[1] or match[3] or 1)
    return max(step, 1), match[2] or match[4] or match[5]


def _range(ranges: Any, symbol: str, step: int) -> tuple[int, int | None]:
    found = ranges.get(symbol) or {}
    low, high = found.get("min_val"), found.get("max_val")
    low = 1 if low is None or low <= 2 else integer_of(low)  # torch writes 2 for any size
    return low * step, None if high is None else integer_of(high) * step
