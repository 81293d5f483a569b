"""A sweep that somebody shared: its table, its points, its masks; the pictures were not kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from core.errors import InspectionError
from core.sweep import Progress, totals
from core.sweep.kept import keep_sweep, labels_of, open_sweep
from core.sweep.table import Table
from pages.components.many import results, sweeping
from pages.components.many.sweeping import Standing
from pages.components.state import complaints, files, session, session_many
from pages.components.widgets import copying

if TYPE_CHECKING:
    from core.store import Run
    from core.sweep import Plan
    from pages.components.state.tab import Seen


def shown_run() -> Run | None:
    """The run that this tab shows, where it is a sweep's."""
    run = session.shared_run()
    return run if run is not None and "sweep" in run.files else None


def show(run: Run, seen: Seen) -> None:
    """Draw what was kept of it."""
    try:
        plan, rows = open_sweep(files.store(), run)
    except InspectionError as error:
        st.error(complaints.as_text(error.message))
        st.info(complaints.as_text(error.remedy))
        return
    count = len({row.picture for row in rows})
    st.markdown(f"**A shared comparison** of {count:,} pictures. The pictures were not kept.")
    view = session_many.many().view
    view.entries, view.masks = (), lambda digest: labels_of(files.store(), run, digest)
    standing = Standing(Progress(count, count), totals(rows, plan), finished=True)
    results.show_rows(plan, rows, standing, seen.inspection.class_names, lambda _: None)


def show_button(plan: Plan) -> None:
    """Offer to keep a finished sweep under a link."""
    st.button("Share this table", key="share_set", icon=":material/share:", on_click=_share,
              args=(plan,))  # fmt: skip
    if shared := session_many.many().shared:
        copying.show_link(f"run={shared}", key="share_set_link", page="dataset")
        st.caption("The link opens the table and the masks; pictures and weights are not kept.")


def _share(plan: Plan) -> None:
    try:
        with Table(sweeping.folder_of(plan), plan) as table:
            run = keep_sweep(files.store(), table)
    except InspectionError as error:
        session.complain_of(error)
        return
    session_many.keep_shared_many(run.id)
