"""What the readers of configs share: the words of choices, and the first key of a pattern."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from core.architectures.network import Choice, Tensors, choose

ATTENTION, IMAGE = "attention heads", "image size"
HEAD_WIDTH = 64  # channels of one attention head, in every ViT that was published
HEADS = (1, 2, 3, 4, 6, 8, 12, 16)
Config = dict[str, Any]
Read = tuple[Config, tuple[Choice, ...]]
Reader = Callable[[Tensors, Mapping[str, str]], Read]


def choose_heads(width: int, chosen: Mapping[str, str], usual: int = HEAD_WIDTH) -> Choice:
    """How many attention heads share so many channels, which no tensor tells.

    Args:
        width: channels of all heads together.
        chosen: the user's choices.
        usual: channels of one in what was published.
    """
    counts = dict.fromkeys([max(1, width // usual), *(n for n in HEADS if width % n == 0)])
    return choose(ATTENTION, tuple(map(str, counts)), chosen)


def first(tensors: Tensors, pattern: str) -> str:
    """The first key that matches, "" for none."""
    return next((key for key in tensors if re.search(pattern, key)), "")
