"""What is said of a mask's file: a kind, how sure that is, the evidence, and the ids it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from core.mask_file.kinds import KINDS, Kind

Certainty = Literal["certain", "likely", "possible"]
CERTAINTIES: tuple[Certainty, ...] = ("certain", "likely", "possible")
NO_CLASS = -1


@dataclass(frozen=True, eq=False)
class Reading:
    """The ids that a file holds, and how they come out of its values."""

    ids: np.ndarray  # Int32[h w]; NO_CLASS where a pixel has none
    words: str  # how a value becomes an id: "value / 85"
    by_value: Mapping[int, int]  # value of the file, or packed color -> id; {} where it is no map

    @property
    def classes(self) -> list[int]:
        """The ids that occur."""
        return [int(value) for value in np.unique(self.ids) if value != NO_CLASS]


@dataclass(frozen=True, eq=False)
class Finding:
    """One kind of file that this one is."""

    kind_id: str  # a key of KINDS
    certainty: Certainty
    sentence: str
    evidence: tuple[str, ...]  # each with its number
    reading: Reading | None = None

    @property
    def kind(self) -> Kind:
        """What is known of all such files."""
        return KINDS[self.kind_id]

    @property
    def is_fault(self) -> bool:
        """Whether something went wrong when it was written."""
        return self.kind.weight == "fault"

    def to_dict(self) -> dict[str, Any]:
        """Texts and lists, for JSON."""
        return {
            "kind": self.kind_id,
            "name": self.kind.title,
            "weight": self.kind.weight,
            "certainty": self.certainty,
            "sentence": self.sentence,
            "evidence": list(self.evidence),
            "only_the_checkpoint_tells": self.kind.only_checkpoint,
            "fix": self.kind.fix,
            "code": self.kind.code,
            "ids": None if self.reading is None else self.reading.classes,
            "ids_from_values": None if self.reading is None else self.reading.words,
        }


def counted(values: list[int], most: int = 8) -> str:
    """Values in a row, "0, 1, 2"; the middle of a long list is left out."""
    names = [str(value) for value in values]
    if len(names) > most:
        names = [*names[: most - 2], "...", names[-1]]
    return ", ".join(names)


def percent(share: float) -> str:
    """A share in words; what is not nothing is never 0."""
    if 0 < share < 0.001:
        return "under 0.1 %"
    return f"{100 * share:.1f} %".replace(".0 %", " %")
