"""What a preprocessor_config.json beside the weights says about size and labels.

Its mean and std are read with those of every other file, in known.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FILE = "preprocessor_config.json"
REDUCE = ("do_reduce_labels", "reduce_labels", "do_reduce_label")  # of 2024, of 2022, of a few
MOST = 16_384  # pixels a side that a network is fed with


@dataclass(frozen=True)
class Stated:
    """Facts of the pictures and labels of training, as somebody wrote them down."""

    size: str = ""  # in words, "" where none is stated or none is resized
    reduces_labels: bool = False  # 1 was taken from every id, and 0 became void

    @property
    def notes(self) -> tuple[str, ...]:
        """What the page says of them."""
        found = [f"{FILE} says that pictures were resized to {self.size}"] if self.size else []
        if self.reduces_labels:
            found.append(f"{FILE} says do_reduce_labels: training took 1 from every id, 0 is void")
        return tuple(found)


def stated_in(metadata: Mapping[str, Any]) -> Stated:
    """Read the file among a checkpoint's metadata; nothing is stated where it is missing.

    >>> stated_in({"preprocessor_config.json": {"size": {"height": 512, "width": 640}}}).size
    '640 x 512 (width x height)'
    """
    config = metadata.get(FILE)
    if not isinstance(config, Mapping):
        return Stated()
    size = "" if config.get("do_resize") is False else _size(config.get("size"))
    return Stated(size, any(config.get(name) is True for name in REDUCE))


def _size(value: Any) -> str:
    if isinstance(value, Mapping):
        height, width = _side(value.get("height")), _side(value.get("width"))
        shorter, longer = _side(value.get("shortest_edge")), _side(value.get("longest_edge"))
        if height and width:
            return f"{width} x {height} (width x height)"
        most = f", the longer one to at most {longer}" if longer else ""
        return f"a shorter side of {shorter} pixels{most}" if shorter else ""
    side = _side(value)
    return f"{side} x {side} (width x height)" if side else ""


def _side(value: Any) -> int:
    """A number of pixels, 0 for what is none."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and 0 < value <= MOST else 0
