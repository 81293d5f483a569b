"""One mask: the sentence, what was written beside what it holds, and how both are known."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

import streamlit as st

from core.colors import COLORED, PALETTES, encode_png
from core.errors import InspectionError
from core.mask_file.beside import Agreement, beside_picture
from core.mask_file.drawn import colored, over_picture
from core.mask_file.finding import percent
from core.settings import CONTROLS, Display
from pages.components.mask import looking
from pages.components.pipeline.results import show_picture
from pages.components.state import complaints, session
from pages.components.widgets.bound import show_bound

if TYPE_CHECKING:
    import numpy as np

    from core.image import Image
    from core.image.raster import Raster
    from core.mask_file import Finding, MaskReport

BADGES = {"certain": "red", "likely": "orange", "possible": "gray"}
OVER = 0.6  # opacity of the mask over its picture, where nobody chose one


def show_open() -> None:
    """Draw the mask that is open; an example is offered where there is none."""
    masks = session.masks()
    if not masks.files:
        return
    digest, name = masks.files[min(masks.opened, len(masks.files) - 1)]
    st.markdown(f"**{complaints.as_text(name)}**")
    looked = looking.look(digest, name)
    if looked.report is not None and looked.report.stored.raster.volume:
        _ask_slice(looked.report.stored.raster)
    if looked.report is None:
        st.error(complaints.as_text(looked.sentence), icon=":material/error:")
        if looked.error is not None:
            st.info(complaints.as_text(looked.error.remedy), icon=":material/arrow_forward:")
        _show_way_to_checkpoint("", "")
        return
    _show_report(looked.report, digest, name)


def _ask_slice(raster: Raster) -> None:
    """Of a volume: the axis that is cut, and where; of its picture and ground truth too."""
    axis, place = raster.cut
    across = CONTROLS["slice_axis"]
    left, right = st.columns([1, 3])
    with left:
        show_bound(
            st.selectbox, across.label, "mask_slice_axis", str(axis),
            lambda value: session.look_at_masks(cut=(int(value), 0)),
            options=list(across.words), format_func=lambda value: across.words[value],
        )  # fmt: skip
    last = raster.volume[axis - 1]
    if last > 1:
        with right:
            show_bound(
                st.slider, "Slice", "mask_slice_index", place,
                lambda value: session.look_at_masks(cut=(axis, int(value))),
                min_value=1, max_value=last,
            )  # fmt: skip


def _show_report(report: MaskReport, digest: str, name: str) -> None:
    _show_sentence(report.first)
    try:
        picture = looking.picture()
    except InspectionError as error:
        picture = None
        st.error(complaints.as_text(error.message), icon=":material/error:")
    drawn = colored(report, _display())
    _show_pictures(report, drawn, picture)
    _show_beside(report, picture)
    _show_downloads(drawn, name)
    for number, finding in enumerate(report.findings):
        _show_finding(finding, number)
    if report.first.kind.only_checkpoint:
        _show_way_to_checkpoint(digest, session.masks().picture)


def _show_sentence(first: Finding) -> None:
    words, weight = complaints.as_text(first.sentence), first.kind.weight
    if weight == "fine":
        st.success(words, icon=":material/check_circle:")
    elif weight == "unknown":
        st.info(words, icon=":material/help:")
    else:
        st.warning(words, icon=":material/error:")


# --- pictures -------------------------------------------------------------------------------------


def _show_pictures(report: MaskReport, drawn: np.ndarray | None, picture: Image | None) -> None:
    facts = report.facts
    written, right, last = st.columns(3)
    with written:
        st.markdown("**As written**")
        show_picture(st, report.stored.as_seen, "The mask as viewers draw it")
        st.caption(complaints.as_text(facts.in_words))
        st.caption(f"{percent(facts.black)} of the pixels look black to a person")
    with right:
        st.markdown("**What it holds**")
        if drawn is None:
            st.caption("No ids can be told from this file.")
        else:
            show_picture(st, drawn, "The ids of the mask in a palette")
            _show_reading(report)
    with last:
        over = None
        if picture is not None and drawn is not None:
            over = over_picture(drawn, picture.pixels, OVER)
        if over is not None:
            st.markdown("**Over the picture**")
            show_picture(st, over, "The mask over its picture")
        _show_values(report)


def _display() -> Display:
    """The palette of the settings; gray ids are what people come here with."""
    chosen = session.settings().display
    return chosen if chosen.palette in COLORED else Display()


def _show_reading(report: MaskReport) -> None:
    if (reading := report.reading) is None:
        return
    st.caption(f"The ids: {complaints.as_text(reading.words)}")
    show_bound(
        st.selectbox, "Palette", "mask_palette", _display().palette,
        lambda chosen: session.choose(palette=chosen), options=COLORED,
        format_func=lambda each: PALETTES[each], label_visibility="collapsed",
    )  # fmt: skip


def _show_values(report: MaskReport) -> None:
    facts = report.facts
    if not facts.shares:
        st.markdown("**Values**")
        st.caption(f"From {facts.lowest:g} to {facts.highest:g}; too many to list.")
        return
    st.markdown(f"**Values** ({facts.distinct})")
    by_value = {} if report.reading is None else report.reading.by_value
    rows = [
        {"value": value, "share": share, "id": _id_of(value, by_value)}
        for value, share in facts.shares
    ]
    st.dataframe(
        rows,
        hide_index=True,
        height=min(38 + 35 * len(rows), 320),
        column_config={
            "share": st.column_config.ProgressColumn(
                "share of the pixels", format="percent", min_value=0, max_value=1
            ),
            "id": st.column_config.TextColumn("id", help="What this value stands for"),
        },
    )


def _id_of(value: str, by_value: object) -> str:
    number = int(value[1:], 16) if value.startswith("#") else int(value)
    found = by_value.get(number) if isinstance(by_value, dict) else None
    return "" if found is None else ("no class" if found < 0 else str(found))


# --- what stands beside ---------------------------------------------------------------------------


def _show_beside(report: MaskReport, picture: Image | None) -> None:
    if picture is not None:
        height, width = picture.pixels.shape[:2]
        size = (report.facts.width, report.facts.height)
        st.caption(beside_picture(size, (width, height)))
    found = looking.agreement(report)
    if isinstance(found, Agreement):
        st.markdown(f":material/compare: {complaints.as_text(found.words)}")
    elif found:
        st.caption(complaints.as_text(found))


def _show_downloads(drawn: np.ndarray | None, name: str) -> None:
    if drawn is not None:
        st.download_button(
            "Download colored",
            lambda: encode_png(drawn),
            file_name=f"{PurePath(name).stem}_colored.png",
            mime="image/png",
            on_click="ignore",
            key="download_colored",
            icon=":material/download:",
        )


def _show_finding(finding: Finding, number: int) -> None:
    kind = finding.kind
    with st.container(border=True, key=f"mask_finding_{number}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{complaints.as_text(kind.title)}**", width="content")
            color = BADGES[finding.certainty] if kind.weight != "fine" else "green"
            st.badge(finding.certainty, color=color)  # type: ignore[arg-type]
        st.markdown("\n".join(f"- {complaints.as_text(words)}" for words in finding.evidence))
        if kind.only_checkpoint:
            told = " ".join(kind.only_checkpoint.split())
            st.caption(f"Only the checkpoint tells: {complaints.as_text(told)}")
        if kind.fix:
            st.markdown(f":material/arrow_forward: {complaints.as_text(kind.fix)}")
        if kind.code:
            st.code(kind.code, language="python", wrap_lines=True)
        with st.popover("About such files", key=f"about_mask_{number}"):
            st.markdown(kind.explanation)


def _show_way_to_checkpoint(mask: str, picture: str) -> None:
    """The next evidence: with the checkpoint every stage is run."""
    with st.container(horizontal=True, vertical_alignment="center"):
        if mask and picture:
            st.button(
                "Take mask and picture to the dashboard",
                key="take_mask_along",
                on_click=session.take_mask_along,
                args=(mask, picture),
                icon=":material/arrow_forward:",
            )
            st.caption("Upload the checkpoint there: every stage is run.", width="content")
        else:
            st.page_link(
                "app.py",
                label="Upload the checkpoint on the dashboard",
                icon=":material/arrow_forward:",
            )
