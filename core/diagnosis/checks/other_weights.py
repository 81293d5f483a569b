"""Of several sets of weights in one file: whether another one shows what these do not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from core.checkpoint import Checkpoint
from core.diagnosis.causes import CAUSES
from core.diagnosis.checks.trained import never_trained, untrained
from core.diagnosis.checks.weights import not_finite
from core.diagnosis.finding import Certainty, Evidence, Finding
from core.diagnosis.measure.mask import main_share
from core.diagnosis.measure.measurements import Measurements
from core.diagnosis.normalization.recover import recover
from core.diagnosis.progress import Progress
from core.diagnosis.thresholds import ALIVE_NATS, MOST_PARTS
from core.errors import InspectionError


@dataclass(frozen=True, eq=False)
class _Other:
    """Other weights, and how they are to be fed."""

    part: str
    measured: Measurements
    changes: Mapping[str, Any]
    score: float  # nats, see `TruthMeasures.mask_score`


def alive_elsewhere(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """W9: these weights show nothing, fed as the others need it too; the others show something."""
    truth = measured.truth
    if not measured.case.others or (measured.case.truth is not None and not truth.has_shapes):
        return
    meaningless = so_far.masks_mean_nothing
    if not meaningless and measured.mask.is_alive(so_far.fixes):
        return
    found = [other for other in _others(measured, so_far) if other.score > ALIVE_NATS]
    if not found:
        return
    best = max(found, key=lambda other: other.score)
    if not meaningless and _shows(measured, best.changes) > ALIVE_NATS:
        return  # the settings are at fault, not the weights
    yield _finding(measured, so_far, best)


def _others(measured: Measurements, so_far: Progress) -> Iterator[_Other]:
    """Those that can be opened and look trained, each fed as it shows most."""
    for part, open_part in list(measured.case.others.items())[:MOST_PARTS]:
        try:
            checkpoint, network = open_part()
            case = replace(measured.case, checkpoint=checkpoint, network=network, others={})
            other = Measurements(case, measured.forwards)
            if any(list(check(other, so_far)) for check in (never_trained, not_finite, untrained)):
                continue
            yield max(_fed(part, other), key=lambda fed: fed.score)
        except InspectionError:  # it fits no network, or cannot be run on this picture
            continue


def _fed(part: str, other: Measurements) -> Iterator[_Other]:
    """As the user feeds it, and as it was trained."""
    yield _Other(part, other, {}, _shows(other, {}))
    if changes := recover(other, {}).changes:
        yield _Other(part, other, changes, _shows(other, changes))


def _shows(measured: Measurements, changes: Mapping[str, Any]) -> float:
    """What the mask says, in nats; nothing where it has one class."""
    return measured.truth.mask_score(changes) if measured.mask.is_alive(changes) else 0.0


def _finding(measured: Measurements, so_far: Progress, best: _Other) -> Finding:
    here, there = measured.under({}).labels, best.measured.under(best.changes).labels
    checkpoint = best.measured.case.checkpoint
    return Finding(
        "W9",
        _certainty(so_far, best),
        tuple(_evidence(measured, so_far, best)),
        f"Load the weights under {best.part} of the same file, not those under {_name(measured)}.",
        _loading(checkpoint) if checkpoint else "",
        changes=best.changes,
        effect=float((here.ids != there.ids).mean()),
        separates="The training script: which of the two it evaluated.",
        part=best.part,
    )


def _certainty(so_far: Progress, best: _Other) -> Certainty:
    """A ground truth decides, or that these weights are certainly broken."""
    broken = so_far.masks_mean_nothing and any(
        found.certainty == "certain" for found in so_far.findings.values()
    )
    return "certain" if broken or best.measured.truth.matches(best.changes) else "likely"


def _evidence(measured: Measurements, so_far: Progress, best: _Other) -> Iterator[Evidence]:
    share = main_share(measured.under(best.changes).labels.ids)
    name, alike = _name(measured), " fed the same," if best.changes else ""
    if so_far.masks_mean_nothing:
        broken = [c for c in so_far.faults if CAUSES[c].makes_masks_meaningless]
        titles = "; ".join(CAUSES[cause].title.lower() for cause in broken)
        yield Evidence(f"Of the weights under {name}: {titles}; not so of those under {best.part}.")
    else:
        yield Evidence(f"Of the weights under {name}, {share:.1%} of the mask is one class.", share)
    there = best.measured.under(best.changes).labels
    count = int((there.shares() > 0).sum())
    words = (
        f"Those under {best.part} of the same file give,{alike} a mask of {count} classes that "
        f"tells {best.score:.2f} nats of the ground truth."
        if measured.case.truth is not None
        else f"Those under {best.part} of the same file give,{alike} a mask of {count} classes "
        f"that agrees with that of the mirrored picture by {best.score:.2f} nats; 0 says nothing."
    )
    yield Evidence(words, best.score)
    if (iou := best.measured.truth.iou(best.changes)) is not None:
        yield Evidence(f"Against the ground truth their mIoU is {iou:.2f}.", iou)


def _name(measured: Measurements) -> str:
    checkpoint = measured.case.checkpoint
    return (checkpoint.part if checkpoint else "") or "the file itself"


def _loading(checkpoint: Checkpoint) -> str:
    """The line that loads these weights, without their prefix."""
    flat = checkpoint.wrapper and checkpoint.prefix.startswith(f"{checkpoint.wrapper[-1]}.")
    steps = checkpoint.wrapper[: -1 if flat else None]
    state = "torch.load(path, weights_only=True)" + "".join(f"[{step!r}]" for step in steps)
    if not checkpoint.prefix:
        return f"state = {state}"
    prefix = checkpoint.prefix
    return (
        f"state = {state}\n"
        f"state = {{k.removeprefix({prefix!r}): v for k, v in state.items() "
        f"if k.startswith({prefix!r})}}"
    )
