"""What is known of two programs beside each other, as values and in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from core.deployed.align import Alignment, Pair
from core.deployed.answers import FORMS, Likeness, enlarged, labels_of
from core.deployed.thresholds import SAME_ROUNDED
from core.diagnosis.causes import CAUSES
from core.diagnosis.finding import Finding, headline


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """Two programs beside each other."""

    one: str  # names
    other: str
    fed: np.ndarray  # Float32[1 c h w], to both
    logits: np.ndarray  # Float32[1 C h w] of the first
    likeness: Likeness | None  # what the second gives beside them; None where nothing is alike
    alignment: Alignment | None  # of the layers; None where one side cannot be looked into
    tolerance: float  # see `core.sketch.apart`
    findings: tuple[Finding, ...]  # worst first
    failed: str = ""  # why the second could not be run

    def __str__(self) -> str:
        """The verdict, the findings, and the layers around the first that differs."""
        return _in_words(self)

    __repr__ = __str__

    @property
    def agrees(self) -> bool:
        """Whether both give the same mask, from the same numbers."""
        return self.likeness is not None and self.likeness.agrees(self.tolerance)

    @property
    def labels(self) -> np.ndarray:
        """Int[h w] of the first, at the size of what the second decides."""
        assert self.likeness is not None  # of who asks
        return labels_of(enlarged(self.logits, self.likeness.labels.shape), "logits")

    @property
    def scores(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Float32[C h w] of both in the same form; None where the second has labels alone."""
        like = self.likeness
        if like is None or like.scores is None:
            return None
        return FORMS[like.form](enlarged(self.logits, like.scores.shape[2:]))[0], like.scores[0]

    @property
    def parting(self) -> Pair | None:
        """The first layer where they part."""
        if self.alignment is None:
            return None
        first = self.alignment.first_above(self.tolerance)
        return None if first is None else self.alignment.pairs[first]

    @property
    def stage(self) -> str:
        """The first stage where they part: "tensor", "logits", "labels", or "" for none."""
        if self.findings:
            stage = CAUSES[self.findings[0].cause].stage
            return "logits" if stage == "checkpoint" else stage
        return "" if self.agrees else "logits"

    @property
    def verdict(self) -> str:
        """One sentence."""
        if self.findings:
            return headline(self.findings)
        if self.failed:
            return f"{self.other} could not be run: {self.failed}"
        if self.likeness is None:
            return (
                f"The outputs of {self.other} have other classes than {self.one}, so they cannot "
                "be compared."
            )
        if self.agrees:
            return self._calm
        return (
            f"Their masks differ at {1 - self.likeness.same:.1%} of the pixels, their logits by "
            f"{self.likeness.apart:.0%} of their spread{self._where}."
        )

    @property
    def _calm(self) -> str:
        """What is said where both are the same."""
        like = self.likeness
        assert like is not None  # of who asks
        largest = f"the largest difference of a logit is {like.largest:.2g}, and "
        return (
            f"Your deployed model is the same: {largest if np.isfinite(like.largest) else ''}"
            f"{like.same:.2%} of the pixels have the same class. Look at what stands before it "
            "(how the picture is fed) and behind it (how the mask is written: "
            "maskscope mask out.png)."
        )

    @property
    def _where(self) -> str:
        pair = self.parting
        if pair is None and self.tolerance == SAME_ROUNDED:
            return "; no layer is further apart than rounding to 8 bits explains"
        if pair is None:
            return "; no layer that could be compared differs, so the cause cannot be told"
        return f" from {pair.one.name} on; the cause cannot be told"

    def to_dict(self) -> dict[str, Any]:
        """Texts, numbers, lists and mappings of them."""
        like, pair, layers = self.likeness, self.parting, self.alignment
        return {
            "verdict": self.verdict,
            "stage": self.stage,
            "same_labels": like.same if like else None,
            "largest_difference": like.largest if like and np.isfinite(like.largest) else None,
            "first_layer": None if pair is None else {
                "one": pair.one.name, "other": pair.other.name, "apart": _number(pair.apart)
            },
            "layers": [] if layers is None else [
                {"one": p.one.name, "other": p.other.name, "apart": _number(p.apart)}
                for p in layers.pairs
            ],
            "unmatched": list(layers.unmatched) if layers else None,
            "findings": [finding.to_dict() for finding in self.findings],
        }  # fmt: skip


def _number(value: float) -> float | str:
    return value if np.isfinite(value) else "infinite"


def _in_words(found: Comparison) -> str:
    """The verdict, the findings, and the layers around the first that differs."""
    said = [found.verdict]
    for finding in found.findings:
        lines = [f"[{finding.cause}] {finding.name} ({finding.certainty})"]
        lines += [f"  - {piece.words}" for piece in finding.evidence]
        lines += [f"  What to do: {finding.fix}", f"    {finding.code}"]
        said.append("\n".join(lines))
    if found.alignment is not None:
        said.append(_layers(found, found.alignment))
    return "\n\n".join(said)


def _layers(found: Comparison, alignment: Alignment) -> str:
    pairs, (left, right) = alignment.pairs, alignment.unmatched
    first = alignment.first_above(found.tolerance)
    shown = range(len(pairs))[max(0, (first or 0) - 2) : (first or 0) + 3]
    lines = [
        f"{'->' if k == first else '  '} {pairs[k].apart:8.2%}  {pairs[k].one.name}  |  "
        f"{pairs[k].other.name}"
        for k in shown
    ]
    told = (
        f"{len(pairs)} layers were matched by kind, size and order; {left} of {found.one} and "
        f"{right} of {found.other} have no partner. Differences in shares of the layer's spread:"
    )
    return "\n".join([told, *lines])
