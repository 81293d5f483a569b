"""The line on top: what is seen, why, how sure, and the button that does something about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from core.verdict import LOW_MIOU, Verdict
from pages.components.diagnosis import background
from pages.components.pipeline import ahead
from pages.components.pipeline.results import notes_on, verdict_of
from pages.components.state import complaints, session

if TYPE_CHECKING:
    from core.background import Job
    from core.diagnosis import Diagnosis, Finding
    from core.settings import Settings
    from pages.components.state.tab import Seen

POLL_SECONDS = 0.5  # between two looks at a diagnosis that is not finished


def show_headline(seen: Seen) -> Job[Diagnosis]:
    """Say in one line what is seen and why; the line follows the diagnosis while it runs."""
    job = background.diagnosis_of(seen)
    ahead.begin(seen, job)
    every = None if job.finished else POLL_SECONDS
    st.fragment(_show, run_every=every)(seen, job, job.partial, session.settings())
    st.caption("  \n".join(complaints.as_text(note) for note in notes_on(seen)))
    return job


PANELS = {"input": "raw", "tensor": "normalized", "logits": "logits", "labels": "argmax",
          "mask": "mask"}  # fmt: skip


def marked_stage(job: Job[Diagnosis]) -> str:
    """The panel of the first bad stage, "" for none."""
    return PANELS.get(job.partial.bisect.stage, "") if job.partial is not None else ""


def _show(seen: Seen, job: Job[Diagnosis], drawn: Diagnosis | None, chosen: Settings) -> None:
    """Draw line and buttons; what stands outside this part is drawn anew when it has to be.

    Args:
        seen: what is shown.
        job: the diagnosis of it.
        drawn: its answer when the page was drawn.
        chosen: the settings when the page was drawn; a button here changes them.
    """
    if session.settings() is not chosen:
        st.rerun()
    answered = job.partial
    _show_line(seen, answered)
    with st.container(horizontal=True, vertical_alignment="center", key="headline"):
        _show_buttons(answered)
        if not job.finished:
            st.caption(complaints.as_text(job.stage or "Looking for the cause"))
            st.button("Stop", key="stop_diagnosis", on_click=background.stop_diagnosis)
    if answered is not drawn:  # the marked panel and the findings stand outside this part
        st.rerun()


def _show_line(seen: Seen, answered: Diagnosis | None) -> None:
    verdict = verdict_of(seen)
    line = complaints.as_text(verdict.sentence)
    if answered is not None:
        line += "  \n" + "  \n".join(map(complaints.as_text, _said(answered)))
    if seen.stale:
        st.warning(f"Before the last change: {line}", icon=":material/history:")
    elif _alarms(verdict, answered):
        st.warning(line, icon=":material/visibility_off:")
    else:
        st.success(line, icon=":material/visibility:")


def _said(answered: Diagnosis) -> tuple[str, ...]:
    """The verdict; where it explains nothing, also what was tried and what would decide."""
    left = answered.unexplained
    rest = () if left is None else (left.tried, left.decides)
    return (answered.verdict, *filter(None, rest))


def _alarms(verdict: Verdict, answered: Diagnosis | None) -> bool:
    """Green is for a mask that is alive, and that nothing contradicts."""
    apart = verdict.mean_iou is not None and verdict.mean_iou < LOW_MIOU
    told = answered is not None and bool(answered.faults or answered.unexplained)
    return verdict.one_color or apart or told


def _show_buttons(answered: Diagnosis | None) -> None:
    if fix := _first_fix(answered):
        show_apply(fix, key="apply_first")
    if session.can_undo():
        st.button("Undo", key="undo_fix", on_click=session.undo_fix, icon=":material/undo:")
    if answered is not None and answered.findings:
        st.page_link("pages/diagnosis.py", label="Why?", icon=":material/search:")


def show_apply(finding: Finding, *, key: str) -> None:
    """Draw the button that does what a finding advises."""
    st.button(
        "Apply",
        key=key,
        type="primary",
        on_click=session.apply_fix,
        args=(finding.changes, finding.part),
        help=complaints.as_text(finding.fix),
        icon=":material/build:",
    )


def _first_fix(answered: Diagnosis | None) -> Finding | None:
    """The first fault, where something here mends it: a fix of the second would not help."""
    first = answered.faults[0] if answered is not None and answered.faults else None
    return first if first is not None and first.can_be_applied else None
