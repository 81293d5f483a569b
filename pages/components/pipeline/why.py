"""What the dashboard shows of one pixel when it is asked: which places speak for its class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from core.colors import overlay
from core.errors import ForwardError
from core.export.stages import heat_colors
from core.labels import NO_CLASS
from pages.components.pipeline.results import pin_of, show_picture
from pages.components.state import inspecting
from pages.components.state.complaints import as_text

if TYPE_CHECKING:  # torch loads with the first inspection, not with the page
    from core.activation_map import ActivationMap
    from core.inspection import Inspection
    from pages.components.state.tab import Seen

OPACITY = 0.6  # of the map over the picture
PIXEL, MASK = "the pinned pixel", "all pixels of its class"


def show_why(seen: Seen) -> None:
    """Draw the class activation map of the pinned pixel; without one, say how to pin it."""
    inspection = seen.inspection
    if (pin := pin_of(inspection)) is None:
        st.caption("Click a pixel in a panel above: this shows what speaks for its class.")
        return
    asked = st.radio("The logit of", (PIXEL, MASK), key="why_of", horizontal=True)
    try:
        with st.spinner("Asking the network"):
            found = inspecting.why(inspection, pin, of_mask=asked == MASK)
    except ForwardError as error:
        st.info(f"{as_text(error.message)} {as_text(error.remedy)}")
        return
    left, right, words = st.columns(3)
    heat = heat_colors()[np.rint(found.values * 254).astype(np.uint8)]
    over = _marked(overlay(inspection.image.pixels, heat, OPACITY), pin)
    show_picture(left, over, "Class activation map over the picture")
    show_picture(right, heat, "Class activation map")
    words.markdown(f"**{as_text(_title(inspection, pin))}**")
    words.caption(as_text(_caption(found)))


def _title(inspection: Inspection, pin: tuple[int, int]) -> str:
    labels = inspection.labels
    id = int(labels.ids[pin])
    row, column = pin
    if id == NO_CLASS:
        name = inspection.class_names[int(labels.winner[pin])]
        return f"Row {row}, column {column}: no class; the nearest is {name}"
    return f"Row {row}, column {column}: {inspection.class_names[id]}"


def _caption(found: ActivationMap) -> str:
    height, width = found.size
    words = [
        f"Grad-CAM on {found.layer}, the last feature map before the classifier "
        f"({found.channels} channels of {width} x {height}), enlarged bilinearly; yellow speaks "
        "for the class most, violet does not."
    ]
    if found.against:
        words.append("This class has no logit of its own: what speaks against the other is shown.")
    if not found.values.any():
        words.append("Nothing in this layer speaks for the class here.")
    words += [f"{note[0].upper()}{note[1:]}." for note in found.notes]
    return " ".join(words)


def _marked(pixels: np.ndarray, pin: tuple[int, int]) -> np.ndarray:
    """The picture with a white frame around the pixel, a hundredth of it wide."""
    marked, arm = pixels.copy(), max(2, max(pixels.shape[:2]) // 100)
    rows = slice(max(0, pin[0] - arm), pin[0] + arm + 1)
    columns = slice(max(0, pin[1] - arm), pin[1] + arm + 1)
    marked[rows, columns] = 255
    marked[pin] = pixels[pin]
    return marked
