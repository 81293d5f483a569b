"""What a fix does to the mask: as it is now beside as it would be."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st

from core.errors import InspectionError
from core.settings import change
from pages.components.pipeline.results import show_mask, verdict_of
from pages.components.state import inspecting, session

if TYPE_CHECKING:  # torch loads with the first inspection, not with the page
    from core.diagnosis import Finding
    from pages.components.state.tab import Seen


def show_remedy(finding: Finding, seen: Seen) -> None:
    """Draw both masks; nothing where the fix cannot be run.

    The diagnosis has usually run this forward already, and the engine keeps its result.
    """
    now, slot = seen.inspection, st.empty()
    fixed = change(now.settings, **finding.changes)
    try:
        network = now.network
        if finding.part:
            opened = replace(session.good_sources(), part=finding.part, choices="")
            network = inspecting.network_of(opened, slot)
        then = inspecting.inspect_with(fixed, now.image, network, slot)
    except InspectionError:
        return
    finally:
        slot.empty()
    places = st.columns((1, 1, 2))
    for place, inspection, words in zip(places, (now, then), ("now", "fixed"), strict=False):
        show_mask(place, inspection, inspection.settings.display, f"The mask {words}")
        score = verdict_of(seen, inspection).mean_iou
        place.caption(words if score is None else f"{words}: mIoU {score:.3f}")
