"""The list of shared runs, and what can be done with each."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from core.errors import InspectionError
from core.settings_address import to_query
from core.store import Run, delete_run, expire_runs, export_run, import_run, list_runs
from pages.components.compare.columns import DIFFERENT
from pages.components.pipeline.results import show_picture
from pages.components.runs import run_banner, stored_results
from pages.components.runs.share_dialog import KINDS
from pages.components.state import complaints, files, session
from pages.components.widgets import copying
from pages.components.widgets.uploading import ask_for_files

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

COMPARED = 2  # runs side by side
SAME = 60  # gray level of pixels with the same class


def show_import() -> None:
    """Draw the place for a run that was exported elsewhere; it empties itself."""
    with st.expander("Import a run", key="import_run"):
        ask_for_files("A run that was exported here or elsewhere", "run", ["zip"], _import)


def _import(chosen: Sequence[Any]) -> None:
    run = import_run(files.store(), chosen[0])
    session.stop_complaining()
    st.toast(f"Imported as {run_banner.name_of(run)}")


def show_search() -> list[Run]:
    """Draw the search field; returns the runs that hold all of its words, the newest first."""
    expire_runs(files.store(), keep=session.tab().open_digests)
    words = st.text_input(
        "Search",
        key="search_runs",
        placeholder="names, classes, findings, notes",
        label_visibility="collapsed",
    )
    found = list_runs(files.store(), words)
    if not found:
        st.info(
            "No run holds these words." if words else "No run yet: press Share on the dashboard.",
            icon=":material/share:",
        )
    return found


def show_runs(runs: Sequence[Run]) -> None:
    """Draw every run, the newest first."""
    for run in runs:
        with st.container(border=True, key=f"run_{run.id}"):
            picture, text, buttons = st.columns([1, 5, 2])
            _show_thumbnail(picture, run)
            with text:
                _show_text(run)
            with buttons:
                _show_buttons(run)


def _show_thumbnail(place: DeltaGenerator, run: Run) -> None:
    found = run.files.get("thumbnail")
    try:
        pixels = files.open_image(found.digest).pixels if found else None
    except InspectionError:
        pixels = None
    if pixels is None:
        place.caption("no picture")
    else:
        show_picture(place, pixels, "The mask over the picture, small")


def _show_text(run: Run) -> None:
    result, snapshot = run.snapshot.result, run.snapshot
    findings = result.diagnosis["findings"] if result and result.diagnosis else []
    if result is not None:
        st.text(result.sentence)
    for finding in findings[:1]:
        st.text(f"{finding['name']} ({finding['certainty']})")
    until = "for good" if run.expires is None else f"until {run_banner.time_of(run.expires)}"
    facts = [run_banner.name_of(run), run_banner.time_of(run.created), KINDS[snapshot.kind], until]
    facts += run_banner.names_in(run)
    st.caption(complaints.as_text(", ".join(facts)))
    run_banner.show_notes(run)


def _show_buttons(run: Run) -> None:
    st.button(
        "Open",
        key=f"open_{run.id}",
        on_click=session.look_at_on_dashboard,
        args=(run,),
        width="stretch",
    )
    with st.popover("Link", width="stretch", key=f"link_{run.id}"):
        copying.show_link(f"run={run.id}", key=f"copy_{run.id}")
    st.download_button(
        "Export",
        data=lambda: exported(run),
        file_name=f"maskscope-run-{run_banner.name_of(run)}.zip",
        mime="application/zip",
        key=f"export_{run.id}",
        on_click="ignore",
        width="stretch",
    )
    with st.popover("Delete", width="stretch", key=f"ask_{run.id}"):
        st.caption("The link will open nothing any more. This cannot be undone.")
        st.button("Delete for everybody", key=f"delete_{run.id}", on_click=_delete, args=(run,))
    if "labels" in run.files:
        st.checkbox("Compare", key=f"compare_{run.id}")


def exported(run: Run) -> bytes:
    """The file that Export downloads."""
    file = io.BytesIO()
    export_run(files.store(), run, file)
    return file.getvalue()


def _delete(run: Run) -> None:
    delete_run(files.store(), run.id, keep=session.tab().open_digests)


# --- two side by side -----------------------------------------------------------------------------


def show_comparison(runs: Sequence[Run]) -> None:
    """Draw two runs side by side, once two are chosen."""
    chosen = [run for run in runs if session.widget(f"compare_{run.id}")]
    if len(chosen) == 1:
        st.caption("Choose one more run to compare the two.")
    if len(chosen) > COMPARED:
        st.caption("Two runs can be compared; the newest two of the chosen are.")
    if len(chosen) >= COMPARED:
        _show_two(chosen[0], chosen[1])


def _show_two(one: Run, other: Run) -> None:
    try:
        maps = [stored_results.labels_of(run) for run in (one, other)]
    except InspectionError as error:
        st.error(complaints.as_text(error.message))
        return
    with st.container(border=True, key="two_runs"):
        *places, last = st.columns(COMPARED + 1)
        for place, run, ids in zip(places, (one, other), maps, strict=True):
            show_picture(
                place,
                stored_results.colors_of(run, ids),
                f"Labels of run {run_banner.name_of(run)}",
            )
            sentence = run.snapshot.result.sentence if run.snapshot.result else ""
            place.text(f"{run_banner.name_of(run)}: {sentence}")
        _show_where(last, *maps)
        _show_differences(one, other)


def _show_where(place: DeltaGenerator, one: np.ndarray, other: np.ndarray) -> None:
    if one.shape != other.shape:
        place.caption("Their pictures have different sizes: label maps cannot be compared.")
        return
    differs = one != other
    pixels = np.where(differs[..., None], *(np.asarray(c, np.uint8) for c in (DIFFERENT, SAME)))
    show_picture(place, pixels, "Pixels whose class differs")
    share = f"{1 - differs.mean():.1%}".replace("%", " %")
    place.caption(f"{share} of the pixels have the same class; the others are red")


def _show_differences(one: Run, other: Run) -> None:
    """Settings and files that are not the same."""
    first, second = _facts(one), _facts(other)
    rows = [
        {"": name, run_banner.name_of(one): first[name], run_banner.name_of(other): second[name]}
        for name in first
        if first[name] != second[name]
    ]
    if rows:
        st.dataframe(rows, hide_index=True, key="run_differences")
    else:
        st.caption("Settings, picture and checkpoint are the same.")


def _facts(run: Run) -> dict[str, str]:
    """What two runs may differ in; files by the first digits of their digests."""
    kept = run.files.get("picture")
    return {
        "picture": kept.digest[:16] if kept else "",
        "checkpoint": run.snapshot.checkpoint_mark,
        "part of the checkpoint": run.snapshot.part,
        "choices": run.snapshot.choices,
        **to_query(run.snapshot.settings),
    }
