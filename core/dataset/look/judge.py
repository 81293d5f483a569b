"""What all masks of a set show together: off by one, absent classes, how much is unlabeled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from core.dataset.entry import DataSet, Truths
from core.dataset.finding import DataFinding
from core.dataset.kinds import KINDS
from core.dataset.layouts.coco_stuff import TRAIN_IDS as COCO_TRAIN_IDS
from core.dataset.look.tally import Tally
from core.mask_file.finding import counted, percent

UNLABELED = 0.3  # share of all pixels; VOC has 0.05 in its borders, Cityscapes 0.1, ADE20K 0.1
COCO_CLASSES = 171  # of networks that were trained on COCO-Stuff's train ids
Judge = Callable[[Tally, DataSet, int | None], Iterator[DataFinding]]


def findings_of(tally: Tally, data: DataSet, num_classes: int | None) -> tuple[DataFinding, ...]:
    """Everything that is to be said, in the order of KINDS.

    Args:
        tally: of the masks that were looked at.
        data: the set, with its reading.
        num_classes: that the network gives; None where that is not known.
    """
    whole = [finding for judge in JUDGES for finding in judge(tally, data, num_classes)]
    said = {finding.kind_id for finding in whole}
    files = [each for each in tally.noted.findings() if each.kind_id not in said]
    order = list(KINDS)
    return tuple(sorted((*files, *whole), key=lambda each: order.index(each.kind_id)))


def off_by_one(tally: Tally, data: DataSet, num_classes: int | None) -> Iterator[DataFinding]:
    """The largest id is the number of classes."""
    classes = tally.classes
    if num_classes is None or not classes or classes[-1] != num_classes:
        return
    zero = tally.counts[0] / tally.pixels
    lines = (
        f"The largest id is {num_classes}, and the network's ids end at {num_classes - 1}.",
        f"0 occurs on {percent(float(zero))} of the pixels." if zero else "0 never occurs.",
    )
    yield DataFinding("off_by_one", lines, truths=one_less(data.truths, num_classes))


def beyond_classes(tally: Tally, data: DataSet, num_classes: int | None) -> Iterator[DataFinding]:
    """Ids above those of the network, by more than one."""
    beyond = [value for value in tally.classes if num_classes is not None and value >= num_classes]
    if not beyond or beyond == [num_classes]:
        return
    share = float(tally.counts[beyond].sum() / tally.pixels)
    lines = (f"{counted(beyond)} occur on {percent(share)} of the pixels.",)
    of_coco = data.layout == "COCO-Stuff" and num_classes == COCO_CLASSES and not data.truths.ids
    truths = Truths(ids=COCO_TRAIN_IDS) if of_coco else None
    yield DataFinding("beyond_classes", lines, truths=truths)


def absent_class(tally: Tally, data: DataSet, num_classes: int | None) -> Iterator[DataFinding]:
    """Of the classes that there are by number or by name, else of those below the largest id."""
    names, found = data.truths.class_names, tally.classes
    every = num_classes or len(names) or (found[-1] + 1 if found else 0)
    absent = [value for value in range(every) if value not in set(found)]
    if not absent or not found:
        return
    named = [f"{k} {names[k]}" if k < len(names) else str(k) for k in absent[:12]]
    more = ", ..." if len(absent) > 12 else ""
    line = f"{len(absent)} of {every} in {tally.masks} masks: {', '.join(named)}{more}."
    yield DataFinding("absent_class", (line,), count=len(absent))


def unlabeled(tally: Tally, data: DataSet, num_classes: int | None) -> Iterator[DataFinding]:
    """Of all pixels, and the masks that have next to nothing else."""
    if tally.unlabeled > UNLABELED or tally.noted.count("unlabeled"):
        line = (
            f"{percent(tally.unlabeled)} of all pixels have the ignored value {tally.ignore_index}."
        )
        yield tally.noted.finding("unlabeled", line)


def mixed_numbering(tally: Tally, data: DataSet, num_classes: int | None) -> Iterator[DataFinding]:
    """Masks of 0 and 255 among masks of 0 and 1."""
    whites = tally.whites.count("mixed_numbering")
    if whites and tally.ones and not tally.many and not data.truths.ids:
        line = f"{tally.ones} masks hold 0 and 1, {whites} hold 0 and 255."
        yield tally.whites.finding("mixed_numbering", line)


def one_less(truths: Truths, num_classes: int) -> Truths:
    """The reading under which 0 is no class, and every class has the next lower number."""
    ignored = truths.ignore_index
    classes = {value: value - 1 for value in range(1, num_classes + 1)} | {0: ignored}
    names, void = truths.class_names, truths.void_colors
    if truths.colors:
        void = (*void, truths.colors[0])
        return replace(truths, class_names=names[1:], colors=truths.colors[1:], void_colors=void)
    table = truths.ids or {value: value for value in range(num_classes + 1)}
    shifted = {value: classes.get(class_id, ignored) for value, class_id in table.items()}
    shifted.setdefault(ignored, ignored)
    kept = names if len(names) == num_classes else names[1:]
    return Truths(kept, ids=shifted, ignore_index=ignored)


JUDGES: tuple[Judge, ...] = (off_by_one, beyond_classes, absent_class, unlabeled, mixed_numbering)
