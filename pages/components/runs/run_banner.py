"""A shared run on the screen: the line that says so, Fork, the notes, and settings at rest."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from core.errors import InspectionError
from core.settings_address import to_query
from core.store import add_note, notes_of
from pages.components.state import complaints, files, session

if TYPE_CHECKING:
    from core.settings import Settings
    from core.store import Run
    from pages.components.state.tab import Seen

SHORT = 8  # characters of an id that tell runs apart


def show_banner() -> None:
    """Say that a run is shown, or that this is a copy of one."""
    if (run := session.shared_run()) is not None:
        _show_looking(run)
    elif (run := session.origin()) is not None:
        with st.container(horizontal=True, vertical_alignment="center", key="copy_of_run"):
            st.caption(f"A copy of the shared run {name_of(run)}, which stays as it is.")
            st.button("Back to it", key="back_to_run", on_click=session.look_at, args=(run,))


def _show_looking(run: Run) -> None:
    made = time_of(run.created)
    until = "" if run.expires is None else f" It is kept until {time_of(run.expires)}."
    of = "".join(f", {name}" for name in names_in(run))
    with st.container(horizontal=True, vertical_alignment="center", key="shared_run"):
        st.info(
            complaints.as_text(f"You look at the shared run {name_of(run)} of {made}{of}.{until}"),
            icon=":material/visibility:",
        )
        st.button(
            "Fork",
            key="fork",
            type="primary",
            icon=":material/fork_right:",
            on_click=session.fork,
            help="Go on with a copy that you can change; the run stays as it is",
        )
    if "sweep" in run.files:
        st.page_link("pages/dataset.py", label="It holds a comparison of many pictures: open it")
    elif run.snapshot.kind == "settings":
        st.caption(
            "It holds settings only; picture and checkpoint are the example's. Fork to open yours."
        )
    show_notes(run)


def names_in(run: Run) -> list[str]:
    """What its picture and its checkpoint are called, as far as it knows them."""
    names = [kept.name for role, kept in run.files.items() if role == "picture"]
    return names + ([run.snapshot.checkpoint_name] if run.snapshot.checkpoint_name else [])


def show_notes(run: Run) -> None:
    """Draw what was written beside a run, letter by letter, and a place to write more."""
    for note in notes_of(files.store(), run.id):
        with st.container(border=True, gap=None):
            st.caption(complaints.as_text(f"{note.author or 'Somebody'}, {time_of(note.created)}"))
            st.text(note.text)  # as_text would still make a link of www.example.org
    with (
        st.popover("Add a note", key=f"write_{run.id}", icon=":material/edit_note:"),
        st.form(f"note_{run.id}", clear_on_submit=True, border=False),
    ):
        author = st.text_input("Your name", key=f"note_author_{run.id}")
        text = st.text_area("A note", key=f"note_text_{run.id}")
        if st.form_submit_button("Add the note"):
            _add(run, author, text)


def _add(run: Run, author: str, text: str) -> None:
    try:
        add_note(files.store(), run.id, author, text)
    except InspectionError as error:
        st.error(complaints.as_text(error.message))
        st.info(complaints.as_text(error.remedy))
        return
    st.rerun()


def show_settings(settings: Settings) -> None:
    """Draw every setting as text."""
    rows = [{"setting": name, "value": value} for name, value in to_query(settings).items()]
    widths = {"setting": 90, "value": 140}  # pixels, the sidebar's; mean has 17 characters
    columns = {name: st.column_config.Column(width=width) for name, width in widths.items()}
    st.dataframe(rows, hide_index=True, key="settings_at_rest", column_config=columns)


def show_at_rest(run: Run) -> None:
    """Draw, in the place of the sidebar's choices, what was chosen."""
    st.subheader("Settings of the run")
    st.caption("They rest, as a run never changes. Fork makes a copy that can be changed.")
    show_settings(run.snapshot.settings)


def show_agreement(run: Run, seen: Seen) -> None:
    """Say whether the label map that is computed here is the one that was shared."""
    if "labels" not in run.files:
        return
    try:
        shared = files.open_labels(run.files["labels"].digest)
    except InspectionError as error:
        st.warning(complaints.as_text(error.message))
        return
    computed = seen.inspection.labels.ids
    if shared.shape == computed.shape and np.array_equal(shared, computed):
        st.caption("Computed here, the label map is the shared one, bit for bit.")
        return
    differs = "in its size"
    if shared.shape == computed.shape:
        differs = f"at {np.count_nonzero(shared != computed)} of {shared.size} pixels"
    st.warning(
        f"Computed here, the label map differs from the shared one {differs}:"
        " another processor, or another version of PyTorch."
    )


def name_of(run: Run) -> str:
    """What to call a run on the page."""
    return run.id[:SHORT]


def time_of(seconds: float) -> str:
    """Seconds since 1970 for people."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
