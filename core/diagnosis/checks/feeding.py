"""The input: does it have the size, scale, mean and std that the network expects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from core.architectures.sizes import Sizes
from core.diagnosis.finding import Certainty, Evidence, Finding
from core.diagnosis.measure.measurements import Measurements
from core.diagnosis.measure.size_to_feed import to_feed
from core.diagnosis.measure.sizes import ALL_SIZES, at_size
from core.diagnosis.normalization.channel_order import known_stem
from core.diagnosis.normalization.conventions import memory_of
from core.diagnosis.normalization.naming import cause_of, in_words, known_once
from core.diagnosis.normalization.numbers import numbers_in_words
from core.diagnosis.normalization.recover import from_memory
from core.diagnosis.normalization.recovered import Recovered
from core.diagnosis.progress import Progress
from core.diagnosis.thresholds import (
    CLEARLY_NEXT,
    FAIR_IOU,
    HARM,
    HARMLESS_SHARE,
    LIKE_TRAINING_NATS,
    MOST_PIXELS,
    MOST_SIDE,
    SIZE_DOUBTED,
    SIZE_GAIN,
    SIZE_GAIN_NATS,
    SIZE_IOU,
    SIZE_NEARER,
    TINY_SIDE,
    UNUSED_NORMS,
    WORSE_FED,
)
from core.presets import convention_name
from core.settings import change

TRANSFORMS = "The Normalize line of the training's transforms."
FIX = {
    "P1": ("Normalize as in training.", "x = (image / 255 - mean) / std"),
    "P2": ("Normalize once.", "x = normalize(x)  # and nowhere else, nor inside the network"),
    "P3": ("Feed pixels as in training.", "x = image / 255  # no mean, no std"),
    "P4": ("Divide by 255.", "x = torch.from_numpy(image).float() / 255"),
    "P5": ("Divide by a constant.", "x = image / 255  # not image / image.max()"),
    "P7": ("Follow the convention of this checkpoint.", "x = (image - mean) / std / 255"),
}


def not_taken(measured: Measurements, size: tuple[int, int]) -> Finding:
    """S1: the network stops on a picture of this size, so there is no mask before it is another.

    Args:
        measured: of the case.
        size: h, w that it takes, the nearest to what is fed.
    """
    height, width = measured.view
    return Finding(
        "S1",
        "certain",
        (
            Evidence(f"The network is fed {width} x {height} pixels, a size that it cannot take."),
            Evidence(f"The nearest size that it takes is {size[1]} x {size[0]}."),
            Evidence("Everything else here was found at that size."),
        ),
        "Resize the picture to a size that the network takes, or export it with dynamic_shapes.",
        f"image = image.resize(({size[1]}, {size[0]}))",
        changes=to_feed(measured.settings, size),
    )


def tiny(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """S1: resized to so little that no object is left."""
    height, width = measured.tensor.tensor.shape[2:]
    before = measured.case.image.pixels.shape[:2]
    if min(height, width) >= TINY_SIDE or min(before) < 2 * TINY_SIDE:
        return
    told = measured.network.sizes or ALL_SIZES  # what only a trial tells is not asked yet
    if told.is_one:
        return
    yield Finding(
        "S1",
        "likely",
        (
            Evidence(f"The network is fed {width} x {height} pixels.", min(height, width)),
            Evidence(f"The picture has {before[1]} x {before[0]}.", min(before)),
        ),
        "Feed the size that was used in training; where it is not known, the picture's own.",
        "image = image.resize(training_size)",
        changes=_at_own_size(measured, told),
    )


def normalization_in_checkpoint(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """P1 to P5 and P7 from the checkpoint alone: said at once, and asked again with the picture."""
    known = from_memory(measured, memory_of(measured), {})
    if known is None or not known.changes or measured.batchnorm.never_updated_share > UNUSED_NORMS:
        return
    now = measured.settings.preprocessing
    cause = cause_of(now, known.changes, bits=measured.case.image.facts.bits)
    fix, code = FIX[cause]
    evidence = tuple(_evidence(measured, known))
    yield Finding(cause, "likely", evidence, fix, code, changes=known.changes)


def normalization(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """P1 to P5 and P7: the running statistics belong to another input than the network is fed."""
    known = so_far.recovered
    if known is None or not known.changes or not _differs(known) or so_far.statistics_are_broken:
        return
    now = measured.settings.preprocessing
    cause = cause_of(now, known.changes, bits=measured.case.image.facts.bits)
    if change(measured.settings, **known.changes) == measured.settings:
        return
    if measured.truth.has_shapes and _worse(measured, so_far, known.changes):
        return
    sure, evidence = _certainty(known), tuple(_evidence(measured, known))
    by_checkpoint = sure == "certain" and known.margin < CLEARLY_NEXT
    if by_checkpoint and _worse(measured, so_far, known.changes):
        sure = "likely"
    separates = "" if sure == "certain" else TRANSFORMS
    yield _mismatch(measured, so_far, cause, sure, evidence, known.changes, separates)


def _mismatch(
    measured: Measurements,
    so_far: Progress,
    cause: str,
    sure: Certainty,
    evidence: tuple[Evidence, ...],
    changes: Mapping[str, Any],
    separates: str = "",
) -> Finding:
    """A fault, or a note where the change would do next to nothing to the mask."""
    effect = measured.mask.changed(changes, so_far.fixes)
    fix, code = FIX[cause]
    return Finding(
        cause,
        sure,
        evidence,
        fix,
        code,
        changes=changes,
        effect=effect,
        separates=separates,
        kind="fault" if effect >= HARMLESS_SHARE else "note",
    )


def _worse(measured: Measurements, so_far: Progress, changes: Mapping[str, Any]) -> bool:
    """Whether the mask score, of a ground truth or of mirror images, falls with the change."""
    before = measured.truth.mask_score(so_far.fixes)
    return measured.truth.mask_score({**so_far.fixes, **changes}) < HARM * before


def _differs(known: Recovered) -> bool:
    if known.kl == 0:  # by agreement, or by the checkpoint alone
        return True
    return known.current > LIKE_TRAINING_NATS and known.current > WORSE_FED * known.kl


def _certainty(known: Recovered) -> Certainty:
    """Two conventions that tie: it is another one than is fed, but which cannot be decided."""
    return "possible" if known.certainty == "cannot tell" else known.certainty


def _evidence(measured: Measurements, known: Recovered) -> Iterator[Evidence]:
    now = measured.settings.preprocessing
    wanted: Mapping[str, Any] = {k: v for k, v in known.changes.items() if hasattr(now, k)}
    trained = in_words(replace(now, **wanted))
    if known.solved is not None and known.has_other_numbers:
        family, numbers = convention_name(known.family), numbers_in_words(known.solved)
        trained = f"numbers like those of {family}, of pixels from 0 to 1: {numbers}"
    if known.also:
        trained = f"{trained}, or with {convention_name(known.also)}: both do equally well here"
    yield Evidence(f"The network is fed {in_words(now)}; it was trained on {trained}.")
    yield Evidence(known.reason, known.margin)
    if known.kl:
        words = f"Fed as now, the KL divergence is {known.current:.2g} nats."
        yield Evidence(words, known.current)
    if (like := known_stem(measured)) is not None:
        how = "still is" if like.untouched else "began from"
        yield Evidence(
            f"Its first convolution {how} that of {like.stem.name}, which is fed "
            f"{convention_name(like.stem.feeds)}."
        )


def known_twice(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """P2 from the numbers alone, where neither BatchNorm nor the masks show what is right."""
    once, known = known_once(measured.settings.preprocessing), so_far.recovered
    if once is None or known is None or known.certainty != "cannot tell":
        return
    if measured.truth.matches(so_far.fixes):
        return
    changes = {**once, "color": measured.settings.preprocessing.color}
    words = "Mean and std equal those of a known convention applied twice: m + m s and s s."
    yield _mismatch(measured, so_far, "P2", "likely", (Evidence(words),), changes, TRANSFORMS)


def own_maximum(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """P5: the divisor is this picture's maximum, and another than that of the depth."""
    largest = float(measured.tensor.divisor)
    if measured.settings.preprocessing.scale != "max" or largest >= measured.tensor.largest:
        return
    changes = {"scale": "255" if measured.tensor.largest == 255 else "65535"}
    words = f"The divisor is {largest:g}, the maximum of this picture; it differs between pictures."
    yield _mismatch(measured, so_far, "P5", "likely", (Evidence(words, largest),), changes)


