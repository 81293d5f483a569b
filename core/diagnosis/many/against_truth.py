"""A set against its ground truths, from summed counts: ids, turns, classes and their balance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from core.diagnosis.checks.orientation import turned_finding
from core.diagnosis.checks.truth import renamed_truth
from core.diagnosis.finding import Certainty, Evidence, Finding
from core.diagnosis.many.masks import MaskSums, miou, renamed, right_share
from core.diagnosis.thresholds import (
    BALANCE_FACTOR,
    BALANCE_SHARE,
    FEWEST_EMPTY,
    FOREGROUND_SHARE,
    MANY_EMPTY,
    RENAMED_GAIN,
    RENAMED_SHARE,
    SEEN_SHARE,
    TRUTH_IDS,
    TURNED_IOU,
    VOID_ID,
)
from core.verdict import class_name


def against_truth(
    sums: MaskSums, class_names: Sequence[str], *, input_known: bool = False
) -> Iterator[Finding]:
    """T6, T3 or T2, T5, T8: the first of them that explains what is wrong.

    Args:
        sums: under the settings with all fixes.
        class_names: of the network.
        input_known: whether it is known that the network is fed as in its training, so that
            another balance is no consequence of that.
    """
    if not sums.compared:
        return
    found = (
        turned(sums)
        or other_ids(sums)
        or never_wins(sums, class_names)
        or unbalanced(sums, class_names, "likely" if input_known else "possible")
    )
    if found is not None:
        yield found


def turned(sums: MaskSums) -> Finding | None:
    """T6: with all ground truths turned in one way the mIoU is much higher."""
    scores = {name: miou(matrix) for name, matrix in sums.turns.items()}
    now = scores.pop("", 0.0)
    if not scores or now >= TURNED_IOU:
        return None
    name, best = max(scores.items(), key=lambda pair: pair[1])
    return turned_finding(name, now, best) if best >= max(TURNED_IOU, now + RENAMED_GAIN) else None


# --- ids ------------------------------------------------------------------------------------------


def other_ids(sums: MaskSums) -> Finding | None:
    """T3 or T2: off by one, or permuted, whichever explains more with less."""
    as_is = right_share(renamed(sums.confusion, {}))
    tried = [*_shifts(sums.num_ids), assignment(sums.confusion)]
    shares = [right_share(renamed(sums.confusion, mapping)) for mapping in tried]
    best = int(np.argmax(shares))
    if shares[best] < RENAMED_SHARE or shares[best] < as_is + RENAMED_GAIN:
        return None
    there = set(np.flatnonzero(sums.confusion.sum(axis=1)).tolist())
    wrong = {a: b for a, b in tried[best].items() if a != b and a in there and b >= 0}
    if len(wrong) < 2:  # one class for another is what a network that errs says too
        return None
    foreign = any(value == VOID_ID or value > max(2, sums.num_ids) for value in wrong)
    return renamed_truth(wrong, as_is, shares[best], "T2" if foreign else "T3")


def _shifts(count: int) -> list[dict[int, int]]:
    """The truth counts from 1, or the network does; an id that falls out does not count."""
    return [
        {k: k + step if 0 <= k + step < count else -1 for k in range(count + 1)} for step in (-1, 1)
    ]


def assignment(confusion: np.ndarray) -> dict[int, int]:
    """Each id of the truth with one of the network, those with the largest IoU first.

    Args:
        confusion: Int64[TRUTH_IDS + 1, n + 1], of `MaskSums`.
    """
    counts = confusion[:TRUTH_IDS, :-1].astype(np.float64)
    union = confusion.sum(axis=1)[:TRUTH_IDS, None] + confusion.sum(axis=0)[None, :-1] - counts
    iou = counts / np.maximum(union, 1)
    mapping: dict[int, int] = {}
    for place in np.argsort(-iou, axis=None, kind="stable")[: 4 * TRUTH_IDS].tolist():
        row, column = divmod(place, iou.shape[1])
        if iou[row, column] > 0 and row not in mapping and column not in mapping.values():
            mapping[row] = column
    return mapping


# --- classes --------------------------------------------------------------------------------------


def balance(sums: MaskSums) -> tuple[np.ndarray, np.ndarray]:
    """What is predicted and what is true, Float64[n] each: shares of the pixels that count."""
    matrix = renamed(sums.confusion, {})
    total = max(int(matrix.sum()), 1)
    return matrix.sum(axis=0)[:-1] / total, matrix.sum(axis=1)[:-1] / total


def never_wins(sums: MaskSums, class_names: Sequence[str]) -> Finding | None:
    """T5: a class that the ground truths have and no mask shows, where the others are right."""
    matrix = renamed(sums.confusion, {})
    predicted, true = balance(sums)
    lost = np.flatnonzero((true > FOREGROUND_SHARE) & (predicted < SEEN_SHARE))
    others = np.delete(np.arange(len(matrix) - 1), lost)
    counted = int(matrix[others].sum())
    right = int(matrix[others, others].sum()) / counted if counted else 0.0
    if not lost.size or right < RENAMED_SHARE or predicted.max() + SEEN_SHARE >= 1:
        return None
    worst = int(lost[true[lost].argmax()])
    name = class_name(worst, class_names)
    share, seen = float(true[worst]), float(predicted[worst])
    return Finding(
        "T5",
        "likely",
        (
            Evidence(f"Over {sums.compared} ground truths {share:.1%} are {name}.", share),
            Evidence(f"In the masks it wins at {seen:.2%} of the pixels.", seen),
            Evidence(f"Of the pixels of the other classes {right:.0%} are right.", right),
        ),
        f"See that the labels of the training hold class {worst} and that the loss does not "
        "ignore it, and train again.",
        "loss = nn.CrossEntropyLoss(ignore_index=255)",
        separates="The ids in the labels of the training, counted.",
    )


def unbalanced(sums: MaskSums, class_names: Sequence[str], sure: Certainty) -> Finding | None:
    """T8: one class takes far more, or far less, of the masks than of the ground truths.

    It is told where the regions are right otherwise: what is too large holds the true region, and
    what is too small lies in it. A wrong input moves regions; another balance makes them grow or
    shrink.
    """
    if sums.compared < FEWEST_EMPTY or sums.empty >= MANY_EMPTY * sums.count:
        return None
    matrix = renamed(sums.confusion, {})[:-1, :-1]
    predicted, true = balance(sums)
    hits = np.diagonal(matrix) / np.maximum(np.minimum(matrix.sum(axis=0), matrix.sum(axis=1)), 1)
    far = np.maximum(predicted, true) >= BALANCE_FACTOR * np.minimum(predicted, true)
    there = np.minimum(predicted, true) >= SEEN_SHARE
    off = np.where(far & there & (hits >= RENAMED_SHARE), np.abs(predicted - true), 0.0)
    worst = int(off.argmax())
    if off[worst] < BALANCE_SHARE:
        return None
    name = class_name(worst, class_names)
    return replace(_of_balance(sums, worst, name, float(hits[worst])), certainty=sure)


def _of_balance(sums: MaskSums, worst: int, name: str, hits: float) -> Finding:
    predicted, true = (float(shares[worst]) for shares in balance(sums))
    more = predicted > true
    held = f"of the true {name} is inside" if more else f"of what is called {name} is right"
    change = "less" if more else "more"
    return Finding(
        "T8",
        "likely",
        (
            Evidence(
                f"Over {sums.compared} pictures {name} is {predicted:.1%} of the masks and "
                f"{true:.1%} of the ground truths.",
                predicted / true,
            ),
            Evidence(f"{hits:.0%} {held}.", hits),
        ),
        f"Let class {worst} weigh {change} in the loss and in what is sampled, and train again.",
        "shares = labels.bincount() / labels.numel()\nprint(shares, loss.weight)",
        separates="The share of each class in the labels of the training, and the loss's weights.",
    )
