"""The user's own output beside what each bug would have written; the best match is named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from core.diagnosis import bugs
from core.diagnosis.bugs import Bug
from core.diagnosis.causes import CAUSES
from core.diagnosis.evidence import Facts
from core.diagnosis.finding import Evidence, Finding
from core.diagnosis.saved import SAME, Coding, Written, coding, of_labels, read_written
from core.errors import InspectionError

SIMILAR = 0.85  # gain at a reduced size, where edges fall otherwise
ALIKE = 0.8  # gain from which on the file has our objects: other weights would not find them
HALF_ALIKE = 0.5  # weights at random may follow the colors so far, and so may others
CLEARER = 0.003  # gain by which a bug must match better than our own label map


@dataclass(frozen=True, eq=False)
class Match:
    """How well one bug explains the file."""

    bug: Bug
    gain: float  # 0 is no better than guessing, 1 explains every pixel


def saved_output(facts: Facts) -> Iterator[Finding]:
    """Compare with our label map, then with bugs that need no other forward, then the rest."""
    written = read_written(facts.case.saved) if facts.case.saved else None
    if written is None:
        return
    if written.flat:
        fits = list(_of_one_value(facts, written))
        yield from fits or _unexplained(facts, 0.0)
        return
    if (small := _reduced(facts, written)) > SIMILAR:
        yield _not_enlarged(written, small)
        return
    ours = _ours(facts, written)
    matches = list(_matches(bugs.without_forward(facts), facts, written))
    best = _best(matches)
    if ours.gain >= SAME and (best is None or best.gain < ours.gain + CLEARER):
        yield from of_labels(facts, written)
        return
    if best is None or best.gain < SAME:
        best = _first_good(facts, written) or best
    if best is not None and best.gain >= SAME:
        yield _named(best, facts)
    elif ours.gain >= SAME or written.format == "JPEG":
        yield from of_labels(facts, written)
    else:
        yield from _unexplained(facts, max(ours.gain, best.gain if best else 0.0))


def _reduced(facts: Facts, written: Written) -> float:
    """How much of a file of a fraction of the size our label map explains at that size, 0..1."""
    ids, (height, width) = facts.seen.labels.ids, written.packed.shape
    factor = len(ids) / height
    if factor < 2 or abs(ids.shape[1] / width - factor) > 0.05 * factor:
        return 0.0
    rows = ((np.arange(height) + 0.5) * len(ids) / height).astype(int)
    columns = ((np.arange(width) + 0.5) * ids.shape[1] / width).astype(int)
    return coding(written.packed, ids[rows][:, columns]).gain


def _not_enlarged(written: Written, gain: float) -> Finding:
    height, width = written.packed.shape
    return Finding(
        "R8",
        "certain",
        (
            Evidence(f"Your file has {width} x {height} pixels, fewer than the picture.", height),
            Evidence(f"Our label map at that size explains {gain:.0%} of it.", gain),
        ),
        "Enlarge the logits to the picture before the decision.",
        "logits = F.interpolate(logits, size=image.shape[:2], mode='bilinear')",
    )


def _unexplained(facts: Facts, nearest: float) -> Iterator[Finding]:
    """W1: these weights did not write the file, and their names hint at why."""
    prefix = facts.case.checkpoint.prefix if facts.case.checkpoint else ""
    if not prefix or nearest >= ALIKE:
        return
    yield Finding(
        "W1",
        "likely" if nearest < HALF_ALIKE else "possible",
        (
            Evidence(
                f"No way of using these weights writes your file; the nearest explains "
                f"{max(0.0, nearest):.0%} of it.",
                nearest,
            ),
            Evidence(
                f"All names in the checkpoint begin with {prefix}, which "
                "load_state_dict(strict=False) passes over in silence."
            ),
        ),
        "Take the prefix off and load with strict=True.",
        f"state = {{k.removeprefix({prefix!r}): v for k, v in state.items()}}",
        separates="Print what load_state_dict returns: it names the missing keys.",
    )


def _ours(facts: Facts, written: Written) -> Coding:
    ids = facts.seen.labels.ids
    if written.packed.shape != ids.shape:
        return Coding(0.0, 0.0, {})
    return coding(written.packed, ids)


def _matches(candidates: Iterator[Bug], facts: Facts, written: Written) -> Iterator[Match]:
    for bug in candidates:
        try:
            made = bug.make(facts)
        except InspectionError:  # this bug would have stopped the program
            continue
        yield Match(bug, _gain(bug, made, written))


def _gain(bug: Bug, made: np.ndarray, written: Written) -> float:
    if made.shape != written.packed.shape:
        return 0.0
    if bug.exact:
        return _exact(made, written.packed)
    if (made == made[:1, :1]).all():
        return 0.0
    return coding(written.packed, made).gain


def _exact(made: np.ndarray, packed: np.ndarray) -> float:
    """As the gain of a coding, for values that must be equal but for rounding."""
    same = float((np.abs(made - packed) <= (1 if made.max() > 1 else 0)).mean())
    guess = np.unique(packed, return_counts=True)[1].max() / packed.size
    return float(1 - (1 - same) / max(1 - guess, 1e-9))


def _best(matches: list[Match]) -> Match | None:
    return max(matches, key=lambda match: match.gain, default=None)


def _first_good(facts: Facts, written: Written) -> Match | None:
    """The first bug that explains the file: each costs a forward."""
    every = _matches(bugs.with_forward(facts), facts, written)
    return next((match for match in every if match.gain >= SAME), None)


def _named(match: Match, facts: Facts) -> Finding:
    bug = match.bug
    return Finding(
        bug.cause,
        "certain",
        (
            Evidence(
                f"Your file is what {bug.words} writes: {match.gain:.1%} of it is explained.",
                match.gain,
            ),
        ),
        bug.fix,
        bug.code,
        changes=bug.changes,
    )


# --- a file of one value --------------------------------------------------------------------------


def _of_one_value(facts: Facts, written: Written) -> Iterator[Finding]:
    """Several bugs give one value; only one that must give it is more than possible."""
    if (facts.seen.labels.ids == facts.seen.labels.ids[:1, :1]).all():
        return  # ours is of one class too: the network is to be asked, not the file
    value = int(written.packed.flat[0])
    every = (*bugs.without_forward(facts), *bugs.with_forward(facts))
    fits = [bug for bug in every if _gives(bug, facts, value)]
    first: dict[str, Bug] = {}
    for bug in fits:
        first.setdefault(bug.cause, bug)
    for bug in first.values():
        yield Finding(
            bug.cause,
            "likely" if CAUSES[bug.cause].writes_one_value or len(fits) == 1 else "possible",
            (
                Evidence(f"Your file is {value} everywhere; our label map is not.", value),
                Evidence(f"{bug.words[0].upper()}{bug.words[1:]} gives exactly that."),
            ),
            bug.fix,
            bug.code,
            separates="Save the numbers with np.save before they become a picture, and look at "
            "their unique values.",
        )


def _gives(bug: Bug, facts: Facts, value: int) -> bool:
    """Whether the bug gives this value everywhere; an id of 1 may be written as 255."""
    try:
        made = bug.make(facts)
    except InspectionError:
        return False
    first = int(made.flat[0])
    same = value == first or (not bug.exact and first == 1 and value == 255)
    return same and bool((made == first).all())
