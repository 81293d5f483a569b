"""From what a set shows to findings: normalization, channel order, light, empty masks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from core.architectures import Network
from core.diagnosis.checks.feeding import FIX, TRANSFORMS
from core.diagnosis.finding import Certainty, Evidence, Finding, Kind
from core.diagnosis.many.against_truth import against_truth
from core.diagnosis.many.light import Light, Shift
from core.diagnosis.many.masks import MaskSums, miou, renamed
from core.diagnosis.many.order import OrderEvidence
from core.diagnosis.many.set_diagnosis import NOW, OTHER, THEN
from core.diagnosis.normalization.naming import cause_of, in_words
from core.diagnosis.normalization.numbers import numbers_in_words
from core.diagnosis.normalization.recovered import Recovered
from core.diagnosis.thresholds import (
    FAIR_IOU,
    FEWEST_EMPTY,
    FOREGROUND_SHARE,
    HARMLESS_SHARE,
    LIKE_TRAINING_NATS,
    MANY_EMPTY,
    ORDER_ERRORS,
    ORDER_IOU,
    SURE_ORDER_GAIN,
)
from core.presets import convention_name
from core.settings import Settings, change


@dataclass(frozen=True, eq=False)
class SetFacts:
    """All that was measured over a set."""

    settings: Settings
    network: Network
    count: int  # pictures
    recovered: Recovered | None = None
    order: OrderEvidence = field(default_factory=OrderEvidence)
    masks: Mapping[str, MaskSums] = field(default_factory=dict)  # by NOW, THEN, OTHER
    # Share of the pixels that differ: THEN from NOW, and OTHER from THEN.
    changed: Mapping[str, float] = field(default_factory=dict)
    light: Light | None = None
    shift: Shift | None = None  # from the training's pictures, where light explains it

    @property
    def swaps(self) -> bool:
        """Whether the other channel order is the right one."""
        said = self.order_by_truth
        return self.order.sign > 0 if said is None else said

    @property
    def order_by_truth(self) -> bool | None:
        """Whether ground truths prefer the other order; None where they do not say."""
        scores = self.order_scores
        if scores is None:
            return None
        before, after = scores
        better, worse = max(scores), min(scores)
        if better <= FAIR_IOU:
            return None
        clear = better > worse + ORDER_IOU or 1 - worse > ORDER_ERRORS * (1 - better)
        return after > before if clear else None

    @property
    def order_scores(self) -> tuple[float, float] | None:
        """The mIoU in the present order and in the other; None without ground truths."""
        there = [self.masks[name] for name in (THEN, OTHER) if name in self.masks]
        if len(there) < 2 or not all(sums.compared for sums in there):
            return None
        now, other = (miou(renamed(sums.confusion, {})) for sums in there)
        return now, other

    @property
    def best(self) -> MaskSums | None:
        """The masks with all fixes."""
        name = OTHER if self.swaps else THEN
        return self.masks.get(name) or self.masks.get(THEN) or self.masks.get(NOW)


def findings_of(facts: SetFacts) -> Iterator[Finding]:
    """Everything that the set shows, in no order."""
    yield from normalization(facts)
    yield from channel_order(facts)
    yield from light(facts)
    yield from empty(facts)
    if facts.best is not None:
        names = facts.settings.display.class_names or facts.network.class_names
        ids = range(facts.best.num_ids)
        known = [names[k] if k < len(names) else f"class {k}" for k in ids]
        told = facts.recovered
        sure = told is not None and told.certainty != "cannot tell"
        yield from against_truth(facts.best, known, input_known=sure)


def _kind(share: float) -> Kind:
    return "fault" if share >= HARMLESS_SHARE else "note"


# --- normalization --------------------------------------------------------------------------------


def normalization(facts: SetFacts) -> Iterator[Finding]:
    """P1 to P5 and P7: the set shows another convention than the one that is fed."""
    known = facts.recovered
    if known is None or not known.changes:
        return
    now = facts.settings
    changes = {**known.changes, "color": now.preprocessing.color}  # the order is asked for itself
    cause = cause_of(now.preprocessing, changes)
    fix, code = FIX[cause]
    effect = facts.changed.get(THEN, 1.0)
    sure: Certainty = "possible" if known.certainty == "cannot tell" else known.certainty
    yield Finding(
        cause,
        sure,
        tuple(_of_convention(facts, known)),
        fix,
        code,
        changes=changes,
        effect=effect,
        separates="" if sure == "certain" else TRANSFORMS,
        kind=_kind(effect),
    )


def _of_convention(facts: SetFacts, known: Recovered) -> Iterator[Evidence]:
    now = facts.settings
    trained = in_words(change(now, **known.changes).preprocessing)
    if known.solved is not None and known.has_other_numbers:
        family = convention_name(known.family)
        trained = f"numbers like those of {family}: {numbers_in_words(known.solved)}"
    fed = in_words(now.preprocessing)
    yield Evidence(f"The network is fed {fed}; it was trained on {trained}.", known.margin)
    yield Evidence(known.reason, known.kl)
    if known.solved is not None and not known.has_other_numbers:
        words = f"Solved from {facts.count} pictures: {numbers_in_words(known.solved)}."
        yield Evidence(words, facts.count)
    if known.kl:
        words = f"Fed as now, the KL divergence over the set is {known.current:.2g} nats."
        yield Evidence(words, known.current)


# --- channel order --------------------------------------------------------------------------------


def channel_order(facts: SetFacts) -> Iterator[Finding]:
    """P6: the set prefers the other channel order."""
    if not facts.swaps:
        return
    color = facts.settings.preprocessing.color
    swapped = {"color": "bgr" if color == "rgb" else "rgb"}
    effect = facts.changed.get(OTHER, 1.0)
    scores = facts.order_scores if facts.order_by_truth else None
    sure: Certainty = "likely"
    if scores is not None and scores[1] > SURE_ORDER_GAIN * scores[0]:
        sure = "certain"
    yield Finding(
        "P6",
        sure,
        tuple(_of_order(facts, scores)),
        "Give the channels in the order that was used in training.",
        "image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)",
        changes=swapped,
        effect=effect,
        separates="" if scores else "A ground truth: the right order has a higher mIoU.",
        kind=_kind(effect),
    )


def _of_order(facts: SetFacts, scores: tuple[float, float] | None) -> Iterator[Evidence]:
    order, color = facts.order, facts.settings.preprocessing.color
    if scores is not None:
        now, then = color.upper(), "BGR" if color == "rgb" else "RGB"
        words = f"The mIoU over the set is {scores[0]:.2f} as {now}, {scores[1]:.2f} as {then}."
        yield Evidence(words, scores[1] - scores[0])
    if order.votes:
        yield Evidence(
            f"Of {len(order.votes)} pictures {sum(v > 0 for v in order.votes)} prefer the other "
            f"channel order: {order.mean:.1f} votes each, {order.errors:.1f} standard errors.",
            order.mean,
        )
    if order.layer is not None:
        factor = math.exp(order.layer)
        yield Evidence(
            "Mean and std solved in the other order give what the first BatchNorm has stored "
            f"{factor:.2g} times better.",
            factor,
        )


# --- light, and masks of background ---------------------------------------------------------------


def light(facts: SetFacts) -> Iterator[Finding]:
    """S3: the pictures are darker, brighter or flatter than those of the training."""
    shift = facts.shift
    if shift is None or not shift.words:
        return
    words = (
        f"Your {facts.count} pictures are {shift.words} than those that the network learned from: "
        f"first BatchNorm {shift.nats:.2g} nats."
    )
    yield Finding(
        "S3",
        "likely",
        (Evidence(words, shift.nats),),
        "Expose as in the training, or train with such pictures and with brightness augmented.",
        "transforms.ColorJitter(brightness=0.5, contrast=0.3)",
        separates=TRANSFORMS,
        kind="fault" if shift.nats > LIKE_TRAINING_NATS else "note",
    )


def empty(facts: SetFacts) -> Iterator[Finding]:
    """T1: nearly all masks are background, whatever is fixed."""
    best = facts.best
    if best is None or best.count < FEWEST_EMPTY or best.empty < MANY_EMPTY * best.count:
        return
    evidence = [Evidence(f"{best.empty} of {best.count} masks are background.", best.empty)]
    sure: Certainty = "possible"
    if best.compared:
        matrix = renamed(best.confusion, {})
        there = 1 - float(matrix[0].sum() / max(int(matrix.sum()), 1))
        if there <= FOREGROUND_SHARE:
            return
        sure = "likely"
        words = f"{there:.0%} of the ground truths is foreground, in {best.shown} of them."
        evidence.append(Evidence(words, there))
    yield Finding(
        "T1",
        sure,
        tuple(evidence),
        "Train longer, with a loss that weighs the classes, on crops that show the foreground.",
        "loss = nn.CrossEntropyLoss(weight=1 / frequency)",
        separates="" if best.compared else "A picture that certainly shows a class.",
    )
