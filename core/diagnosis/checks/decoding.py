"""The decision rule: can this output pass through it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from core.diagnosis.finding import Evidence, Finding
from core.diagnosis.measure.measurements import Measurements
from core.diagnosis.progress import Progress
from core.diagnosis.thresholds import (
    ACTIVATED_RANGE,
    ALIVE_NATS,
    CONSTANT_RANGE,
    HARMLESS_SHARE,
    HISTOGRAM_BINS,
    LEAST_CUT,
    LIVELY_SHARE,
    PROBABILITY_SLACK,
    TRIED_CUTS,
    TWO_HEAPS,
    USUAL_CUTS,
    VISIBLE_SHARE,
)


def one_channel(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """R1: argmax over one channel is always 0, softmax over one channel always 1."""
    rule, activation = measured.rule
    if measured.channels != 1 or (rule != "argmax" and activation != "softmax"):
        return
    what = "Argmax over it is 0" if rule == "argmax" else "Softmax over it is 1"
    yield Finding(
        "R1",
        "certain",
        (
            Evidence("The network has one output channel.", 1),
            Evidence(f"{what} everywhere, whatever the network returns."),
        ),
        "Decide with a sigmoid and a threshold.",
        "mask = model(x).sigmoid()[0, 0] > 0.5",
        changes={"rule": "threshold", "activation": "sigmoid", "threshold": 0.5},
    )


def no_sigmoid(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """R3: numbers beyond 0 to 1 compared with a threshold that is a probability."""
    rule, activation = measured.rule
    cut = measured.settings.decoding.threshold
    if rule == "argmax" or activation != "none" or not 0 < cut < 1:
        return
    low, high = _range(measured)
    if low > -PROBABILITY_SLACK and high < 1 + PROBABILITY_SLACK:
        return
    changes = {"activation": "sigmoid"}
    effect = measured.mask.changed(changes, so_far.fixes)
    yield Finding(
        "R3",
        "certain",
        (
            Evidence(f"The logits range from {low:.2g} to {high:.2g}: not probabilities."),
            Evidence(f"They are compared with a threshold of {cut:g}.", cut),
        ),
        "Apply the sigmoid, or compare the logits with 0.",
        "mask = model(x).sigmoid() > 0.5",
        changes=changes,
        effect=effect,
        kind="fault" if effect >= VISIBLE_SHARE else "note",
    )


def twice(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """R5: the network's own output is a probability already; its family or its range says so."""
    rule, activation = measured.rule
    low, high = _range(measured)
    told = measured.network.scores.ends_in if low <= high else ""  # a NaN is in no range
    seen = 0 <= low <= high <= 1 and high - low >= CONSTANT_RANGE
    seen = seen and not so_far.masks_mean_nothing  # logits at random are small numbers too
    if rule == "argmax" or activation == "none" or not (told or seen):
        return
    changes = {"activation": "none"}
    family = f"{measured.network.architecture} ends in a {told}."
    yield Finding(
        "R5",
        "certain" if told or high - low >= ACTIVATED_RANGE else "possible",
        (
            *([Evidence(family)] if told else []),
            Evidence(f"The output lies between {low:.3g} and {high:.3g}: already activated."),
            Evidence("The sigmoid of such a value is never below 0.5."),
        ),
        f"Remove the {activation}.",
        f"probs = model(x)  # no {activation}: the network ends in one",
        changes=changes,
        effect=measured.mask.changed(changes, so_far.fixes),
        separates="" if told else "The last line of the network's forward.",
    )


def _range(measured: Measurements) -> tuple[float, float]:
    values = measured.seen.logits.values
    channel = values[min(1, len(values) - 1)] if measured.rule[0] == "threshold" else values
    return float(channel.min()), float(channel.max())


