"""The ground truth: is it what the network was to learn, ids in their places."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from core.checkpoint.preprocessor import stated_in
from core.colors import COLORED, palette_colors
from core.diagnosis.finding import Evidence, Finding
from core.diagnosis.measure.mask import main_share
from core.diagnosis.measure.measurements import Measurements
from core.diagnosis.measure.truth import most_frequent, right_share
from core.diagnosis.progress import Progress
from core.diagnosis.thresholds import (
    BETWEEN_SHARE,
    EMPTY_SHARE,
    EXPOSED_GAIN,
    FAIR_IOU,
    FEW_IDS,
    LUMA_SLACK,
    RENAMED_GAIN,
    RENAMED_SHARE,
    VOID_ID,
)
from core.errors import ImageError
from core.image import read_raster
from core.settings import Display


def truth_values(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """D5, D6, T2, T4: other values than ids, distinguished by which values and where."""
    ids, how = _ids_of(measured)
    if ids is None:
        return
    values, count = np.unique(ids).tolist(), max(2, measured.num_ids)  # argmax over one has one
    foreign = [
        v
        for v in values
        if v >= count and v not in (VOID_ID, measured.settings.display.ignore_index)
    ]
    if how == "JPEG":
        yield _jpeg(ids, values)
    elif (between := interpolated_share(ids)) > BETWEEN_SHARE and len(values) > 2:
        yield _interpolated(values, between, count)
    elif (name := _luminance_of(values, count)) and foreign:
        yield _luminances(values, name)
    elif _spread(values, foreign, count):
        yield _not_ids(values, foreign, count, measured)


def _ids_of(measured: Measurements) -> tuple[np.ndarray | None, str]:
    """The numbers in the ground truth as they are, and the format of its file."""
    ids = measured.case.truth.ids if measured.case.truth else None
    if measured.case.truth_file is None:
        return ids, ""
    try:
        raster = read_raster(measured.case.truth_file, cut=measured.settings.preprocessing.cut)
        picture = raster.as_pillow()
        if ids is None and picture.mode in ("L", "P", "I;16", "I"):
            ids = np.array(picture).astype(np.int32)
        elif ids is None:
            ids = np.array(picture.convert("L")).astype(np.int32)
        return ids, raster.format
    except ImageError:
        return ids, ""


# --- T4, D6: values that nobody drew --------------------------------------------------------------


def interpolated_share(ids: np.ndarray) -> float:
    """Of the pixels at edges, the share whose value lies strictly between those around, 0..1."""
    low, high = _around(ids, np.minimum), _around(ids, np.maximum)
    edge = low != high
    if not edge.any():
        return 0.0
    return float(((ids > low) & (ids < high))[edge].mean())


def _around(ids: np.ndarray, pick: np.ufunc) -> np.ndarray:
    """Minimum or maximum over 3 x 3."""
    padded = np.pad(ids, 1, mode="edge")
    rows = pick(pick(padded[:-2], padded[1:-1]), padded[2:])
    result: np.ndarray = pick(pick(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:])
    return result


def _jpeg(ids: np.ndarray, values: list[int]) -> Finding:
    return Finding(
        "D6",
        "certain",
        (
            Evidence("The file of the ground truth is a JPEG."),
            Evidence(f"It holds {len(values)} different values.", len(values)),
        ),
        "Save masks as PNG; JPEG adds values at every edge. Create this mask again.",
        "Image.fromarray(ids.astype(np.uint8)).save('mask.png')",
    )


def _interpolated(values: list[int], between: float, count: int) -> Finding:
    return Finding(
        "T4",
        "certain" if len(values) > count + FEW_IDS else "likely",
        (
            Evidence(f"{between:.0%} of the pixels at edges lie between their neighbors.", between),
            Evidence(
                f"The ground truth holds {len(values)} values, the network {count} classes.",
                len(values),
            ),
        ),
        "Resize masks with nearest neighbor interpolation only, and create this one again.",
        "mask = mask.resize(size, Image.Resampling.NEAREST)",
        separates="A mask that was saved as JPEG has other values too, but inside the areas as "
        "well.",
    )


# --- D5, T2: another code -------------------------------------------------------------------------


def _luminance_of(values: list[int], count: int) -> str:
    """The palette whose luminances these values are, "" for none."""
    if len(values) < 2:
        return ""
    return next(
        (name for name, known in _luminances_by_palette(count) if _all_near(values, known)), ""
    )


def _all_near(values: list[int], known: frozenset[int]) -> bool:
    return all(v == VOID_ID or any(abs(v - k) <= LUMA_SLACK for k in known) for v in values)


@lru_cache(maxsize=16)
def _luminances_by_palette(count: int) -> tuple[tuple[str, frozenset[int]], ...]:
    tables = {name: palette_colors(Display(palette=name), count)[:count] for name in COLORED}
    return tuple(
        (name, frozenset((t.astype(int) @ np.array([299, 587, 114]) // 1000).tolist()))
        for name, t in tables.items()
    )


def _luminances(values: list[int], name: str) -> Finding:
    return Finding(
        "D5",
        "likely",
        (
            Evidence(
                f"The values {_some(values)} are the brightnesses of the palette {name}.",
                len(values),
            ),
            Evidence("Class ids would be 0, 1, 2 and so on."),
        ),
        "Open the mask with its palette and take the indices; do not convert it to gray.",
        "ids = np.array(Image.open('mask.png'))  # mode P, no convert('L')",
        separates="The original file: if this is the cause, its mode is P.",
    )


def _spread(values: list[int], foreign: list[int], count: int) -> bool:
    """Few values, most of them no ids."""
    return len(values) <= count + FEW_IDS and bool(foreign) and min(foreign) > count


def _not_ids(values: list[int], foreign: list[int], count: int, measured: Measurements) -> Finding:
    ignored = VOID_ID in values and measured.settings.display.ignore_index == VOID_ID
    evidence = [
        Evidence(f"The ground truth holds the values {_some(values)}.", len(values)),
        Evidence(f"The network's ids are 0 to {count - 1}.", count),
    ]
    if ignored:
        evidence.append(Evidence("255 is the ignore id, so its pixels are not counted."))
    if len(foreign) == 1 and len(values) > 2:  # beside two ids or more
        return _another_void(foreign[0], tuple(evidence))
    return Finding(
        "T2",
        "certain",
        tuple(evidence),
        "Map the values of the mask to 0, 1, 2 and so on; where the training read them as they "
        "are, train again.",
        "ids = np.searchsorted(np.unique(mask), mask)",
    )


def _another_void(value: int, evidence: tuple[Evidence, ...]) -> Finding:
    """One value beside the ids: the void of another data set, or a class that is missing here."""
    return Finding(
        "T2",
        "certain",
        evidence,
        f"Where {value} marks pixels that do not count, give it as ignore_index to loss and score; "
        "where it marks a class, give that the next free id.",
        f"loss = nn.CrossEntropyLoss(ignore_index={value})",
        changes={"ignore_index": value},
        separates=f"The description of the data set: what {value} stands for.",
    )


def _some(values: list[int]) -> str:
    return ", ".join(map(str, values[:6])) + (", ..." if len(values) > 6 else "")


def two_values(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """T2 of two classes: harmless where the mask has the foreground, else perhaps why it has none.

    The values are read as classes already, so nothing else is hidden by them.
    """
    truth = measured.case.truth
    if truth is None or not truth.read_as:
        return
    low, high = truth.read_as
    evidence = [Evidence(f"The ground truth holds {low} and {high}: read here as 0 and 1.", high)]
    ids = measured.under(so_far.fixes).labels.ids
    hidden = main_share(ids) >= EMPTY_SHARE and int(np.median(ids)) == 0
    never = hidden and high == VOID_ID and not so_far.masks_mean_nothing
    if never:
        words = "The mask has none of it: a training that ignores 255 never learns the foreground."
        evidence.append(Evidence(words))
    elif (score := measured.truth.iou(so_far.fixes)) is not None:
        evidence.append(Evidence(f"Read like that, the mIoU is {score:.2f}.", score))
    yield Finding(
        "T2",
        "likely" if never else "certain",
        tuple(evidence),
        "Map the values of the mask to 0 and 1"
        + (", and train again with these." if never else ", as the training may have done."),
        f"ids = (mask == {high}).astype(np.uint8)",
        separates="The line of the training that reads the ground truth." if never else "",
        kind="fault" if never else "note",
    )


# --- T3, T2 again: the ids against those that the network gives -----------------------------------


def other_ids(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """T3 (or T2): the shapes are those of the mask, the ids are not."""
    case = measured.case
    seen = measured.under(so_far.fixes)
    if so_far.masks_mean_nothing:
        return
    if case.truth is None or not measured.truth.has_shapes:
        return
    if case.truth.ids.shape != seen.labels.ids.shape:
        return
    if measured.num_ids == 2 and (merged := _many_for_two(measured, so_far)) is not None:
        yield merged
        return
    mapping = most_frequent(case.truth.ids, seen.labels.ids)
    wrong = {a: b for a, b in mapping.items() if a != b}
    if not wrong:
        return
    as_is = measured.truth.right_share(so_far.fixes)
    mapped = measured.truth.right_share(so_far.fixes, renamed=True)
    if mapped < RENAMED_SHARE or mapped < as_is + RENAMED_GAIN:
        return
    if len(wrong) == 1:
        return  # one class for another is what a network that errs says too; 255 alone is void
    if _is_exposure(measured, so_far):
        return
    foreign = set(wrong) & (
        {VOID_ID} | {value for value in wrong if value > max(2, measured.num_ids)}
    )
    if _is_reduced(measured, wrong):
        yield _reduced(as_is, mapped)
        return
    yield renamed_truth(wrong, as_is, mapped, "T2" if foreign else "T3")


def _many_for_two(measured: Measurements, so_far: Progress) -> Finding | None:
    """T2: ids of objects or of many classes, where the network knows a foreground only."""
    truth, ids = measured.truth.truth, measured.under(so_far.fixes).labels.ids
    if truth is None or measured.truth.counted is None:
        return None
    values = [v for v in np.unique(truth.ids[measured.truth.counted]).tolist() if v > 1]
    as_one = dict.fromkeys(values, 1)
    as_is, mapped = right_share(truth.ids, ids, {}), right_share(truth.ids, ids, as_one)
    if not values or mapped < RENAMED_SHARE or mapped < as_is + RENAMED_GAIN:
        return None
    return Finding(
        "T2",
        "certain" if len(values) > 1 else "likely",
        (
            Evidence(f"The ground truth holds {len(values) + 1} foreground ids, {_some(values)}."),
            Evidence("The network tells foreground from background only."),
            Evidence(f"{as_is:.0%} of the pixels agree with the mask as they are.", as_is),
            Evidence(f"{mapped:.0%} agree with every id above 0 read as foreground.", mapped),
        ),
        "Read every id above 0 as 1: numbers of objects, or of classes, are no classes here.",
        "ids = (ids > 0).astype(np.uint8)",
    )


def _is_reduced(measured: Measurements, wrong: dict[int, int]) -> bool:
    """Whether every id but 0 is one too high, and the file says that training reduced labels."""
    checkpoint = measured.case.checkpoint
    if not stated_in(checkpoint.metadata if checkpoint else {}).reduces_labels:
        return False
    return all(a - b == 1 for a, b in wrong.items() if a not in (0, VOID_ID))


def _reduced(as_is: float, mapped: float) -> Finding:
    return Finding(
        "T3",
        "certain",
        (
            Evidence("The file's preprocessor_config.json says do_reduce_labels."),
            Evidence("Every id of the ground truth is one higher than that of the mask."),
            Evidence(f"{as_is:.0%} of the pixels agree with the mask as they are.", as_is),
            Evidence(f"{mapped:.0%} agree when the ids are renamed.", mapped),
        ),
        "Take 1 from every id of the ground truth, as the training did; 0 becomes void.",
        "ids = np.where(ids == 0, 255, ids.astype(np.int32) - 1)",
    )


def _is_exposure(measured: Measurements, so_far: Progress) -> bool:
    """Whether the ids are right on the picture as a usual exposure shows it.

    On a dark or pale one a network takes one class for another, as renamed ids do.
    """
    exposed = measured.truth.iou_well_exposed(so_far.fixes)
    now = measured.truth.iou(so_far.fixes) or 0.0
    return exposed > max(FAIR_IOU, EXPOSED_GAIN * now)


def renamed_truth(wrong: dict[int, int], as_is: float, mapped: float, cause: str) -> Finding:
    """T3 or T2: the ids of the ground truth are others than those that the network gives.

    Args:
        wrong: id of the truth -> id of the network, where they differ.
        as_is: share of the pixels that agree as they are.
        mapped: the same once the ids are renamed.
        cause: "T3" or "T2".
    """
    listed = ", ".join(f"{a} where the mask has {b}" for a, b in list(wrong.items())[:4])
    steps = {a - b for a, b in wrong.items()}
    shift = f"They are shifted by {steps.pop()}." if len(steps) == 1 and cause == "T3" else ""
    return Finding(
        cause,
        "certain" if len(wrong) > 2 or cause == "T2" else "likely",
        (
            Evidence(f"The ground truth has {listed}. {shift}".strip()),
            Evidence(f"{as_is:.0%} of the pixels agree with the mask as they are.", as_is),
            Evidence(f"{mapped:.0%} agree when the ids are renamed.", mapped),
        ),
        "Map the ids of the ground truth to those of the training.",
        f"ids = np.vectorize({wrong}.get)(ids, ids)",
    )
