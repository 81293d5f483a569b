"""What can be said of a mask's file before anybody judges it: format, depth, values, black."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from core.mask_file.finding import percent
from core.mask_file.levels import Levels, unpacked
from core.mask_file.stored import Stored, full

LISTED = 24  # values


@dataclass(frozen=True)
class Facts:
    """The file as it is stored."""

    format: str  # PNG, JPEG, ...
    mode: str  # as Pillow calls it
    bits: int  # of each number
    numbers: str  # uint8, float32, ...
    width: int
    height: int
    channels: int  # opacity is one
    palette: int  # colors of its palette, 0 for none
    transparent: float | None  # share of the pixels that are not opaque; None without opacity
    lowest: float
    highest: float
    distinct: int | None  # values or colors; None of floats
    shares: tuple[tuple[str, float], ...]  # value or color, share of the pixels; the commonest
    black: float  # share of the pixels that a person sees as black
    notes: tuple[str, ...]

    @property
    def in_words(self) -> str:
        """One line: "PNG, 640 x 480, mode L, 8 bits, 3 values from 0 to 2"."""
        parts = [self.format, f"{self.width} x {self.height}", f"mode {self.mode}"]
        parts += [f"{self.bits} bit{'' if self.bits == 1 else 's'}"]
        if self.palette:
            parts.append(f"a palette of {self.palette} colors")
        span = f"from {self.lowest:g} to {self.highest:g}"
        if self.distinct is None:
            parts.append(span)
        elif self.shares and self.shares[0][0].startswith("#"):
            parts.append(f"{self.distinct} colors")
        else:
            several = f"{self.distinct} values {span}"
            parts.append(several if self.distinct > 1 else f"one value, {self.lowest:g}")
        return ", ".join(parts)

    @property
    def values_in_words(self) -> str:
        """The commonest values with their shares."""
        return ", ".join(f"{value}: {percent(share)}" for value, share in self.shares[:8])

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def facts_of(stored: Stored) -> Facts:
    """Measure a file."""
    raster = stored.raster
    by_color = stored.colors is not None and raster.palette is None  # of a palette: indices
    levels = stored.colors if by_color else stored.levels
    values = raster.values
    known = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    alpha = stored.alpha
    return Facts(
        raster.format,
        raster.mode,
        1 if values.dtype == np.bool_ else values.dtype.itemsize * 8,
        values.dtype.name,
        *raster.size,
        1 if values.ndim == 2 else values.shape[2],
        0 if raster.palette is None else len(raster.palette),
        None if alpha is None else float((alpha < full(alpha)).mean()),
        float(known.min()) if known.size else float("nan"),
        float(known.max()) if known.size else float("nan"),
        None if levels is None else len(levels.values),
        () if levels is None else _shares(levels, color=by_color),
        stored.black_share,
        raster.notes,
    )


def _shares(levels: Levels, *, color: bool) -> tuple[tuple[str, float], ...]:
    first = np.argsort(-levels.counts, kind="stable")[:LISTED]
    names = [
        "#" + unpacked(np.array([levels.values[k]]))[0].tobytes().hex()
        if color
        else str(int(levels.values[k]))
        for k in first
    ]
    shares = (levels.counts[first] / levels.codes.size).tolist()
    return tuple(zip(names, shares, strict=True))
