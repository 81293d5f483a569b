"""Findings as a person reads them: the cause, how we know, what to do, what else it could be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages.components.diagnosis.remedy import show_remedy
from pages.components.pipeline.headline import show_apply
from pages.components.state import complaints, files, session
from pages.components.widgets import sidebar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.diagnosis import Bisect, Diagnosis, Finding
    from pages.components.state.tab import Seen

STAGES = ("input", "tensor", "logits", "labels", "mask")
NAMES = ("Raw input", "Normalized", "Logits", "Argmax", "Mask")
REMEDIES = 3  # findings whose fix is drawn
BADGES = {"certain": "red", "likely": "orange", "possible": "gray"}


def show_diagnosis(answered: Diagnosis, seen: Seen) -> None:
    """Draw the first bad stage, what was found, and what was tried."""
    show_bisect(answered.bisect)
    show_findings(answered.findings, seen)
    for failed in answered.failed:
        st.info(complaints.as_text(failed.words), icon=":material/help:")
    if answered.tried:
        with st.expander(f"What was tried ({len(answered.tried)})"):
            show_tried(answered)


def show_bisect(bisect: Bisect) -> None:
    """Draw the five stages, and the one at which the picture turns bad."""
    at = STAGES.index(bisect.stage) if bisect.stage in STAGES else len(STAGES)
    for number, (place, name) in enumerate(zip(st.columns(len(STAGES)), NAMES, strict=True)):
        mark, color = ("check_circle", "green") if number < at else ("arrow_forward", "gray")
        if number == at:
            mark, color = "error", "orange"
        with place.container(border=True, height="stretch"):
            st.markdown(f":{color}[:material/{mark}:] **{number + 1} {name}**")
            if number == at:
                st.caption("First bad stage")
    st.caption(complaints.as_text(bisect.words))


def show_findings(findings: Sequence[Finding], seen: Seen | None = None) -> None:
    """Draw every finding, the surest first; with what the first fixes do, where they can be run."""
    for number, finding in enumerate(findings):
        _show_finding(finding, number, seen if number < REMEDIES else None)


def _show_finding(finding: Finding, number: int, seen: Seen | None) -> None:
    with st.container(border=True, key=f"finding_{finding.cause}_{number}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{complaints.as_text(finding.name)}**")
            if finding.kind == "note":
                st.badge("note", color="gray")
            else:
                st.badge(finding.certainty, color=BADGES[finding.certainty])  # type: ignore[arg-type]
            st.caption(finding.cause, width="content")
        evidence = [f"- {complaints.as_text(piece.words)}" for piece in finding.evidence]
        st.markdown("\n".join(evidence))
        if finding.effect is not None:
            share = f"{finding.effect:.1%}".replace("%", " %")
            what = "color is wrong" if finding.only_colors else "class changes when this is fixed"
            st.caption(f"Pixels whose {what}: {share}")
        if seen is not None and finding.can_be_applied and finding.kind == "fault":
            show_remedy(finding, seen)
        st.markdown(f":material/arrow_forward: {complaints.as_text(finding.fix)}")
        if finding.separates:
            st.caption(f"What would decide: {complaints.as_text(finding.separates)}")
        if finding.code:
            st.code(finding.code, language="python", wrap_lines=True)
        with st.container(horizontal=True):
            if finding.can_be_applied:
                show_apply(finding, key=f"apply_{number}")
            with st.popover("About this cause", key=f"about_{number}"):
                st.markdown(finding.explanation)


def ask_for_output() -> None:
    """Let the user give the picture that their own script wrote."""
    st.subheader("The picture that your script wrote")
    st.caption(
        "Upload your own black or wrong output: it is compared with what each common mistake would "
        "have written of this picture and checkpoint."
    )
    if (saved := session.sources().saved) and session.sources() == session.good_sources():
        st.text(f"Now: {files.picture_name(saved)}")
        st.button("Remove", key="drop_saved", on_click=session.open_source, kwargs={"saved": ""})
    sidebar.ask_for("Your own output", "saved")


def show_tried(answered: Diagnosis) -> None:
    """Draw what was tried, the most telling first."""
    st.dataframe(
        [
            {
                "change": tried.words,
                "how good the mask is": tried.agreement,
                "changed pixels": tried.changed,
                **({} if tried.iou is None else {"mIoU": tried.iou}),
            }
            for tried in answered.tried
        ],
        hide_index=True,
        column_config={
            "changed pixels": st.column_config.NumberColumn(format="percent"),
            "mIoU": st.column_config.NumberColumn(format="%.3f"),
            "how good the mask is": st.column_config.NumberColumn(
                format="%.3f",
                help="The mask score in nats: mutual information of the mask and the mask of the "
                "mirrored picture, or the ground truth; 0 for a black mask or noise, high where "
                "the mask is rich and stable",
            ),
        },
    )
