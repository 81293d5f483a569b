"""The program that wrote the user's own output, as findings: what it does otherwise."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from core.diagnosis.finding import Certainty, Evidence, Finding
from core.diagnosis.measure.measurements import Measurements
from core.diagnosis.progress import Progress
from core.diagnosis.reproduction.another import agreement, another_mask
from core.diagnosis.reproduction.decide import OVER_AXES, of_nan
from core.diagnosis.reproduction.labels import is_lossy_copy, of_labels
from core.diagnosis.reproduction.one_value import of_one_value
from core.diagnosis.reproduction.program import Choice
from core.diagnosis.reproduction.rebuilt import Rebuilt, percent
from core.diagnosis.reproduction.runs import nearest
from core.diagnosis.reproduction.space import is_in_space
from core.diagnosis.reproduction.written import Written, coding, read_written
from core.diagnosis.thresholds import (
    OUR_OBJECTS_GAIN,
    RANDOM_GAIN,
    SAME_ASPECT,
    SAME_GAIN,
    SIMILAR_GAIN,
)

NOT_REBUILT = (  # completed by "explains 93% of it"
    "Programs with windows, flipped views, a letterbox or a turned picture are not rebuilt; our "
    "own label map"
)
OF_THE_FILE = ("cast", "file")  # stages that `of_labels` names, with its own evidence


def saved_output(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """Name what the rebuilt program does otherwise; without one, what can be said all the same."""
    written = read_written(measured.case.saved) if measured.case.saved else None
    if written is None or written.is_figure:
        return
    rebuilt = so_far.rebuilt
    if not is_in_space(measured.settings):
        yield from _beside_ours(measured, written)
    elif written.flat:
        if not (measured.seen.labels.ids == measured.seen.labels.ids[:1, :1]).all():
            yield of_one_value(measured, written) or _unexplained(measured, written, 0.0)
    elif rebuilt is not None and rebuilt.gain >= SAME_GAIN:
        if _is_only_precision(rebuilt):
            yield _unexplained(measured, written, rebuilt.gain)
        else:
            yield from _named(rebuilt, measured, written, so_far)
    elif (small := _reduced(measured, written)) > SIMILAR_GAIN:
        yield _not_enlarged(written, small)
    elif is_lossy_copy(written, measured.seen.labels.ids):
        yield from of_labels(measured, written, measured.seen.labels.ids)
    else:
        nearest_one = max(rebuilt.gain if rebuilt else 0.0, _ours(measured, written))
        yield _unexplained(measured, written, nearest_one)


def _is_only_precision(rebuilt: Rebuilt) -> bool:
    """Whether nothing but rounding comes near: a median filter at the edges looks like it too."""
    causes = {choice.stage for choice in rebuilt.deviations if choice.cause}
    return not rebuilt.exact and not rebuilt.not_finite and causes == {"precision"}


def _beside_ours(measured: Measurements, written: Written) -> Iterator[Finding]:
    """What our own label map says of the file, where no program is as the settings say."""
    ids, ours = measured.seen.labels.ids, _ours(measured, written)
    if ours >= SAME_GAIN or is_lossy_copy(written, ids):
        yield from of_labels(measured, written, ids)
    elif (small := _reduced(measured, written)) > SIMILAR_GAIN:
        yield _not_enlarged(written, small)
    else:
        yield another_mask(measured, written, ours, NOT_REBUILT)


def _ours(measured: Measurements, written: Written) -> float:
    """How much of the file our own label map explains, up to 1."""
    ids = measured.seen.labels.ids
    return coding(written, ids).gain if ids.shape == written.size else 0.0


def _named(
    rebuilt: Rebuilt, measured: Measurements, written: Written, so_far: Progress
) -> Iterator[Finding]:
    """One finding for each deviation that has a cause, those of the network first.

    A program that only comes near has no last word: what is told by other evidence stays.
    """
    named: set[str] = set()
    for choice in rebuilt.deviations:
        if choice.cause and choice.stage not in OF_THE_FILE and choice.cause not in named:
            named.add(choice.cause)
            if rebuilt.exact and _is_soft_mask(measured, rebuilt, choice):
                yield _soft_mask(rebuilt)
                continue
            if rebuilt.exact or choice.cause not in so_far.findings:
                yield _deviation(choice, rebuilt, agreement(measured, written))
    if named and not rebuilt.exact:  # edges that differ are no evidence about colors
        return
    if rebuilt.mask.dtype == np.int32 and rebuilt.program["decision"].key not in OVER_AXES:
        ids = nearest(rebuilt.mask, written.size)
        for finding in of_labels(measured, written, ids, ours=not named):
            if finding.cause not in named:
                yield finding


def _is_soft_mask(measured: Measurements, rebuilt: Rebuilt, choice: Choice) -> bool:
    """Whether it is the probability of the foreground, times 255: gray, and as it was meant."""
    of_foreground = choice.key in ("sigmoid", "softmax") and measured.num_ids == 2
    return of_foreground and rebuilt.program["cast"].key == "float 255"


def _soft_mask(rebuilt: Rebuilt) -> Finding:
    """A note: nothing was cut off, and nothing was decided."""
    words = "Your file holds the probability of the foreground, in every pixel."
    return Finding(
        "D2",
        "certain",
        (
            Evidence(words, rebuilt.share),
            Evidence("It shows the right thing in shades of gray, and has no classes yet."),
        ),
        "Compare with 127 where a mask of two values is needed.",
        "mask = np.where(soft > 127, 255, 0).astype(np.uint8)",
        kind="note",
    )


def _deviation(choice: Choice, rebuilt: Rebuilt, agreed: Evidence) -> Finding:
    """Certain of an exact program; of the nearest one possible, and no more.

    Those that are possible are ordered by how much of the file they would set right.
    """
    sure: Certainty = "certain" if rebuilt.exact else "possible"
    words = f"Your file is what {choice.words} writes, in every pixel."
    if not rebuilt.exact:
        words = (
            "No program that was tried writes your file exactly; the nearest, with "
            f"{choice.words.rstrip(',')}, explains {percent(rebuilt.share)} of it."
        )
    return Finding(
        choice.cause,
        sure,
        (Evidence(words, rebuilt.share), *_of_nan(choice, rebuilt)),
        choice.fix,
        "\n".join(rebuilt.right[choice.stage].lines),
        effect=None if rebuilt.exact or agreed.number is None else 1 - agreed.number,
        part=choice.key if choice.stage == "weights" else "",
    )


def _of_nan(choice: Choice, rebuilt: Rebuilt) -> Iterator[Evidence]:
    """What a precision leaves without a number, and what the decision makes of that."""
    share, decision = rebuilt.not_finite, rebuilt.program["decision"]
    if choice.stage == "precision" and share:
        words = (
            f"In {choice.key} {share:.1%} of its pixels have logits that are NaN or infinite: "
            f"{of_nan(decision)}."
        )
        yield Evidence(words, share)


def _reduced(measured: Measurements, written: Written) -> float:
    """How much of a file of a fraction of the size our label map explains at that size, 0..1."""
    ids, (height, width) = measured.seen.labels.ids, written.size
    factor = len(ids) / height
    if factor < 2 or abs(ids.shape[1] / width - factor) > SAME_ASPECT * factor:
        return 0.0
    return coding(written, nearest(ids, written.size)).gain


def _not_enlarged(written: Written, gain: float) -> Finding:
    height, width = written.size
    return Finding(
        "R8",
        "certain",
        (
            Evidence(f"Your file has {width} x {height} pixels, fewer than the picture.", height),
            Evidence(f"Our label map at that size explains {gain:.0%} of it.", gain),
        ),
        "Enlarge the logits to the size of the picture before the decision.",
        "logits = F.interpolate(logits, size=image.shape[:2], mode='bilinear')",
    )


def _unexplained(measured: Measurements, written: Written, nearest: float) -> Finding:
    """W1 where the names hint at it, else D8: these weights and settings give another mask."""
    prefix = measured.case.checkpoint.prefix if measured.case.checkpoint else ""
    if not prefix or nearest >= OUR_OBJECTS_GAIN:
        return another_mask(measured, written, nearest)
    return Finding(
        "W1",
        "likely" if nearest < RANDOM_GAIN and not written.flat else "possible",
        (
            Evidence(
                "No program that was tried writes your file with these weights; the nearest "
                f"explains {max(0.0, nearest):.0%} of it.",
                nearest,
            ),
            agreement(measured, written),
            Evidence(
                f"All names in the checkpoint begin with {prefix}, which "
                "load_state_dict(strict=False) skips without an error."
            ),
        ),
        "Take the prefix off and load with strict=True; of Lightning take the model that "
        "load_from_checkpoint returns.",
        f"state = {{k.removeprefix({prefix!r}): v for k, v in state.items()}}",
        separates="The return value of load_state_dict: it names the missing keys.",
    )
