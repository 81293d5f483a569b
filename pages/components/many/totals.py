"""What each of the settings did on the whole set, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from core.sweep import Totals

if TYPE_CHECKING:
    from pages.components.many.sweeping import Standing

PERCENT = st.column_config.NumberColumn(format="percent")


def show(totals: Mapping[str, Totals], names: Sequence[str]) -> None:
    """Draw a line for each of the settings, in the order of the plan, and IoU by class.

    Args:
        totals: by the name of the settings.
        names: of the classes, by id.
    """
    rows = [_row(each) for each in totals.values()]
    for name in ("mIoU", "accuracy", "Dice", "KL divergence"):  # a column of nothing says nothing
        if all(row[name] is None for row in rows):
            for row in rows:
                del row[name]
    st.dataframe(
        rows,
        hide_index=True,
        key="set_totals",
        column_config={
            "settings": st.column_config.TextColumn(width="large"),
            "black": st.column_config.NumberColumn(
                "nothing but class 0", help="Pictures whose whole mask is class 0"
            ),
            "mIoU": st.column_config.NumberColumn(
                format="%.3f", help="Over all pixels of all pictures together"
            ),
            "Dice": st.column_config.NumberColumn(format="%.3f"),
            "accuracy": PERCENT,
            "foreground": PERCENT,
            "confidence": PERCENT,
            "KL divergence": st.column_config.NumberColumn(
                format="%.2f",
                help="KL divergence in nats between what reaches the first BatchNorm and what its "
                "running statistics kept of the training; 0: as in training",
            ),
            "s a picture": st.column_config.NumberColumn(format="%.3f"),
        },
    )
    if any(each.with_truth for each in totals.values()):
        with st.expander("IoU of each class", key="set_iou"):
            st.dataframe(_by_class(totals, names), hide_index=True)


def _row(each: Totals) -> dict[str, Any]:
    return {
        "settings": each.setting,
        "pictures": each.pictures,
        "failed": each.failed,
        "black": each.black,
        "mIoU": each.mean_iou,
        "accuracy": each.accuracy,
        "Dice": each.mean_dice,
        "foreground": each.foreground,
        "confidence": each.confidence,
        "KL divergence": each.first_kl,
        "s a picture": each.seconds / each.pictures if each.pictures else None,
    }


def _by_class(totals: Mapping[str, Totals], names: Sequence[str]) -> list[dict[str, Any]]:
    count = max(each.num_classes for each in totals.values())
    rows: list[dict[str, Any]] = []
    for k in range(count):
        row: dict[str, Any] = {"class": names[k] if k < len(names) else f"class {k}"}
        for each in totals.values():
            known = k < len(each.iou) and np.isfinite(each.iou[k])
            row[each.setting] = round(float(each.iou[k]), 3) if known else None
        rows.append(row)
    return rows


def show_progress(standing: Standing) -> None:
    """Draw how far it is, its rate, and when it will be done."""
    progress = standing.progress
    seen = progress.total - progress.left
    words = f"{seen:,} of {progress.total:,} pictures"
    if progress.rate is not None and progress.seconds_left is not None:
        words += f"; {progress.rate:.1f} a second, about {_duration(progress.seconds_left)} left"
    if progress.failed:
        words += f"; {progress.failed:,} could not be computed"
    st.progress(seen / max(1, progress.total), words)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
