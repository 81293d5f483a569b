"""The order of the channels: are red and blue where the network expects them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from core.diagnosis.checks.feeding import no_use
from core.diagnosis.finding import Certainty, Evidence, Finding
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
    HARMLESS_SHARE,
    LEFT_WITH_ORDER,
    ORDER_ERRORS,
    ORDER_IOU,
    ORDER_LIKE_NATS,
    SURE_ORDER_GAIN,
)

Said = tuple[Certainty, tuple[Evidence, ...]]
NOTHING: Said = ("possible", ())


def order(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """P6: with red and blue swapped the mask is better by more than chance."""
    color = measured.settings.preprocessing.color
    if color == "gray" or measured.network.in_channels != 3:
        return
    swapped = {"color": "bgr" if color == "rgb" else "rgb"}
    by_truth = measured.truth.has_shapes
    sure, evidence = (_truth_says if by_truth else _network_says)(measured, so_far, swapped)
    if not evidence:
        return
    effect = measured.mask.changed(swapped, so_far.fixes)
    yield Finding(
        "P6",
        sure,
        evidence,
        "Give the channels in the order that was used in training.",
        "image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)",
        changes=swapped,
        effect=effect,
        separates="" if by_truth else "A ground truth: the right order has a higher mIoU.",
        kind="fault" if effect >= HARMLESS_SHARE else "note",
    )


def _truth_says(measured: Measurements, so_far: Progress, swapped: Mapping[str, Any]) -> Said:
    """That the other order has the higher mIoU; also where the mask tells the shapes already.

    A network that takes red for blue may give one class for another, which tells as much.
    """
    if so_far.masks_mean_nothing or so_far.statistics_are_broken:
        return NOTHING
    both = so_far.fixes, {**so_far.fixes, **swapped}
    before, after = (measured.truth.iou(changes) or 0.0 for changes in both)
    now, then = map(measured.truth.mask_score, both)
    clearly = after > SURE_ORDER_GAIN * before
    better = after > before + ORDER_IOU or 1 - before > ORDER_ERRORS * (1 - after)
    if measured.picture.is_flat and _is_unlike_training(measured, both[1]):
        better = clearly  # with less contrast than in training either order may do a little better
    if not better or after <= FAIR_IOU or then < now:
        return NOTHING
    share = measured.truth.right_share
    if share(both[1]) <= share(both[0], renamed=True):  # the truth's ids have other names
        return NOTHING
    color, other = measured.settings.preprocessing.color.upper(), swapped["color"].upper()
    words = f"Against the ground truth the mIoU is {before:.2f} as {color}, {after:.2f} as {other}."
    score = f"The mask score rises from {now:.2f} to {then:.2f} nats."
    sure: Certainty = "certain" if clearly else "likely"
    return sure, (Evidence(words, after - before), Evidence(score, then - now))


def _is_unlike_training(measured: Measurements, changes: Mapping[str, Any]) -> bool:
    nats = measured.batchnorm.input_kl(changes)
    return nats is not None and nats > ORDER_LIKE_NATS


def _network_says(measured: Measurements, so_far: Progress, swapped: Mapping[str, Any]) -> Said:
    """What speaks for the other order where its votes suffice."""
    if no_use(measured, so_far):
        return NOTHING
    both = so_far.fixes, {**so_far.fixes, **swapped}
    now, then = map(measured.truth.mask_score, both)
    if then < max(ALIVE_NATS, LEFT_WITH_ORDER * now) or not is_judged(measured, both[1], both[0]):
        return NOTHING
    found = preference(measured, so_far.fixes, swapped)
    needed = needed_votes(measured)
    if found.votes < needed:
        return NOTHING
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
    moved = (
        "The share of the pixels that a mirrored, brighter or darker picture changes is "
        f"{_times(1 / found.calmer)}."
    )
    return "likely", (
        Evidence(votes, found.votes),
        Evidence(f"The mean confidence changes by {found.surer:+.3f}.", found.surer),
        Evidence(near, found.nearer),
        Evidence(left, found.steadier),
        Evidence(moved, found.calmer),
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
