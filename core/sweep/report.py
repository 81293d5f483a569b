"""A sweep as text and as JSON: totals of each setting, then the pictures that fare worst."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core.sweep.rows import FAILED, Row
from core.sweep.totals import Totals
from core.sweep.worst import Picture

WIDEST = 40  # characters of a name


def in_words(found: Mapping[str, Totals], worst: Sequence[Picture], files: Iterable[Path]) -> str:
    """What the command line prints.

    Args:
        found: the totals by setting.
        worst: pictures, the worst first.
        files: that were written.
    """
    parts = [_aligned([_HEAD, *map(_line, found.values())])]
    if worst:
        head = ["picture", *found, ""]
        with_truth = any(row.has_truth for picture in worst for row in picture)
        what = "mIoU" if with_truth else "share of foreground"
        rows = _aligned([head, *(_picture_line(picture) for picture in worst)])
        parts.append(f"Worst pictures first, {what} under each of the settings:\n{rows}")
    parts.append("\n".join(f"Written: {path}" for path in files))
    return "\n\n".join(parts)


_HEAD = [
    *("setting", "pictures", "failed", "black", "foreground", "confidence", "first KL"),
    *("mIoU", "accuracy", "Dice"),
]


def _line(each: Totals) -> list[str]:
    counts = [each.setting, str(each.pictures), str(each.failed), str(each.black)]
    means = [_number(each.foreground), _number(each.confidence), _number(each.first_kl, "nats")]
    return [*counts, *means, *map(_number, (each.mean_iou, each.accuracy, each.mean_dice))]


def _picture_line(picture: Picture) -> list[str]:
    reason = next((row.reason for row in picture if row.reason), "")
    return [picture[0].picture, *map(_of_row, picture), reason]


def _of_row(row: Row) -> str:
    if row.status == FAILED:
        return "failed"
    return _number(row.foreground if row.mean_iou is None else row.mean_iou)


def _number(value: float | None, unit: str = "") -> str:
    return "-" if value is None else f"{value:.4f}" if not unit else f"{value:.2f} {unit}"


def _aligned(lines: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell; the last one, a reason, as it is."""
    shown = [[cell[:WIDEST] for cell in line[:-1]] + [line[-1]] for line in lines]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)][:-1]
    return "\n".join(
        "  ".join([*map(str.ljust, line[:-1], widths), line[-1]]).rstrip() for line in shown
    )


# --- as JSON --------------------------------------------------------------------------------------


def to_dict(
    found: Mapping[str, Totals], worst: Sequence[Picture], files: Iterable[Path]
) -> dict[str, Any]:
    """The same as numbers and lists; figures that there are not are null."""
    return {
        "settings": {name: _totals_dict(each) for name, each in found.items()},
        "worst": [
            {
                "picture": picture[0].picture,
                "reason": next((row.reason for row in picture if row.reason), ""),
                "mean_iou": {row.setting: row.mean_iou for row in picture},
                "foreground": {row.setting: row.foreground for row in picture},
            }
            for picture in worst
        ],
        "files": [str(path) for path in files],
    }


def _totals_dict(each: Totals) -> dict[str, Any]:
    plain = ("pictures", "failed", "black", "with_truth", "unread_truths", "seconds", "shares")
    means = ("foreground", "confidence", "first_kl", "accuracy", "mean_iou", "mean_dice")
    return {
        **{name: getattr(each, name) for name in (*plain, *means)},
        "iou": _known(each.iou),
        "dice": _known(each.dice),
        "confusion": each.confusion.tolist() if each.with_truth else None,
    }


def _known(values: np.ndarray) -> list[float | None]:
    return [None if math.isnan(value) else float(value) for value in values]
