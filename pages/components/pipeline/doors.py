"""Which door is for whom, in one row: who has no checkpoint at hand finds another way in."""

from __future__ import annotations

import streamlit as st

from pages.components.state import session_many


def show_doors() -> None:
    """Draw the row."""
    with st.container(horizontal=True, vertical_alignment="center", key="doors"):
        st.caption("Picture and checkpoint: here, on the left.", width="content")
        st.page_link("pages/mask.py", label="Only a mask file")
        st.page_link("pages/dataset.py", label="Many pictures")
        st.page_link("pages/deployed.py", label="A deployed model that disagrees")
        st.caption("A model in your notebook: `import maskscope`", width="content")


def show_way_back() -> None:
    """Where this picture was opened from a set: the way back to its place there."""
    if (place := session_many.many().opened) is not None and session_many.many().source:
        st.page_link(
            "pages/dataset.py",
            label=f"Back to the set, picture {place + 1:,}",
            icon=":material/arrow_back:",
        )
