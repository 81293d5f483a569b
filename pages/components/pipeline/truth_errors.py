"""What the dashboard shows where a ground truth is open: which pixels are wrong, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from core.differences import Differences, differences
from core.scores import confusion_matrix
from core.verdict import class_name
from pages.components.state.complaints import as_text
from pages.components.viewer.planes import thinning
from pages.components.widgets.truth_charts import errors_figure, matrix_figure

if TYPE_CHECKING:  # torch loads with the first inspection, not with the page
    from streamlit.delta_generator import DeltaGenerator

    from core.inspection import Inspection
    from pages.components.state.tab import Seen


def show_errors(seen: Seen) -> None:
    """Draw the errors over the picture and the confusion matrix; nothing without a truth."""
    if seen.truth is None:
        return
    inspection, true = seen.inspection, seen.truth.ids
    ids, count = inspection.labels.ids, inspection.labels.num_classes
    ignore = inspection.settings.display.ignore_index
    found = differences(ids, true, ignore)
    if not found.shares:
        st.info(f"Every pixel of the ground truth has the ignored id {ignore}: none is compared. "
                "If that id is a class, choose another ignored id in the sidebar.")  # fmt: skip
        return
    left, right = st.columns(2)
    _show_picture(left, inspection, found)
    right.plotly_chart(
        matrix_figure(confusion_matrix(ids, true, count, ignore), inspection.class_names),
        key="confusion_matrix",
        alt="Confusion matrix: true classes in rows, found ones in columns",
    )
    right.caption(
        "Each row shares out the pixels of a true class that count; how many they are is under the "
        "pointer. The row of a class that the truth lacks is empty; a class in neither is left out."
    )


def _show_picture(place: DeltaGenerator, inspection: Inspection, found: Differences) -> None:
    step = thinning(found.kinds.shape)
    background = as_text(class_name(0, inspection.class_names))
    figure = errors_figure(inspection.image.pixels, found, step)
    words = (
        f"Taken as the background: {background}. Missed: the mask says background or no class, the "
        "truth another one. False: the mask has a class where the truth says background. Confused: "
        "two different classes. Shares are of the pixels that count."
    )
    if step > 1:
        words += f" One pixel in {step} is drawn each way; the shares are of all."
    place.plotly_chart(figure, key="errors", alt="Errors over the picture")
    place.caption(words)
