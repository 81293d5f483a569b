"""How every page begins that shows an inspection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages.components.runs import run_banner, share_dialog, stored_results
from pages.components.state import complaints, inspecting, page, session
from pages.components.widgets import sidebar

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from pages.components.state.tab import Seen


def open_inspection(title: str) -> Seen:
    """Draw frame and sidebar, inspect what is open, and ask what no tensor of it tells.

    Ends the page where there is nothing to show.
    """
    corner = open_page(title)
    bands, facts = sidebar.show()
    seen = inspecting.inspection()
    if (run := session.shared_run()) is not None:
        run_banner.show_agreement(run, seen)
        return seen
    with facts:
        sidebar.show_choices(seen.inspection.network.choices)
    with bands:
        sidebar.show_bands(seen.inspection.image.facts)
    with corner:
        share_dialog.show_button(seen)
    return seen


def open_page(title: str) -> DeltaGenerator:
    """Draw the frame, and a run's banner; a run that cannot be run is shown as it was stored.

    Returns:
        The place at the end of the navigation.
    """
    corner = page.open_page(title)
    run_banner.show_banner()
    run = session.shared_run()
    if run is not None and (why := stored_results.why_at_rest(run)):
        complaints.show_complaint()
        stored_results.show_at_rest(run, why)
        page.close_page()
        st.stop()
    return corner
