"""What a pickled module says of itself beside its tensors: strides, sums, where its input is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.checkpoint import Checkpoint


@dataclass(frozen=True)
class Told:
    """The plain attributes of the modules of a file; none where only weights were saved."""

    attributes: Mapping[str, Any]
    prefix: str  # before the names of the network's own layers

    def number(self, name: str, default: int) -> int:
        """A number, or the first of a pair."""
        value = self.attributes.get(self.prefix + name)
        value = value[0] if isinstance(value, list | tuple) and value else value
        return value if isinstance(value, int) else default

    def numbers(self, name: str, default: tuple[int, ...]) -> tuple[int, ...]:
        """One or several whole numbers."""
        value = self.attributes.get(self.prefix + name)
        values = value if isinstance(value, list | tuple) else (value,)
        return tuple(values) if all(isinstance(part, int) for part in values) else default

    def text(self, name: str) -> str:
        """A text, "" where there is none."""
        value = self.attributes.get(self.prefix + name)
        return value if isinstance(value, str) else ""

    def activation(self, name: str) -> bool | None:
        """Whether a unit has an activation; None where the file has no modules.

        Activations can work in place and say so; the identity in their stead says nothing.
        """
        start = f"{self.prefix}{name}.act."
        if f"{start}training" not in self.attributes:
            return None
        return f"{start}inplace" in self.attributes


def told_by(checkpoint: Checkpoint) -> Told:
    """What this file says of its modules."""
    return Told(checkpoint.attributes, checkpoint.prefix)
