"""The user's file where no program explains it: these files and settings give another mask."""

from __future__ import annotations

from core.diagnosis.finding import Evidence, Finding
from core.diagnosis.measure.measurements import Measurements
from core.diagnosis.reproduction.written import Written, coding
from core.diagnosis.thresholds import OUR_OBJECTS_GAIN, RANDOM_GAIN, SIMILAR_GAIN

NOT_LOADED = (
    "A decoder or head that kept its initialization, which load_state_dict(strict=False) passes "
    "over, may have written it too: its numbers are new in each run, so that cannot be tried."
)
TRIED = "No program that was tried writes your file; the nearest"


def another_mask(
    measured: Measurements, written: Written, nearest: float, tried: str = TRIED
) -> Finding:
    """D8; no more than possible where the objects are ours, as another resize moves edges too.

    Args:
        measured: of the case.
        written: the user's file.
        nearest: how much of it the best program explains, up to 1; 0 is no better than guessing.
        tried: what that was the best of.
    """
    agreed = agreement(measured, written)
    return Finding(
        "D8",
        "likely" if nearest < RANDOM_GAIN and not written.flat else "possible",
        (
            agreed,
            Evidence(
                f"{tried} explains {max(0.0, nearest):.0%} of it.{_edges(nearest)}",
                nearest,
            ),
            *([Evidence(NOT_LOADED)] if nearest < OUR_OBJECTS_GAIN else []),
        ),
        "Compare your script with inference.py of the page Export, step by step, from "
        "load_state_dict to save: the first value that differs is the fault.",
        "print(model.load_state_dict(state, strict=True), model.training, x.mean(), x.std(), "
        "logits.shape)",
        effect=None if agreed.number is None else 1 - agreed.number,
        separates="The tensor that your script feeds, saved with np.save, beside the one here; and "
        "whether the settings here are those of your script; and what load_state_dict returned.",
    )


def _edges(nearest: float) -> str:
    same = " The objects are the same: another resize or interpolation would leave this."
    return same if nearest >= SIMILAR_GAIN else ""


def agreement(measured: Measurements, written: Written) -> Evidence:
    """Which share of the file has one value for each class of our label map."""
    ids, (height, width) = measured.seen.labels.ids, written.size
    if ids.shape != (height, width):
        words = (
            f"Your file has {width} x {height} pixels, the mask {ids.shape[1]} x {ids.shape[0]}: "
            "they cannot be compared pixel by pixel; a saved figure is no mask."
        )
        return Evidence(words)
    share = coding(written, ids).purity
    words = (
        "This checkpoint and these settings give another mask than your file: where each class of "
        f"the one has one value in the other, {share:.0%} of the pixels agree."
    )
    return Evidence(words, share)
