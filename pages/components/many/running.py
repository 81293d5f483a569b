"""The button that begins a sweep, and the sweep while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from core.errors import InspectionError
from pages.components.many import choosing, results, stored, sweeping, totals
from pages.components.state import complaints, session_many

if TYPE_CHECKING:
    from core.background import Job
    from core.dataset.opening import Found
    from core.diagnosis.many.set_diagnosis import SetDiagnosis
    from core.sweep import Plan
    from pages.components.many.sweeping import Standing
    from pages.components.state.tab import Seen

POLL_SECONDS = 1.0
FIRST_SECONDS = 0.3  # so long the page waits for a sweep that is finished already


def show(found: Found, seen: Seen, answered: SetDiagnosis | None) -> None:
    """Ask for the settings, begin, follow; what is finished is drawn whole."""
    chosen = choosing.ask(choosing.offered(seen, answered))
    planned = dict(session_many.many().planned)
    with st.container(horizontal=True, vertical_alignment="center", key="begin_set"):
        label = "Compare on all pictures" if not planned else "Compare again with these"
        st.button(
            label, key="begin_sweep", type="primary", disabled=not chosen or chosen == planned,
            on_click=session_many.plan_many, args=(tuple(chosen.items()),),
        )  # fmt: skip
        forwards = len(found.data.entries) * len(chosen)
        st.caption(f"{forwards:,} forwards at most, behind what anybody looks at meanwhile")
    if not planned:
        return
    try:
        plan = sweeping.plan_of(found, planned, seen)
    except InspectionError as error:
        st.error(complaints.as_text(error.message))
        return
    if session_many.many().stopped:
        _show(found, plan, sweeping.so_far(found, plan), seen)
        return
    job = sweeping.begin(found, plan, seen)
    job.wait(FIRST_SECONDS)
    if not job.finished:
        st.fragment(_follow, run_every=POLL_SECONDS)(job, seen)
    elif job.error is not None:
        st.error(complaints.as_text(job.error.message))
        st.info(complaints.as_text(job.error.remedy))
    else:
        if job.broken:
            st.error("The sweep ended by a fault of ours; finished pictures are kept.")
        _show(found, plan, job.partial or sweeping.so_far(found, plan), seen)


def _show(found: Found, plan: Plan, standing: Standing, seen: Seen) -> None:
    if standing.progress.left:
        totals.show_progress(standing)
        st.button("Go on", key="go_on", on_click=session_many.go_on_with_many)
    results.show(found, plan, standing, seen)
    if standing.finished:
        stored.show_button(plan)


def _follow(job: Job[Standing], seen: Seen) -> None:
    if job.finished:
        st.rerun()
    standing = job.partial
    with st.container(horizontal=True, vertical_alignment="center", key="sweeping"):
        st.caption("Nothing else has to wait: look at other pages meanwhile.", width="content")
        st.button("Stop", key="stop_sweep", on_click=sweeping.stop)
    if standing is None:
        st.caption(complaints.as_text(job.stage or "Beginning"))
        return
    totals.show_progress(standing)
    if standing.totals:
        totals.show(standing.totals, seen.inspection.class_names)
