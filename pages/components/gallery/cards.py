"""The gallery: a card for each fault, with what a person sees; a click opens it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import streamlit as st

from core.background import Background, Cancelled, Job
from core.colors import colorize, encode_png, palette_colors
from core.engine import Lane, Superseded
from core.errors import InspectionError
from pages.components.state import complaints, files, inspecting, session, uploads

if TYPE_CHECKING:  # they import torch
    from streamlit.delta_generator import DeltaGenerator

    from core.diagnosis import Case
    from core.inspection import Inspection
    from examples.fault import Fault
    from examples.materials import Material

POLL_SECONDS = 0.2  # between two looks at what is computed
COLUMNS = 3
SIDE = 128  # pixels of a thumbnail
PICTURE, HEALTHY = "picture", "healthy"
Look: TypeAlias = tuple[str, bytes]  # what is shown, and its PNG
Looks: TypeAlias = Mapping[str, Look]  # by fault
Slots: TypeAlias = "Mapping[str, DeltaGenerator]"
Inspect: TypeAlias = "Callable[[Case], Inspection]"


@st.cache_resource
def works() -> Background[Looks]:
    """The one work that paints the cards."""
    return Background()


def show_gallery() -> Slots:
    """Draw every fault by kind.

    Returns:
        The places of the pictures that are not computed yet, by name.
    """
    from examples.gallery import cases

    looks = _job().partial or {}
    slots = _show_introduction(looks)
    for title, faults in cases().items():
        st.subheader(title)
        for start in range(0, len(faults), COLUMNS):
            for place, fault in zip(st.columns(COLUMNS), faults[start:], strict=False):
                with place.container(border=True, height="stretch"):
                    slots[fault.name] = _show_card(fault, looks.get(fault.name))
    return {name: slot for name, slot in slots.items() if name not in looks}


def paint(slots: Slots) -> None:
    """Show each picture as soon as it is computed; any click ends this.

    Not by a clock in the browser (`run_every`): its call may come after a case was opened, and
    then Streamlit empties the dashboard (docs/decisions/0019).
    """
    job, waiting, pulse = _job(), dict(slots), st.empty()
    while waiting:
        finished, looks = job.finished, job.partial or {}  # in this order: no answer is missed
        for name in waiting.keys() & looks.keys():
            _show_look(waiting.pop(name), looks[name])
        if finished:
            return
        pulse.empty()  # any message is a place where Streamlit may end the run
        time.sleep(POLL_SECONDS)


def _show_introduction(looks: Looks) -> dict[str, DeltaGenerator]:
    with st.container(horizontal=True):
        slots = {name: _show_look(st.empty(), looks.get(name)) for name in (PICTURE, HEALTHY)}
        with st.container(width="stretch"):
            st.markdown(
                "What each fault looks like. Each case has one deliberate mistake, with a good "
                "network and a good picture; the left mask is what they give without it."
            )
            st.markdown(
                "**Open** a case: the dashboard then has its files and settings instead of yours. "
                "The diagnosis is given nothing else: it finds the cause that it names."
            )
            _show_way_back()
    return slots


def _show_way_back() -> None:
    if (left := session.tab().left) is not None:
        before, _ = left
        st.button(
            f"Back to {complaints.as_text(files.picture_name(before.picture))}, which you had open",
            key="return_to_left",
            on_click=session.return_to_left,
            icon=":material/undo:",
        )


def _show_card(fault: Fault, look: Look | None) -> DeltaGenerator:
    with st.container(horizontal=True):
        slot = _show_look(st.empty(), look)
        with st.container(width="stretch"):
            st.markdown(f"**{complaints.as_text(fault.name[0].upper() + fault.name[1:])}**")
            st.caption(complaints.as_text(fault.describe))
            st.button("Open", key=f"open {fault.name}", on_click=_open, args=(fault,))
    return slot


def _show_look(slot: DeltaGenerator, look: Look | None) -> DeltaGenerator:
    if look is None:
        slot.skeleton(height=SIDE, width=SIDE)
    elif not look[1]:
        slot.caption(look[0], width=SIDE)
    else:
        slot.image(look[1], look[0], width=SIDE, output_format="PNG", alt=look[0])
    return slot


def _open(fault: Fault) -> None:
    from examples.gallery import material_of

    material = material_of(fault)
    uploads.open_files(_named(material), material.settings)


def _named(material: Material) -> dict[str, tuple[str, bytes]]:
    """The files of a case under names that a person would give them."""
    from examples.gallery import SCENE

    contents = {
        "picture": (SCENE.name, material.picture),
        "checkpoint": (material.name, material.checkpoint),
        "truth": (f"{SCENE.stem}_mask.png", material.truth),
        "saved": ("what_my_script_wrote", material.saved),
    }
    return {kind: (name, data) for kind, (name, data) in contents.items() if data is not None}


# --- thumbnails -----------------------------------------------------------------------------------


def _job() -> Job[Looks]:
    return works().start("gallery", _work(), person="gallery")


def _work() -> Callable[[Job[Looks]], Iterator[Looks]]:
    """What runs in its own thread, where the session is out of reach."""
    engine = inspecting.engine()

    def work(job: Job[Looks]) -> Iterator[Looks]:
        from examples import gallery

        def inspected(case: Case) -> Inspection:
            return _inspected(case, engine, job)

        looks = dict(_good(gallery.healthy(), inspected))
        yield dict(looks)
        for fault in (fault for faults in gallery.cases().values() for fault in faults):
            looks[fault.name] = _look(fault, inspected)
            yield dict(looks)

    return work


def _inspected(case: Case, engine: Any, job: Job[Looks]) -> Inspection:
    """Through the one queue, behind those who look at something."""
    from core.inspection import run_stages

    try:
        return run_stages(
            case.image, case.network, case.settings,  # type: ignore[arg-type]
            forward=engine.runner(person="gallery", lane=Lane.IDLE, waiting=job.check),
        )  # fmt: skip
    except Superseded as error:
        raise Cancelled from error


def _good(material: Material, inspected: Inspect) -> Iterator[tuple[str, Look]]:
    """The picture, and the mask that the example gives of it."""
    from examples.materials import case_of

    seen = inspected(case_of(material))
    colors = palette_colors(seen.settings.display, seen.labels.num_classes)
    yield PICTURE, ("the picture", _thumbnail(seen.image.pixels))
    yield HEALTHY, ("its mask", _thumbnail(colorize(seen.labels.ids, colors)))


def _look(fault: Fault, inspected: Inspect) -> Look:
    """What a person with this fault sees; no picture where the network cannot be run."""
    from examples.gallery import appearance, material_of
    from examples.materials import case_of

    material = material_of(fault)
    try:
        name, pixels = appearance(fault, inspected(case_of(material)), material)
    except InspectionError:
        return "no mask, but a message", b""
    return name, _thumbnail(pixels)


def _thumbnail(pixels: np.ndarray) -> bytes:
    """UInt8[h w 3] as a small PNG: every n-th pixel, none blended."""
    step = max(1, math.ceil(max(pixels.shape[:2]) / SIDE))
    return encode_png(np.ascontiguousarray(pixels[::step, ::step]))
