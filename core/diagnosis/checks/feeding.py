"""The input: does it have the size, scale, order, mean and std that the network expects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from core.diagnosis.causes import CAUSES
from core.diagnosis.evidence import Facts
from core.diagnosis.finding import Certainty, Evidence, Finding
from core.diagnosis.naming import cause_of, in_words, known_once
from core.diagnosis.normal import (
    GOOD,
    Recovered,
    from_memory,
)
from core.diagnosis.order import VOTES, is_judged, preference
from core.settings import change

TINY = 64  # pixels: a shorter side below it leaves 2 x 2 numbers at a stride of 32
WORSE = 3.0  # factor by which the settings must be less familiar than the training's convention
ALIVE = 0.05  # nats: below it a mask says nothing
FAIR = 0.45  # mIoU: below it the ids of the ground truth may be others than the network's
STILL = 0.8  # of what the mask tells, that must be left with the other order
ORDER, MUCH = 1.03, 1.5  # factors by which a ground truth must find the other order better
SIZE, SIZE_LEAST = 1.4, 0.05  # factor and nats; healthy pictures gained up to 1.3
DOUBTED = 0.6  # of what a mask could tell: above it no other size is tried
MOST = 16  # times the pixels fed now, that another size may have
HARMLESS = 0.02  # share of pixels: a mismatch that changes fewer is a note
TRANSFORMS = "The Normalize line of the training's transforms."
FIX = {
    "P1": ("Normalize as in the training.", "x = (image / 255 - mean) / std"),
    "P2": ("Normalize once.", "x = normalize(x)  # and nowhere else, nor inside the network"),
    "P3": ("Feed what the training fed.", "x = image / 255  # no mean, no std"),
    "P4": ("Divide by 255.", "x = torch.from_numpy(image).float() / 255"),
    "P5": ("Divide by a constant.", "x = image / 255  # not image / image.max()"),
    "P7": ("Follow the convention of this checkpoint.", "x = (image - mean) / std / 255"),
}


def tiny(facts: Facts) -> Iterator[Finding]:
    """S1: resized to so little that no object is left."""
    height, width = facts.tensor.tensor.shape[2:]
    before = facts.case.image.pixels.shape[:2]
    if min(height, width) >= TINY or min(before) < 2 * TINY:
        return
    yield Finding(
        "S1",
        "likely",
        (
            Evidence(f"The network is fed {width} x {height} pixels.", min(height, width)),
            Evidence(f"The picture has {before[1]} x {before[0]}.", min(before)),
        ),
        "Feed the size of the training; where it is not known, the picture's own.",
        "image = image.resize(training_size)",
        changes={"resize": "none"},
    )


def remembered(facts: Facts) -> Iterator[Finding]:
    """P1 to P5 and P7 from the checkpoint alone: said at once, and asked again with the picture."""
    known = from_memory(facts, {})
    if known is None or not known.changes or facts.fresh_norms > 0.5:
        return
    now = facts.settings.preprocessing
    cause = cause_of(now, known.changes, bits=facts.case.image.facts.bits)
    fix, code = FIX[cause]
    evidence = tuple(_evidence(facts, known))
    yield Finding(cause, "likely", evidence, fix, code, changes=known.changes)


def normalization(facts: Facts) -> Iterator[Finding]:
    """P1 to P5 and P7: the network remembers another input than it is given."""
    known = facts.recovered
    if not known.changes or not _differs(known):
        return
    now = facts.settings.preprocessing
    cause = cause_of(now, known.changes, bits=facts.case.image.facts.bits)
    if change(facts.settings, **known.changes) == facts.settings:
        return
    if facts.has_shapes and _worse(facts, known.changes):
        return
    sure, evidence = _certainty(known), tuple(_evidence(facts, known))
    separates = "" if sure == "certain" else TRANSFORMS
    yield _mismatch(facts, cause, sure, evidence, known.changes, separates)


def _mismatch(
    facts: Facts,
    cause: str,
    sure: Certainty,
    evidence: tuple[Evidence, ...],
    changes: Mapping[str, Any],
    separates: str = "",
) -> Finding:
    """A fault, or a note where the change would do next to nothing to the mask."""
    effect = facts.changed(changes)
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
        kind="fault" if effect >= HARMLESS else "note",
    )


def _worse(facts: Facts, changes: Mapping[str, Any]) -> bool:
    """Whether the ground truth says that the change does harm."""
    before = facts.goodness(facts.mended)
    return facts.goodness({**facts.mended, **changes}) < 0.9 * before


def _differs(known: Recovered) -> bool:
    if known.kl == 0:  # by agreement, or by the checkpoint alone
        return True
    return known.current > GOOD and known.current > WORSE * known.kl


def _certainty(known: Recovered) -> Certainty:
    """Two conventions that tie: it is another one than is fed, but which cannot be told."""
    return "possible" if known.certainty == "cannot tell" else known.certainty


def _evidence(facts: Facts, known: Recovered) -> Iterator[Evidence]:
    now = facts.settings.preprocessing
    wanted: Mapping[str, Any] = {k: v for k, v in known.changes.items() if hasattr(now, k)}
    yield Evidence(
        f"It is fed {in_words(now)}; it was trained on {in_words(replace(now, **wanted))}."
    )
    yield Evidence(known.reason, known.margin)
    if known.kl:
        words = f"What is fed now is {known.current:.2g} nats away."
        yield Evidence(words, known.current)


def known_twice(facts: Facts) -> Iterator[Finding]:
    """P2 from the numbers alone, where neither BatchNorm nor the masks tell what is right."""
    once = known_once(facts.settings.preprocessing)
    if once is None or facts.recovered.certainty != "cannot tell" or facts.satisfied:
        return
    changes = {**once, "color": facts.settings.preprocessing.color}
    words = "Mean and std are what comes of applying a known convention twice: m + m s and s s."
    yield _mismatch(facts, "P2", "likely", (Evidence(words),), changes, TRANSFORMS)


def own_maximum(facts: Facts) -> Iterator[Finding]:
    """P5: the divisor is this picture's maximum, and another than that of the depth."""
    largest = float(facts.tensor.divisor)
    if facts.settings.preprocessing.scale != "max" or largest >= facts.tensor.largest:
        return
    changes = {"scale": "255" if facts.tensor.largest == 255 else "65535"}
    words = f"The divisor is {largest:g}, this picture's maximum; others are divided by another."
    yield _mismatch(facts, "P5", "likely", (Evidence(words, largest),), changes)


