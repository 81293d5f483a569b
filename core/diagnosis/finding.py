"""What a diagnosis says: a cause, how sure that is, the evidence, and what mends it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Certainty = Literal["certain", "likely", "possible"]
Kind = Literal["fault", "note"]

# Stable ids, in the order of the flow; each has its section in docs/findings.md.
CAUSES: dict[str, str] = {
    "F1": "The picture is turned by its EXIF tag",
    "F2": "Transparency in the picture",
    "F3": "The number of input channels differs",
    "F4": "More than 8 bits a sample",
    "F5": "The picture is of one color",
    "S1": "The picture has another size than in training",
    "P1": "Normalization is missing",
    "P2": "Normalization is applied twice",
    "P3": "Normalization that the training did not have",
    "P4": "The scale of 255 is missing",
    "P5": "The scale depends on the picture",
    "P6": "Red and blue are swapped",
    "P7": "An odd convention that this checkpoint needs",
    "W1": "Names do not match, so weights are not loaded",
    "W3": "A part that was never trained",
    "W4": "The number of classes differs",
    "W5": "The aux head belongs to other classes",
    "W6": "Weights that are not numbers",
    "W7": "A checkpoint for other pictures",
    "B1": "BatchNorm statistics that cannot be used",
    "B2": "Inference in training mode",
    "N1": "Training ended in NaN",
    "N2": "Half precision overflows",
    "R1": "Argmax or softmax over a single channel",
    "R3": "A threshold on logits without a sigmoid",
    "R4": "A threshold that nothing reaches",
    "R5": "The activation is applied twice",
    "R6": "Argmax over the wrong axis",
    "R7": "The other channel is shown",
    "R8": "The wrong output, or one that was not enlarged",
    "D1": "Class ids saved as gray levels",
    "D2": "Probabilities cast to whole numbers",
    "D3": "Ids multiplied by 255 wrap around",
    "D4": "A palette that does not fit the classes",
    "D5": "Palette indices read as brightness",
    "D6": "A mask saved as JPEG",
    "D7": "Labels of 16 bits shown as 8",
    "T1": "The network says background",
    "T2": "The ground truth holds other values than class ids",
    "T3": "The ids of the ground truth are shifted or permuted",
    "T4": "The ground truth was resized with interpolation",
}
NOT_IN_THE_SETTINGS = frozenset(cause for cause in CAUSES if cause[0] in "DTW")  # lies elsewhere
MASKS_MEAN_NOTHING = frozenset({"W3", "W6", "N1"})  # so comparing them tells nothing
ENDS_SEARCH = frozenset({"W6", "N1"})  # where the logits are broken, no other settings are tried
STATISTICS_ARE_BROKEN = frozenset({"B1"})  # so neither order nor size is judged by masks
# In which order findings of one phase are told where nothing else decides, and their fixes laid
# over each other: as people look for them.
ORDER = (
    *("F1", "F2", "F5", "N1", "W6", "W1", "W5", "F4", "W4", "F3", "W3", "R1", "D1", "D4", "D5"),
    *("D6", "T4", "T2", "S1", "P1", "P2", "P3", "P4", "P5", "P7", "B2", "B1", "N2", "R3", "R5"),
    *("R8", "P6", "R4", "R6", "R7", "D2", "D3", "D7", "T3", "T1", "W7"),
)
CERTAINTIES: tuple[Certainty, ...] = ("certain", "likely", "possible")


@dataclass(frozen=True)
class Evidence:
    """One thing that was measured."""

    words: str  # a sentence with its number in it
    number: float | None = None  # the same number, for tables and tests


@dataclass(frozen=True)
class Finding:
    """One cause that fits."""

    cause: str  # a key of CAUSES
    certainty: Certainty
    evidence: tuple[Evidence, ...]
    fix: str  # in words
    code: str  # a line of the user's own code that does it
    changes: Mapping[str, Any] = field(default_factory=dict)  # the fix as settings, {} for none
    effect: float | None = None  # share of the pixels whose class changes with the fix, 0..1
    separates: str = ""  # the test that would tell this cause from the others that fit
    kind: Kind = "fault"  # a note is worth knowing and does no harm here

    @property
    def name(self) -> str:
        """The cause in words."""
        return CAUSES[self.cause]

    def to_dict(self) -> dict[str, Any]:
        """Texts, numbers, lists and mappings of them."""
        return {
            "cause": self.cause,
            "name": self.name,
            "certainty": self.certainty,
            "kind": self.kind,
            "evidence": [{"words": e.words, "number": e.number} for e in self.evidence],
            "fix": self.fix,
            "code": self.code,
            "changes": dict(self.changes),
            "effect": self.effect,
        }


def worst_first(finding: Finding) -> tuple[bool, int, float]:
    """Order of findings: faults before notes, the surest first, then by what they do."""
    sure = CERTAINTIES.index(finding.certainty)
    return finding.kind == "note", sure, -(finding.effect or 0.0)
