"""Compare two programs on one picture: where they part, and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from core.deployed import reasons
from core.deployed.align import Alignment, Pair, aligned
from core.deployed.answers import FORMS, Likeness, enlarged, labels_of, nearest
from core.deployed.evidence import Seen, tolerance_of
from core.deployed.feeds import Feed, feeds
from core.deployed.programs import Given, NetworkProgram, Program
from core.deployed.thresholds import SAME_ROUNDED
from core.deployed.words import in_words
from core.diagnosis.finding import Finding, worst_first
from core.errors import ForwardError, InspectionError
from core.image import Image
from core.preprocess import preprocess
from core.settings import Settings, change

Progress = Callable[[str], None]


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
        return in_words(self)

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
            from core.diagnosis.causes import CAUSES

            stage = CAUSES[self.findings[0].cause].stage
            return "logits" if stage == "checkpoint" else stage
        return "" if self.agrees else "logits"

    @property
    def verdict(self) -> str:
        """One sentence."""
        if self.findings:
            first, *others = self.findings
            start = {"certain": "", "likely": "Likely: ", "possible": "Possibly: "}
            more = f" And {len(others)} more." if others else ""
            return f"{start[first.certainty]}{first.name}. {first.evidence[0].words}{more}"
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


def compare(
    image: Image,
    one: Program,
    other: Program,
    settings: Settings,
    *,
    progress: Progress = lambda stage: None,
) -> Comparison:
    """Feed both programs the same and find where they part.

    Args:
        image: the picture.
        one: the program that is right: a checkpoint as it was trained.
        other: what was deployed.
        settings: how `one` is fed.
        progress: told what is done next.

    Raises:
        InspectionError: `one` cannot be run on this picture.
    """
    sized = _fit(image, settings, other)
    asked = feeds(image, sized)
    progress(f"running {one.name}")
    right = one.give(asked[0].x, tapped=True)
    progress(f"running {other.name}")
    try:
        given = other.give(asked[0].x, tapped=True)
    except ForwardError as error:
        return _without(one, other, asked[0], right, sized != settings, error)
    seen = _seen(one, other, asked[0], right, given, sized != settings)
    if not seen.agrees:
        progress("trying other ways to feed it")
        seen = replace(seen, better=_better(other, asked[1:], seen))
        seen = replace(seen, in_training=_in_training(one, asked[0], seen))
    return Comparison(
        one.name,
        other.name,
        asked[0].x,
        seen.logits,
        seen.likeness,
        seen.alignment,
        seen.tolerance,
        worst_first(reasons.all_of(seen)),
    )


def _fit(image: Image, settings: Settings, other: Program) -> Settings:
    """Both are fed at the size that the deployed one is fixed to, where it is another one."""
    if other.size in (None, preprocess(image, settings.preprocessing).tensor.shape[2:]):
        return settings
    height, width = other.size
    return change(settings, resize="fixed", height=height, width=width)


def _seen(
    one: Program, other: Program, feed: Feed, right: Given, given: Given, is_resized: bool
) -> Seen:
    logits = right.outputs[0].values
    layers = aligned(right.layers, given.layers) if right.layers and given.layers else None
    like = nearest(given.outputs, logits)
    return Seen(one, other, feed.x, right, given, like, layers, tolerance_of(other), is_resized)


def _better(other: Program, tried: tuple[Feed, ...], seen: Seen) -> tuple[Feed, Likeness] | None:
    """The first other feed with which the deployed program gives the right answer."""
    for feed in tried:
        try:
            like = nearest(other.give(feed.x).outputs, seen.logits)
        except InspectionError:  # a graph that takes this one cannot be told from it
            continue
        if like is not None and like.agrees(seen.tolerance):
            return feed, like
    return None


def _in_training(one: Program, feed: Feed, seen: Seen) -> Likeness | None:
    """What is alike with the statistics of the picture instead of the stored ones."""
    if not isinstance(one, NetworkProgram) or seen.better is not None:
        return None
    training = replace(one, forwarding=replace(one.forwarding, mode="train"))
    try:
        logits = training.give(feed.x).outputs[0].values
    except InspectionError:
        return None
    return nearest(seen.given.outputs, logits)


def _without(
    one: Program, other: Program, feed: Feed, right: Given, is_resized: bool, error: ForwardError
) -> Comparison:
    """What can be told of a program that does not run."""
    seen = _seen(one, other, feed, right, Given(()), is_resized)
    return Comparison(
        one.name, other.name, feed.x, right.outputs[0].values, None, None, seen.tolerance,
        worst_first(reasons.of_the_file(seen)), f"{error.message} {error.remedy}",
    )  # fmt: skip
