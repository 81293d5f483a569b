"""The order of the channels: are red and blue where the network expects them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from core.diagnosis.checks.feeding import no_use
from core.diagnosis.finding import Evidence, Finding
from core.diagnosis.measure.measurements import Measurements
from core.diagnosis.normalization.channel_order import (
    is_judged,
    known_stem,
    needed_votes,
    preference,
)
from core.diagnosis.normalization.known_stems import Likeness
from core.diagnosis.progress import Progress
from core.diagnosis.thresholds import (
    ALIVE_NATS,
    FAIR_IOU,
    FLAT_ORDER_GAIN,
    HARMLESS_SHARE,
    LEFT_WITH_ORDER,
    ORDER_GAIN,
)


def order(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """P6: with red and blue swapped the mask is better by more than chance."""
    color = measured.settings.preprocessing.color
    if color == "gray" or measured.network.in_channels != 3 or no_use(measured, so_far):
        return
    swapped = {"color": "bgr" if color == "rgb" else "rgb"}
    score = measured.truth.mask_score
    now, then = score(so_far.fixes), score({**so_far.fixes, **swapped})
    if then < ALIVE_NATS:
        return
    by_truth = measured.truth.has_shapes
    evidence = (_truth_says if by_truth else _network_says)(measured, so_far, swapped, now, then)
    if not evidence:
        return
    effect = measured.mask.changed(swapped, so_far.fixes)
    yield Finding(
        "P6",
        "certain" if by_truth and then > FLAT_ORDER_GAIN * now else "likely",
        evidence,
        "Give the channels in the order that was used in training.",
        "image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)",
        changes=swapped,
        effect=effect,
        separates="" if by_truth else "A ground truth: the right order has a higher mIoU.",
        kind="fault" if effect >= HARMLESS_SHARE else "note",
    )


def _truth_says(
    measured: Measurements, so_far: Progress, swapped: Mapping[str, Any], now: float, then: float
) -> tuple[Evidence, ...]:
    """That the other order is better by the ground truth, and good; () where it is not."""
    doubtful = measured.picture.is_flat or measured.picture.is_unusual
    needed = FLAT_ORDER_GAIN if doubtful else ORDER_GAIN
    before, after = (measured.truth.iou({**so_far.fixes, **each}) or 0.0 for each in ({}, swapped))
    if then <= needed * now or after <= FAIR_IOU:
        return ()
    color, other = measured.settings.preprocessing.color.upper(), swapped["color"].upper()
    return (
        Evidence(
            f"Against the ground truth the mIoU is {before:.2f} as {color}, {after:.2f} as {other}."
        ),
        Evidence(f"The mask score rises from {now:.2f} to {then:.2f} nats.", then - now),
    )


def _network_says(
    measured: Measurements, so_far: Progress, swapped: Mapping[str, Any], now: float, then: float
) -> tuple[Evidence, ...]:
    """What speaks for the other order where its votes suffice; () where they do not."""
    if then < LEFT_WITH_ORDER * now or not is_judged(measured, {**so_far.fixes, **swapped}):
        return ()
    found = preference(measured, so_far.fixes, swapped)
    needed = needed_votes(measured)
    if found.votes < needed:
        return ()
    votes = (
        f"The other channel order scores {found.votes:.1f} by confidence, KL divergence, "
        f"agreement of the masks and known weights; {needed:g} decides."
    )
    origin = (_origin(known),) if (known := known_stem(measured)) else ()
    near = (
        "How unlike training the input is: its KL divergence from BatchNorm's running statistics "
        f"becomes {_times(1 / found.nearer)}."
    )
    left = f"Agreement with the mirrored and brightened masks is {_times(found.steadier)}."
    return (
        Evidence(votes, found.votes),
        Evidence(f"The mean confidence changes by {found.surer:+.3f}.", found.surer),
        Evidence(near, found.nearer),
        Evidence(left, found.steadier),
        *origin,
    )


def _origin(known: Likeness) -> Evidence:
    """What the weights alone say."""
    other = "rgb" if known.color == "bgr" else "bgr"
    best, rest = max(known.same, known.flipped), min(known.same, known.flipped)
    words = (
        f"Its first convolution began from that of {known.stem.name}: as {known.color} its filters "
        f"correlate by {best:.2f} with it, as {other} by {rest:.2f}."
    )
    return Evidence(words, best)


def _times(factor: float) -> str:
    return f"{factor:.2g} times higher" if factor >= 1 else f"{1 / factor:.2g} times lower"
