"""Columns of the comparison: each is a whole Settings, on the picture that is open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import streamlit as st

from core.errors import InspectionError
from core.presets import PRESETS, apply_preset, preset_of
from core.settings import CONTROLS, HINTS, Settings, change, flatten
from pages.components.pipeline.results import show_mask, show_picture, verdict_of
from pages.components.state import address, complaints, files, inspecting, session
from pages.components.widgets.bound import show_bound

if TYPE_CHECKING:  # torch loads with the first inspection, not with the page
    from core.inspection import Inspection
    from pages.components.state.tab import Seen

FEWEST = 2
SHOWN_CLASSES = 5
DIFFERENT = (230, 60, 60)  # color of a pixel whose class differs from the first column's


@dataclass(frozen=True, eq=False)
class Column:
    """One setting of the comparison: its inspection, or why there is none."""

    index: int
    settings: Settings
    outcome: Inspection | InspectionError

    @property
    def inspection(self) -> Inspection | None:
        """None where it failed."""
        return None if isinstance(self.outcome, InspectionError) else self.outcome


def show_controls() -> None:
    """Choose how many columns there are, and add the current settings as one."""
    with st.container(horizontal=True, vertical_alignment="center"):
        count = len(session.columns())
        st.button("Add a column", disabled=count >= address.MOST_COLUMNS, on_click=_add)
        st.button("Remove the last", disabled=count <= FEWEST, on_click=_remove)
        st.caption("The first column is the reference. A new one starts from the current settings.")


def _add() -> None:
    session.set_columns((*session.columns(), session.settings()))


def _remove() -> None:
    session.set_columns(session.columns()[:-1])


def inspections(seen: Seen) -> list[Column]:
    """Run every column, one after the other, on the picture that is open."""
    slot = st.empty()
    columns = [_column(index, chosen, seen, slot) for index, chosen in enumerate(session.columns())]
    slot.empty()
    return columns


def _column(index: int, chosen: Settings, seen: Seen, slot: Any) -> Column:
    network = seen.inspection.network
    try:
        image = files.open_image(session.sources().picture, chosen.preprocessing)
        return Column(index, chosen, inspecting.inspect_with(chosen, image, network, slot))
    except InspectionError as error:
        return Column(index, chosen, error)


def show_column(place: Any, column: Column, *, first: Column, seen: Seen) -> None:
    """Draw one column: choices, tensor range, mask, shares, difference, agreement, mIoU."""
    with place:
        _show_choices(column)
        if isinstance(column.outcome, InspectionError):
            _show_error(column, column.outcome)
            return
        display = session.settings().display
        show_mask(st, column.outcome, display, "Colored mask over the picture")
        st.caption(complaints.as_text(_figures(column.outcome, seen)))
        if column is not first and first.inspection is not None:
            _show_difference(column.outcome, first.inspection)
        st.button(
            "Take over",
            key=f"take_{column.index}",
            on_click=session.take_over,
            args=(column.settings,),
            help="Make these the current settings",
        )


def _show_error(column: Column, error: InspectionError) -> None:
    st.error(complaints.as_text(error.message))
    st.info(complaints.as_text(error.remedy))
    if error.changes:
        st.button(
            "Do this",
            key=f"remedy_{column.index}",
            on_click=lambda: _replace(column.index, change(column.settings, **error.changes)),
        )


def _show_choices(column: Column) -> None:
    current = preset_of(column.settings) or "own"

    def chosen(name: str) -> None:
        if name in PRESETS:
            _replace(column.index, apply_preset(column.settings, name))

    show_bound(
        st.selectbox,
        f"Column {column.index + 1}",
        f"column_{column.index}",
        current,
        chosen,
        options=[*PRESETS, *(["own"] if current == "own" else [])],
        format_func=lambda name: PRESETS[name].label if name in PRESETS else "own values",
    )
    with st.popover("Details"):
        for name in ("color", "mode", "rule", "dtype"):
            _detail(column, name)


def _detail(column: Column, name: str) -> None:
    show_bound(
        st.selectbox,
        CONTROLS[name].label,
        f"column_{column.index}_{name}",
        flatten(column.settings)[name],
        lambda chosen: _replace(column.index, change(column.settings, **{name: chosen})),
        options=get_args(HINTS[name]),
    )


def _replace(index: int, chosen: Settings) -> None:
    columns = list(session.columns())
    columns[index] = chosen
    session.set_columns(tuple(columns))


def _figures(inspection: Inspection, seen: Seen) -> str:
    """Range of the tensor, mIoU, and the largest classes."""
    values = inspection.input.values
    verdict = verdict_of(seen, inspection)
    largest = np.argsort(-verdict.shares, kind="stable")[:SHOWN_CLASSES]
    shares = ", ".join(
        f"{inspection.class_names[k]} {verdict.shares[k]:.1%}" for k in largest if verdict.shares[k]
    )
    score = "" if verdict.mean_iou is None else f"mIoU {verdict.mean_iou:.3f}; "
    return f"tensor {values.min():.2f} .. {values.max():.2f}; {score}{shares}"


def _show_difference(inspection: Inspection, first: Inspection) -> None:
    differs = inspection.labels.ids != first.labels.ids
    gray = inspection.image.pixels.mean(axis=2, keepdims=True).astype(np.uint8) // 2
    pixels = np.where(differs[..., None], np.asarray(DIFFERENT, np.uint8), gray.repeat(3, axis=2))
    show_picture(st, pixels, "Pixels whose class differs from the first column")
    st.caption(
        f"{1 - differs.mean():.1%} of the pixels agree with the first column; others are red"
    )
