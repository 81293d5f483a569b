"""Compare two programs on one picture: where they part, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from core.deployed import reasons
from core.deployed.align import aligned
from core.deployed.answers import Likeness, nearest
from core.deployed.comparison import Comparison
from core.deployed.evidence import Seen, tolerance_of
from core.deployed.feeds import Feed, feeds
from core.deployed.programs import Given, NetworkProgram, Program
from core.diagnosis.finding import worst_first
from core.errors import ForwardError, InspectionError
from core.image import Image
from core.preprocess import preprocess
from core.settings import Settings, change

Progress = Callable[[str], None]


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
    first = next(asked)
    progress(f"running {one.name}")
    right = one.give(first.x, tapped=True)
    progress(f"running {other.name}")
    try:
        given = other.give(first.x, tapped=True)
    except ForwardError as error:
        return _without(one, other, first, right, sized != settings, error)
    seen = _seen(one, other, first, right, given, sized != settings)
    if not seen.agrees:
        progress("trying other ways to feed it")
        seen = replace(seen, better=_better(other, asked, seen))
        seen = replace(seen, in_training=_in_training(one, first, seen))
    return Comparison(
        one.name,
        other.name,
        first.x,
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


def _better(other: Program, tried: Iterable[Feed], seen: Seen) -> tuple[Feed, Likeness] | None:
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
