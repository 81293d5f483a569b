"""One picture of a set: a name, and how it is opened, so that no set has to lie in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.image import Image
from core.scores import Truth


@dataclass(frozen=True, eq=False)
class Opened:
    """A picture, and its ground truth where there is one."""

    image: Image
    truth: Truth | None = None


@dataclass(frozen=True, eq=False)
class Sample:
    """One picture of a set; it is opened more than once, and never kept."""

    name: str  # unique in the set
    open: Callable[[], Opened]  # raises InspectionError where it cannot be read


def sample_of(image: Image, truth: Truth | None = None, name: str = "") -> Sample:
    """A picture that is in memory already."""
    opened = Opened(image, truth)
    return Sample(name or image.digest, lambda: opened)
