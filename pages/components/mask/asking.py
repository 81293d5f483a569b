"""What the page asks for: masks, and what may stand beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from pages.components.mask import looking
from pages.components.state import complaints, files, session
from pages.components.state.masks import MOST
from pages.components.widgets.sidebar import PICTURES
from pages.components.widgets.uploading import ask_for_files


def show_introduction() -> None:
    """Say what this page is for."""
    st.markdown(
        "**Only a mask.** Drop the file that your script wrote: what it holds is told from its "
        "numbers alone, without a checkpoint and without any network."
    )


def ask() -> None:
    """Draw the uploaders; each empties itself."""
    left, right = st.columns([3, 2])
    with left:
        ask_for_files("Masks, one or many", "masks", (), _take, several=True)
        if not session.masks().files:
            st.button("Try it with a black mask", key="try_mask", on_click=_try)
    with right, st.expander("The picture, the ground truth", key="beside"):
        _ask_beside("The picture they belong to", "picture")
        _ask_beside("The ground truth", "truth")


def _take(chosen: Sequence[Any]) -> None:
    store = files.store()
    kept = tuple((store.put(file, file.name), file.name) for file in chosen[:MOST])
    session.look_at_masks(files=kept, opened=0)
    if len(chosen) > MOST:
        st.toast(f"The first {MOST} of {len(chosen)} files are looked at.")


def _try() -> None:
    session.look_at_masks(files=(looking.example(),), opened=0)


def _ask_beside(label: str, kind: str) -> None:
    def take(chosen: Sequence[Any]) -> None:
        session.look_at_masks(**{kind: files.store().put(chosen[0], chosen[0].name)})

    ask_for_files(label, f"mask_{kind}", PICTURES, take)
    if digest := getattr(session.masks(), kind):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"Now: {complaints.as_text(files.picture_name(digest))}", width="content")
            st.button(
                "Remove", key=f"drop_mask_{kind}", on_click=session.look_at_masks,
                kwargs={kind: ""},
            )  # fmt: skip