def threshold(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """R4: empty or full at this threshold, and alive at another."""
    rule, activation = measured.rule
    if rule == "argmax" or measured.mask.is_alive(so_far.fixes):
        return
    if measured.truth.matches(so_far.fixes):
        return
    tried = [
        ({"threshold": t}, measured.truth.mask_score({**so_far.fixes, "threshold": t}))
        for t in (*_thresholds(measured, activation), *_between_heaps(measured, so_far))
    ]
    changes, then = max(tried, key=lambda pair: pair[1])
    if then < max(ALIVE_NATS, LIVELY_SHARE * measured.truth.max_score) or so_far.masks_mean_nothing:
        return
    apart = _two_heaps(measured, {**so_far.fixes, **changes})
    now = measured.settings.decoding.threshold
    if USUAL_CUTS[0] <= now <= USUAL_CUTS[1] and apart < TWO_HEAPS:
        return
    share = float((measured.under({**so_far.fixes, **changes}).labels.ids > 0).mean())
    yield Finding(
        "R4",
        "likely",
        (
            Evidence(f"At a threshold of {now:g} the mask has one class.", now),
            Evidence(f"At {changes['threshold']:g} it shows {share:.1%} foreground.", share),
            Evidence(f"That split explains {apart:.0%} of the variance of the scores.", apart),
        ),
        "Use the threshold that was used in training.",
        f"mask = probs > {changes['threshold']:g}",
        changes=changes,
        effect=measured.mask.changed(changes, so_far.fixes),
        separates="The threshold at which the score of the training was computed.",
    )


def _two_heaps(measured: Measurements, changes: Mapping[str, Any]) -> float:
    """Share of the variance of the scores that lies between the two sides of the threshold, 0..1.

    A threshold that cuts one heap of scores in two has at most 0.64 (of a normal distribution).
    """
    seen = measured.under(changes)
    values = seen.logits.values
    scores = values[min(1, len(values) - 1)]
    inside = seen.labels.ids > 0
    if inside.all() or not inside.any():
        return 0.0
    share, gap = float(inside.mean()), float(scores[inside].mean() - scores[~inside].mean())
    return share * (1 - share) * gap**2 / max(float(scores.var()), 1e-12)


def _between_heaps(measured: Measurements, so_far: Progress) -> Iterator[float]:
    """The threshold between two heaps of scores, however low, where a ground truth can judge it."""
    if not measured.truth.has_shapes or measured.rule[1] != "sigmoid":
        return
    values = measured.under(so_far.fixes).logits.values
    logits = values[min(1, len(values) - 1)]
    if not np.isfinite(logits).all() or logits.min() == logits.max():
        return
    cut = float(1 / (1 + np.exp(-_otsu(logits))))
    if LEAST_CUT <= cut <= 1 - LEAST_CUT:
        yield float(f"{cut:.1g}" if cut < USUAL_CUTS[0] else f"{cut:.3f}")


def _otsu(values: np.ndarray) -> float:
    """Where to cut so that the sides differ most: Otsu, 1979.

    Args:
        values: Float[h w], finite and not all the same.

    >>> bool(1 < _otsu(np.array([[0.0, 0.5, 1.0], [9.0, 9.5, 10.0]])) < 9)
    True
    """
    counts, edges = np.histogram(values, HISTOGRAM_BINS)
    middles = (edges[1:] + edges[:-1]) / 2
    left = np.cumsum(counts)[:-1].astype(np.float64)
    right = counts.sum() - left
    total = np.cumsum(counts * middles)
    gap = total[:-1] / np.maximum(left, 1) - (total[-1] - total[:-1]) / np.maximum(right, 1)
    between = left * right * gap**2
    best = np.flatnonzero(between >= between.max() * (1 - 1e-9))  # a valley is equally good
    return float(edges[1 + int(best[len(best) // 2])])


def _thresholds(measured: Measurements, activation: str) -> tuple[float, ...]:
    now = measured.settings.decoding.threshold
    known = TRIED_CUTS if activation != "none" else (0.0, *TRIED_CUTS)
    return tuple(value for value in known if value != now)


def other_head(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """R8: the aux head is read, and says something else."""
    if measured.settings.forwarding.head != "aux":
        return
    changes = {"head": "out"}
    effect = measured.mask.changed(changes, so_far.fixes)
    yield Finding(
        "R8",
        "certain",
        (
            Evidence(
                f"The aux head is read; the main head differs at {effect:.1%} of the pixels.",
                effect,
            ),
        ),
        "Read the head.",
        "logits = model(x)['out']",
        changes=changes,
        effect=effect,
        kind="fault" if effect >= HARMLESS_SHARE else "note",
    )
