"""What came of a sweep: totals, all pictures as points, and the grid; a click opens one."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import streamlit as st

from core import thumbs
from core.colors import encode_png
from core.errors import InspectionError
from pages.components.many import opening, scatter, sweeping, totals
from pages.components.many.grid.grid import show_grid
from pages.components.state import files, session, session_many
from pages.components.widgets.bound import show_bound

if TYPE_CHECKING:
    from core.dataset.entry import Entry
    from core.dataset.opening import Found
    from core.sweep import Plan, Row
    from pages.components.many.sweeping import Standing
    from pages.components.state.tab import Seen


def show(found: Found, plan: Plan, standing: Standing, seen: Seen) -> None:
    """Draw all of a sweep, as far as it is."""
    view = session_many.many().view
    view.key, view.entries = opening.digest_of(found), found.data.entries
    view.masks = sweeping.labels_in(plan)
    names = found.data.truths.class_names or seen.inspection.class_names
    rows = sweeping.rows_of(plan)
    show_rows(plan, rows, standing, names, lambda index: _open(found, plan, index))
    _show_downloads(plan)


def show_rows(
    plan: Plan,
    rows: Sequence[Row],
    standing: Standing,
    names: Sequence[str],
    take: Callable[[int], None],
) -> None:
    """Draw totals, points, confusion matrix and grid.

    Args:
        plan: of the sweep.
        rows: of all of its settings.
        standing: totals of each.
        names: of the classes, by id.
        take: called with the place of a picture that is clicked.
    """
    totals.show(standing.totals, names)
    shown = _ask_shown(plan)
    of_shown = [row for row in rows if row.setting == shown]
    left, right = st.columns([3, 2])
    with left:
        scatter.show(of_shown)
    with right:
        if shown in standing.totals:
            scatter.show_confusion(standing.totals[shown], of_shown, names)
    _show_picked()
    _show_grid(plan, of_shown, names, take)


def _ask_shown(plan: Plan) -> str:
    """The settings whose masks are shown."""
    options = [named.name for named in plan.settings]
    shown = session_many.many().shown if session_many.many().shown in options else options[0]
    if len(options) > 1:
        show_bound(
            st.selectbox, "Masks and figures below are those of", "many_shown", shown,
            session_many.show_many, options=options,
        )  # fmt: skip
    return shown


def _show_picked() -> None:
    if picked := session_many.many().lasso:
        with st.container(horizontal=True, vertical_alignment="center", key="picked"):
            st.caption(f"{len(picked):,} pictures are picked.", width="content")
            st.button("Show all", key="unpick", on_click=scatter.forget)


def _show_grid(
    plan: Plan, rows: Sequence[Row], names: Sequence[str], take: Callable[[int], None]
) -> None:
    many = session_many.many()
    address = thumbs.DOORS.address_of(many.view)
    if not address:
        st.caption("Small pictures need the server of `make run` or `make serve`.")
        return

    def opened() -> None:
        index = (session.widget("many_grid") or {}).get("open")
        if index is not None:
            take(int(index))

    show_grid(
        rows,
        key=f"{plan.digest} {many.shown}",
        address=address,
        display=session.settings().display,
        names=names,
        picked=many.lasso,
        opened=many.opened,
        on_open=opened,
    )


def _open(found: Found, plan: Plan, index: int) -> None:
    """Go to the dashboard with one picture, and the settings whose masks are shown."""
    entry, shown = found.data.entries[index], session_many.many().shown
    named = next((each for each in plan.settings if each.name == shown), plan.settings[0])
    try:
        picture = files.store().put(io.BytesIO(entry.picture.read()), entry.name)
        truth = _truth(found, entry, picture) if entry.truth is not None else ""
    except InspectionError as error:
        session.complain_of(error)
        return
    session_many.open_of_many(index, picture=picture, truth=truth, chosen=named.settings)


def _truth(found: Found, entry: Entry, picture: str) -> str:
    """The mask as it is; where the set reads its values otherwise, the class ids, and told so."""
    from core.dataset.truth import truth_of

    assert entry.truth is not None  # the caller has looked
    truths = found.data.truths
    if not truths.ids and not truths.colors:
        return files.store().put(io.BytesIO(entry.truth.read()), entry.truth.name)
    size = files.open_image(picture).pixels.shape[:2]
    ids = truth_of(entry, truths, size).ids
    return files.store().put(
        io.BytesIO(encode_png(ids.clip(0, 255).astype("uint8"))), f"{entry.truth.name} as class ids"
    )


def _show_downloads(plan: Plan) -> None:
    folder = sweeping.folder_of(plan)
    with st.container(horizontal=True, key="set_downloads"):
        for name, mime in (
            ("rows.csv", "text/csv"),
            ("rows.parquet", "application/vnd.apache.parquet"),
        ):
            if (folder / name).exists():
                st.download_button(
                    f"Download {name}",
                    (folder / name).read_bytes,
                    file_name=name,
                    mime=mime,
                    on_click="ignore",
                    icon=":material/download:",
                )
