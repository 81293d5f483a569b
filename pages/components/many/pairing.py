"""How a set was read: its layout, which mask belongs to which picture, what is odd about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from core.dataset.rule import Rule
from core.errors import InspectionError
from pages.components.many import looking, opening
from pages.components.state import complaints, session, session_many

if TYPE_CHECKING:
    from core.dataset.finding import DataFinding
    from core.dataset.opening import Found

EXAMPLE_RULE = ("{root}images/{key}.*", "{root}masks/{key}.*")
LISTED = 5  # names of files that a finding shows
TABLE_ROWS = 2000  # pairs that are listed; more are told by their number


def open_and_show(num_classes: int) -> Found | None:
    """Open the tab's set and draw it.

    Args:
        num_classes: that the open network gives.

    Returns:
        None where there is none, or none that can be opened.
    """
    try:
        found = opening.opened()
    except InspectionError as error:
        st.error(complaints.as_text(error.message), icon=":material/error:")
        st.info(complaints.as_text(error.remedy), icon=":material/arrow_forward:")
        return None
    if found is not None:
        _show(found, num_classes)
    return found


def _show(found: Found, num_classes: int) -> None:
    """In a line, with the findings, and the table on demand."""
    pairing, name = found.pairing, complaints.as_text(found.data.name)
    st.markdown(f"**{name}**: {found.data.layout}; {pairing.words}.")
    job = looking.look_of(found, num_classes)
    if not job.finished:
        looking.show_progress(job)
    findings = found.findings if job.partial is None else job.partial.findings
    for finding in findings:
        if finding.is_fault:
            _show_finding(finding)
    notes = [finding for finding in findings if not finding.is_fault]
    if notes:
        titles = "; ".join(complaints.as_text(finding.title) for finding in notes)
        with st.expander(f"Good to know: {titles}", key="set_notes"):
            for finding in notes:
                _show_finding(finding)
    with st.expander(
        "Which mask belongs to which picture", key="pairs", on_change="rerun"
    ) as open_:
        if open_.open:
            _show_pairs(found)


def _show_finding(finding: DataFinding) -> None:
    with st.container(border=True, key=f"set_{finding.kind_id}"):
        icon = ":orange[:material/error:]" if finding.is_fault else ":gray[:material/info:]"
        many = f" ({finding.count:,} files)" if finding.count > 1 else ""
        lines = [complaints.as_text(line) for line in (*finding.evidence, *_named(finding))]
        st.markdown(f"{icon} **{complaints.as_text(finding.title)}**{many}: {' '.join(lines)}")
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f":material/arrow_forward: {complaints.as_text(finding.remedy)}")
            if finding.truths is not None:
                st.button(
                    "Read them so",
                    key=f"read_{finding.kind_id}",
                    on_click=session_many.read_masks_as,
                    args=(finding.truths,),
                )
            with st.popover("About this", key=f"about_set_{finding.kind_id}"):
                st.markdown(complaints.as_text(finding.what))


def _named(finding: DataFinding) -> list[str]:
    """The first files, where no evidence names them."""
    if finding.evidence:
        return []
    more = f" and {finding.count - LISTED:,} more" if finding.count > LISTED else ""
    return [", ".join(finding.files[:LISTED]) + more]


def _ask_rule(found: Found) -> None:
    """Two patterns, which may be written anew."""
    rule = found.pairing.rule
    left, right, last = st.columns([3, 3, 1], vertical_alignment="bottom")
    pictures = left.text_input("Pictures", rule.pictures if rule else EXAMPLE_RULE[0])
    masks = right.text_input("Their masks", rule.masks if rule else EXAMPLE_RULE[1])
    last.button("Pair", key="pair_by_rule", on_click=_pair, args=(pictures, masks))
    st.caption(
        "{key} and {split} are equal on both sides, {root} is the folders before, * is anything "
        "within a name."
    )


def _pair(pictures: str, masks: str) -> None:
    try:
        Rule(pictures, masks)
    except InspectionError as error:
        session.complain_of(error)
        return
    session_many.pair_by_rule(pictures, masks)


def _show_pairs(found: Found) -> None:
    _ask_rule(found)
    pairs = found.pairing.pairs[:TABLE_ROWS]
    masks = ["", *found.pairing.masks]
    edited = st.data_editor(
        [{"picture": pair.picture, "mask": pair.mask or ""} for pair in pairs],
        key=f"pairs_{hash((found.data.name, session_many.many().by_hand))}",
        disabled=["picture"],
        column_config={
            "mask": st.column_config.SelectboxColumn("mask", options=masks, width="large"),
            "picture": st.column_config.TextColumn("picture", width="large"),
        },
    )
    changed = {
        row["picture"]: row["mask"] or ""
        for row, pair in zip(edited, pairs, strict=True)
        if (row["mask"] or "") != (pair.mask or "")
    }
    if changed:
        session_many.pair_by_hand(changed)
        st.rerun()
    if len(found.pairing.pairs) > TABLE_ROWS:
        st.caption(f"The first {TABLE_ROWS:,} of {len(found.pairing.pairs):,} are listed.")
