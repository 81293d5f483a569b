"""The user's script as it was rebuilt from its output, and the right one beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages.components.state import complaints

if TYPE_CHECKING:
    from core.diagnosis import Rebuilt


def show_rebuilt(rebuilt: Rebuilt) -> None:
    """Draw both scripts as one diff, with the first line that differs marked."""
    st.subheader("The script that wrote your picture")
    with st.container(border=True, key="rebuilt"):
        st.badge("exact" if rebuilt.exact else "possible", color="red" if rebuilt.exact else "gray")
        st.markdown(complaints.as_text(rebuilt.words))
        if not rebuilt.share:  # nothing is concluded from this file
            return
        marked = rebuilt.marked
        if marked:
            st.caption(f"The first line that differs: `{complaints.as_text(marked)}`")
        elif rebuilt.exact:
            st.caption("It does what these settings say.")
        st.code("\n".join(rebuilt.diff), language="diff", wrap_lines=True)
        with st.expander("As Python"):
            st.code(rebuilt.script, language="python", wrap_lines=True)