def no_use(measured: Measurements, so_far: Progress) -> bool:
    """Whether comparing masks would tell nothing: all is well, or the picture is too unusual."""
    if measured.case.truth is not None and not measured.truth.has_shapes:
        return True
    if measured.truth.matches(so_far.fixes) or not measured.masks_compare:
        return True
    return so_far.masks_mean_nothing or so_far.statistics_are_broken


def size(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """S1: at another size the mask is much better."""
    if no_use(measured, so_far) or measured.picture.is_flat:
        return
    if measured.settings.forwarding.window:  # what the network sees has the window's size
        return
    score = measured.truth.mask_score
    now = score(so_far.fixes)
    tries = [(c, score({**so_far.fixes, **c})) for c in _other_sizes(measured, so_far)]
    if not tries:
        return
    changes, then = max(tries, key=lambda pair: pair[1])
    if then < SIZE_GAIN * now + SIZE_GAIN_NATS and not _truth_gains(measured, so_far, changes):
        return
    if _is_guess(measured) and not _is_nearer(measured, so_far, changes):
        return
    height, width = measured.tensor.tensor.shape[2:]
    other = measured.under({**so_far.fixes, **changes}).input.tensor.shape[2:]
    effect = measured.mask.changed(changes, so_far.fixes)
    yield Finding(
        "S1",
        "likely",
        (
            Evidence(f"At {width} x {height} pixels the mask score is {now:.2f} nats.", now),
            Evidence(f"At {other[1]} x {other[0]} pixels it is {then:.2f}.", then),
        ),
        "Feed the size that was used in training; where it is not known, the picture's own.",
        "image = image.resize(training_size)",
        changes=changes,
        effect=effect,
        separates="The crop or resize in the training configuration.",
    )


def _truth_gains(measured: Measurements, so_far: Progress, changes: Mapping[str, Any]) -> bool:
    """Whether a resize that somebody chose costs so much against the ground truth."""
    if not measured.truth.has_shapes or measured.settings.preprocessing.resize == "none":
        return False
    before, after = (measured.truth.iou({**so_far.fixes, **c}) or 0.0 for c in ({}, changes))
    return after > before + SIZE_IOU and after > FAIR_IOU


def _at_own_size(measured: Measurements, sizes: Sizes) -> dict[str, Any]:
    """The picture's own size, or the nearest that the network takes."""
    own = measured.case.image.pixels.shape[:2]
    near = sizes.nearest(*own)
    return {"resize": "none"} if near == own else at_size(near)


def _other_sizes(measured: Measurements, so_far: Progress) -> Iterator[Mapping[str, Any]]:
    """The picture's own size where it is resized, and half and double of what is fed."""
    height, width = measured.tensor.tensor.shape[2:]
    own = measured.case.image.pixels.shape[:2]
    affordable = own[0] * own[1] <= MOST_PIXELS * height * width
    if not _is_guess(measured) and affordable:
        if measured.sizes.nearest(*own) != (height, width):
            yield _at_own_size(measured, measured.sizes)
        return
    if measured.truth.mask_score(so_far.fixes) > SIZE_DOUBTED * measured.truth.max_score:
        return
    for factor in (0.5, 2.0):
        sides = measured.sizes.nearest(int(height * factor), int(width * factor))
        other = sides != (height, width)
        if other and min(sides) >= TINY_SIDE and max(sides) <= MOST_SIDE:
            yield at_size(sides)


def _is_guess(measured: Measurements) -> bool:
    """Whether the picture is fed at its own size: only the mask speaks for another."""
    chosen = measured.settings.preprocessing.resize
    resized = chosen in ("fixed", "shorter", "longer", "letterbox")
    return not resized or measured.case.image.pixels.shape[:2] == measured.view


def _is_nearer(measured: Measurements, so_far: Progress, changes: Mapping[str, Any]) -> bool:
    """Whether BatchNorm says that the other size is clearly more like training, where it can.

    A larger picture may give a richer mask of a network that sees all of it at once.
    """
    if not measured.batchnorm.can_be_asked:
        return True
    nats = measured.batchnorm.input_kl_of_all
    return SIZE_NEARER * nats({**so_far.fixes, **changes}) <= nats(so_far.fixes)
