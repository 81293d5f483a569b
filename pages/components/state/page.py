"""How every page begins and ends: frame, navigation, address bar."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages.components.state import session
from pages.components.state.address import to_address
from pages.components.state.gc_freeze import spare_modules
from pages.components.state.give_back import give_back_uploads
from pages.components.state.page_clock import keep_clicks

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

_ADDRESS = st.components.v2.component(
    "maskscope_address",
    js="""
// The settings live in the address bar. Replaced, not pushed: a drag must not fill the history.
export default function ({ data }) {
  const wanted = data.query ? "?" + data.query : location.pathname
  if (location.search !== wanted) history.replaceState(history.state, "", wanted)
}
""",
)

# Pixels stay pixels where the browser enlarges a picture; the panels get the width.
STYLE = """<style>
.stMainBlockContainer { padding: 4.2rem 1.5rem 2rem; }
[data-testid="stImage"] img { image-rendering: pixelated; }
.st-key-navigation { column-gap: .3rem; }  /* all pages and "Share" in one line from 1280 on */
.st-key-navigation [data-testid="stPageLink"] a { padding-inline: .4rem; }
</style>"""

# Half black, as masks are that bring people here. No emoji: Streamlit fetches those from elsewhere.
ICON = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">
<circle cx="8" cy="8" r="7" fill="#58a6ff" stroke="#888"/><path d="M8 1a7 7 0 0 0 0 14z"/></svg>"""


def open_page(title: str) -> DeltaGenerator:
    """Begin a page: frame, navigation, and the state from the address on the first run.

    Returns:
        The place at the end of the navigation.
    """
    keep_clicks()
    give_back_uploads()
    st.set_page_config(page_title=f"{title} - Maskscope", page_icon=ICON, layout="wide")
    st.html(STYLE)
    session.start(st.query_params)
    if wanted := session.take_wanted_page():
        st.switch_page(wanted)
    with st.container(horizontal=True, vertical_alignment="center", key="navigation"):
        st.markdown("**Maskscope**", width="content")
        st.page_link("app.py", label="Pipeline")
        st.page_link("pages/compare.py", label="Compare")
        st.page_link("pages/diagnosis.py", label="Diagnosis")
        st.page_link("pages/dataset.py", label="Many pictures")
        st.page_link("pages/deployed.py", label="Deployed")
        st.page_link("pages/checkpoint.py", label="Checkpoint")
        st.page_link("pages/mask.py", label="Only a mask")
        st.page_link("pages/gallery.py", label="Gallery")
        st.page_link("pages/runs.py", label="Runs")
        return st.container(horizontal=True, horizontal_alignment="right")


def close_page() -> None:
    """End a page: write the state into the address bar."""
    _ADDRESS(data={"query": to_address(session.tab())}, key="address")
    spare_modules()