def order(facts: Facts) -> Iterator[Finding]:
    """P6: with red and blue swapped the mask is better by more than chance."""
    color = facts.settings.preprocessing.color
    if color == "gray" or facts.network.in_channels != 3 or _no_use(facts):
        return
    swapped = {"color": "bgr" if color == "rgb" else "rgb"}
    now, then = facts.goodness(facts.mended), facts.goodness({**facts.mended, **swapped})
    if then < ALIVE:
        return
    told = facts.has_shapes
    evidence = (_truth_says if told else _network_says)(facts, swapped, now, then)
    if not evidence:
        return
    effect = facts.changed(swapped)
    yield Finding(
        "P6",
        "certain" if told and then > MUCH * now else "likely",
        evidence,
        "Give the channels in the order of the training.",
        "image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)",
        changes=swapped,
        effect=effect,
        separates="A ground truth: the right order has the higher mIoU.",
        kind="fault" if effect >= HARMLESS else "note",
    )


def _truth_says(
    facts: Facts, swapped: Mapping[str, Any], now: float, then: float
) -> tuple[Evidence, ...]:
    """That the other order is better by the ground truth, and good; () where it is not."""
    needed = MUCH if facts.flat else ORDER
    good = (facts.score({**facts.mended, **swapped}) or 0.0) > FAIR
    if then <= needed * now or not good:
        return ()
    color = facts.settings.preprocessing.color
    return (Evidence(f"As {color} the mask tells {now:.2f} nats, swapped {then:.2f}.", then - now),)


def _network_says(
    facts: Facts, swapped: Mapping[str, Any], now: float, then: float
) -> tuple[Evidence, ...]:
    """What speaks for the other order where it has the votes; () where it has not."""
    if then < STILL * now or not is_judged(facts, {**facts.mended, **swapped}):
        return ()
    found = preference(facts, facts.mended, swapped)
    if found.votes < VOTES:
        return ()
    votes = f"Three signs together give the other order {found.votes:.1f} votes; {VOTES:g} decide."
    near = f"The input is {_times(found.nearer)} familiar to BatchNorm."
    left = f"{_times(found.steadier)} of the mask is left in a mirror and in other light."
    return (
        Evidence(votes, found.votes),
        Evidence(f"The network's confidence changes by {found.surer:+.3f}.", found.surer),
        Evidence(near, found.nearer),
        Evidence(left, found.steadier),
    )


def _times(factor: float) -> str:
    return f"{factor:.2g} times more" if factor >= 1 else f"{1 / factor:.2g} times less"


def _no_use(facts: Facts) -> bool:
    """Whether comparing masks would tell nothing: all is well, or the picture is too unusual."""
    if facts.case.truth is not None and not facts.has_shapes:
        return True
    blocked = any(CAUSES[cause].blocks_order_and_size for cause in facts.faults)
    return facts.satisfied or facts.unusual or facts.head_is_random or blocked


def size(facts: Facts) -> Iterator[Finding]:
    """S1: at another size the mask is much better."""
    if _no_use(facts) or facts.flat:
        return
    now = facts.goodness(facts.mended)
    tries = [(c, facts.goodness({**facts.mended, **c})) for c in _other_sizes(facts)]
    if not tries:
        return
    changes, then = max(tries, key=lambda pair: pair[1])
    if then < SIZE * now + SIZE_LEAST:
        return
    height, width = facts.tensor.tensor.shape[2:]
    other = facts.under({**facts.mended, **changes}).input.tensor.shape[2:]
    effect = facts.changed(changes)
    yield Finding(
        "S1",
        "likely",
        (
            Evidence(f"At {width} x {height} the mask tells {now:.2f} nats.", now),
            Evidence(f"At {other[1]} x {other[0]} it tells {then:.2f}.", then),
        ),
        "Feed the size of the training; where it is not known, the picture's own.",
        "image = image.resize(training_size)",
        changes=changes,
        effect=effect,
        separates="The crop or resize in the configuration of the training.",
    )


def _other_sizes(facts: Facts) -> Iterator[Mapping[str, Any]]:
    """The picture's own size where it is resized, and half and double of what is fed."""
    height, width = facts.tensor.tensor.shape[2:]
    own = facts.case.image.pixels.shape[:2]
    chosen = facts.settings.preprocessing
    affordable = own[0] * own[1] <= MOST * height * width
    if chosen.resize in ("fixed", "shorter", "longer") and own != (height, width) and affordable:
        yield {"resize": "none"}
        return
    if facts.goodness(facts.mended) > DOUBTED * facts.richest:
        return
    for factor in (0.5, 2.0):
        sides = int(height * factor), int(width * factor)
        if min(sides) >= TINY and max(sides) <= 1024:
            yield {"resize": "fixed", "height": sides[0], "width": sides[1]}


NO_FORWARD = (tiny, remembered)
