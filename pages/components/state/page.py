"""How every page begins and ends: frame, navigation, address bar."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from pages.components.state import session
from pages.components.state.address import to_address
from pages.components.state.gc_freeze import spare_modules

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
</style>"""

# Half black, as masks are that bring people here. No emoji: Streamlit fetches those from elsewhere.
ICON = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">
<circle cx="8" cy="8" r="7" fill="#58a6ff" stroke="#888"/><path d="M8 1a7 7 0 0 0 0 14z"/></svg>"""


def open_page(title: str) -> DeltaGenerator:
    """Begin a page: frame, navigation, and the state from the address on the first run.

    Returns:
        The place at the end of the navigation.
    """
    _forget_parts()
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
        st.page_link("pages/checkpoint.py", label="Checkpoint")
        st.page_link("pages/gallery.py", label="Gallery")
        st.page_link("pages/runs.py", label="Runs")
        return st.container(horizontal=True, horizontal_alignment="right")


def _forget_parts() -> None:
    """Drop the parts (`st.fragment`) of the page before; this run makes its own anew.

    Streamlit does so when a run ends. Until then the browser may ask for a part of the page that
    was left, by its clock (`run_every`), and is answered with that page, which empties this one or
    leads back (docs/decisions/0019).
    """
    if (context := get_script_run_ctx()) is not None:
        context.fragment_storage.clear()


def close_page() -> None:
    """End a page: write the state into the address bar."""
    _ADDRESS(data={"query": to_address(session.tab())}, key="address")
    spare_modules()
