"""The stored results of a run: what is shown where its weights are not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from core.colors import colorize, overlay, palette_colors
from core.errors import InspectionError
from pages.components.pipeline.results import show_picture
from pages.components.runs import run_banner
from pages.components.state import complaints, files, sources
from pages.components.widgets import charts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.store import Run


def show_run(run: Run) -> None:
    """Draw picture, label map, verdict, findings and pinned pixel; no network is needed."""
    result = run.snapshot.result
    if result is None:
        return
    st.warning(complaints.as_text(result.sentence), icon=":material/visibility:")
    st.caption(_origin(run))
    try:
        picture, ids = picture_of(run), labels_of(run)
    except InspectionError as error:
        st.error(complaints.as_text(error.message))
        st.info(complaints.as_text(error.remedy))
        return
    for place, pixels, name in zip(st.columns(3), _pictures(run, picture, ids), NAMES, strict=True):
        show_picture(place, pixels, name)
        place.caption(name)
    _show_numbers(run)
    show_findings(result.diagnosis)


NAMES = ("Picture", "Labels", "Mask over the picture")


def _pictures(run: Run, picture: np.ndarray, ids: np.ndarray) -> tuple[np.ndarray, ...]:
    mask = colors_of(run, ids)
    return picture, mask, overlay(picture, mask, run.snapshot.settings.display.alpha)


def picture_of(run: Run) -> np.ndarray:
    """The shared picture, UInt8[h w 3].

    Raises:
        InspectionError: it is gone, or cannot be decoded.
    """
    return files.open_image(sources.sources_of(run).picture).pixels


def labels_of(run: Run) -> np.ndarray:
    """The shared label map, Int32[h w].

    Raises:
        InspectionError: it is gone, or of another size than the picture.
    """
    found = run.files.get("labels")
    ids = files.open_labels(found.digest if found else "")
    if ids.shape != picture_of(run).shape[:2]:
        raise InspectionError(
            "The stored label map does not belong to the picture of this run.",
            remedy="Ask whoever shared the run for a new link.",
        )
    return ids


def colors_of(run: Run, ids: np.ndarray) -> np.ndarray:
    """Labels in the colors of the run, UInt8[h w 3]."""
    names = run.snapshot.result.class_names if run.snapshot.result else ()
    return colorize(ids, palette_colors(run.snapshot.settings.display, max(1, len(names))))


def _origin(run: Run) -> str:
    snapshot = run.snapshot
    versions = ", ".join(f"{name} {number}" for name, number in snapshot.versions.items())
    return complaints.as_text(
        f"{snapshot.architecture}, {snapshot.checkpoint_name}"
        f" (SHA-256 {snapshot.checkpoint_mark}...); computed with {versions}"
    )


def _show_numbers(run: Run) -> None:
    snapshot, result = run.snapshot, run.snapshot.result
    if result is None or len(result.shares) != len(result.class_names) or not result.shares:
        return
    colors = palette_colors(snapshot.settings.display, max(len(result.shares), len(result.pixel)))
    left, right = st.columns(2)
    shares = charts.shares_figure(np.array(result.shares), None, result.class_names, colors)
    left.plotly_chart(shares, key="stored_shares", alt="Share of each class in the mask")
    if snapshot.pin is not None and result.pixel:
        row, column = snapshot.pin
        right.caption(f"Pinned pixel: row {row}, column {column}")
        right.dataframe(
            [{"channel": c, "logit": value} for c, value in enumerate(result.pixel)],
            hide_index=True,
            key="stored_pixel",
        )


def show_findings(diagnosis: Mapping[str, Any] | None) -> None:
    """Draw findings that are plain data; they may come from a stranger."""
    if diagnosis is None:
        return
    if not diagnosis["finished"]:
        st.caption("The diagnosis had not ended when this was shared.")
    for number, finding in enumerate(diagnosis["findings"]):
        with st.container(border=True, key=f"stored_finding_{number}"):
            sure = "a note" if finding["kind"] == "note" else finding["certainty"]
            st.text(f"{finding['name']} ({sure}, {finding['cause']})")
            for piece in finding["evidence"]:
                st.text(f"- {piece['words']}")
            st.text(f"What to do: {finding['fix']}")
            if finding["code"]:
                st.code(finding["code"], language="python", wrap_lines=True)


WITHOUT_WEIGHTS = (
    "This run was shared without its weights, so the sliders rest: moving them needs the"
    " network. What you see was stored when it was shared. Fork takes over picture and"
    " settings; then upload the checkpoint."
)
WITHOUT_MODEL = (
    "This run is of a living model, which was run by its notebook and is not here, so the sliders"
    " rest. What you see was stored when it was shared. In the notebook, maskscope.show(...) shows"
    " the model again."
)


def why_at_rest(run: Run) -> str:
    """Why a run can only be shown as it was stored; "" where its network can be run."""
    snapshot = run.snapshot
    if snapshot.kind == "no weights":
        return WITHOUT_WEIGHTS
    if snapshot.kind != "everything" or "checkpoint" not in run.files:
        return ""
    from core.architectures.families import living_model

    living = snapshot.architecture.endswith(living_model.LIVING)
    here = living_model.is_here(run.files["checkpoint"].digest)
    return WITHOUT_MODEL if living and not here else ""


def show_at_rest(run: Run, why: str) -> None:
    """Draw the dashboard of a run whose network cannot be run."""
    with st.sidebar:
        run_banner.show_at_rest(run)
    st.info(why, icon=":material/pause_circle:")
    show_run(run)
