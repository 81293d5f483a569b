"""Share: freeze what is on the screen into a run, and hand out its link."""

from __future__ import annotations

import time
from importlib.metadata import version
from typing import TYPE_CHECKING, get_args

import numpy as np
import streamlit as st

from core.colors import colorize, encode_png, overlay, palette_colors
from core.errors import InspectionError, StoreError
from core.store import (
    Kind,
    Result,
    Snapshot,
    add_note,
    expire_runs,
    labels_to_file,
    save_run,
)
from pages.components.diagnosis import background
from pages.components.pipeline.results import verdict_of
from pages.components.state import complaints, files, opening, session
from pages.components.widgets import copying

if TYPE_CHECKING:  # torch loads with the first inspection, not with the page
    from core.inspection import Inspection
    from core.store import Kept, Role, Run
    from pages.components.state.tab import Seen

KINDS: dict[Kind, str] = {
    "everything": "Everything",
    "no weights": "Without the weights",
    "settings": "Settings only",
}
MEANING = {
    "everything": "picture, checkpoint, ground truth, settings, results and findings",
    "no weights": "the stored results are shown, the sliders rest",
    "settings": "neither picture nor checkpoint",
}
DAY = 24 * 3600.0  # seconds
TIMES = {"a week": 7, "a month": 30, "a year": 365, "for good": None}  # days
LIBRARIES = ("torch", "torchvision", "numpy", "pillow", "streamlit")
DIAGNOSIS_SECONDS = 20.0  # so long a run waits for the end of the diagnosis
THUMBNAIL = 160  # pixels, the longer side; every n-th pixel is taken
MARK = 16  # digits of the checkpoint's digest that may be shown


def show_button(seen: Seen) -> None:
    """Draw the button and, while it is open, the dialog."""
    st.button(
        "Share",
        key="share",
        icon=":material/share:",
        on_click=session.start_sharing,
        disabled=seen.stale,
        help="Freeze what you see under a link",
    )
    if session.tab().sharing and not seen.stale:  # kept open when the page is drawn anew
        _show_dialog(seen)


@st.dialog("Share what you see", width="medium", on_dismiss=session.end_sharing)
def _show_dialog(seen: Seen) -> None:
    kind = st.radio(
        "What the link opens",
        get_args(Kind),
        format_func=KINDS.get,
        captions=list(MEANING.values()),
        key="share_kind",
    )
    keep = st.selectbox("Keep it", list(TIMES), index=1, key="share_time")
    author = st.text_input("Your name", key="share_author", placeholder="nobody checks it")
    text = st.text_area("A note beside it", key="share_note", placeholder="What shall they see?")
    if st.button("Make the link", key="share_make", type="primary"):
        _share(seen, kind, keep, author, text)
    if session.tab().shared:
        copying.show_link(f"run={session.tab().shared}", key="share_link")
        st.caption(
            "Whoever can reach this server sees it, by the link or under Runs. It never changes."
        )


def _share(seen: Seen, kind: Kind, keep: str, author: str, text: str) -> None:
    days = TIMES[keep]
    try:
        expire_runs(files.store(), keep=session.tab().open_digests)
        with st.spinner("Keeping it"):
            run = freeze(seen, kind, None if days is None else time.time() + days * DAY)
        if text.strip():
            add_note(files.store(), run.id, author, text)
    except InspectionError as error:
        st.error(complaints.as_text(error.message))
        st.info(complaints.as_text(error.remedy))
        return
    session.keep_shared(run.id)


def freeze(seen: Seen, kind: Kind, expires: float | None) -> Run:
    """Keep what is seen as a run.

    Args:
        seen: the inspection of the current settings.
        kind: how much of it.
        expires: seconds since 1970; None: never.

    Raises:
        InspectionError: a file is gone, or there is no room.
    """
    if kind == "settings":
        snapshot = Snapshot(kind, session.settings(), session.tab().preset)
        return save_run(files.store(), snapshot, {}, expires)
    _check_version(seen)
    kept = files.keep_files(session.sources(), weights=kind == "everything")
    _check_version(seen)  # what was kept is what was there before and after
    kept |= _made(seen.inspection)
    return save_run(files.store(), _snapshot(seen, kind), kept, expires)


def _check_version(seen: Seen) -> None:
    if files.version_of(session.sources().checkpoint) != seen.version:
        raise StoreError(
            "The checkpoint was replaced on the server after this result was computed.",
            remedy="Close this dialog: the page computes the result of the new file. Share that.",
        )


def _made(inspection: Inspection) -> dict[Role, Kept]:
    ids, display = inspection.labels.ids, inspection.settings.display
    mask = colorize(ids, palette_colors(display, inspection.labels.num_classes))
    step = max(1, -(-max(ids.shape) // THUMBNAIL))
    small = overlay(inspection.image.pixels, mask, display.alpha)[::step, ::step]
    return {
        "labels": files.keep_bytes(labels_to_file(ids), "labels.npz"),
        "thumbnail": files.keep_bytes(encode_png(np.ascontiguousarray(small)), "thumbnail.png"),
    }


def _snapshot(seen: Seen, kind: Kind) -> Snapshot:
    opened, inspection = session.sources(), seen.inspection
    pretrained = opened.checkpoint if opened.checkpoint.startswith("torchvision:") else ""
    return Snapshot(
        kind=kind,
        settings=session.settings(),
        preset=session.tab().preset,
        pretrained=pretrained if kind == "everything" else "",
        part=opened.part,
        choices=opened.choices,
        checkpoint_name=files.checkpoint_name(opened.checkpoint),
        checkpoint_mark=opening.open_checkpoint(opened, lambda _: None).digest[:MARK],
        architecture=inspection.network.architecture,
        pin=session.tab().pin,
        channel=session.tab().channel,
        result=_result(seen),
        versions={name: version(name) for name in LIBRARIES},
    )


def _result(seen: Seen) -> Result:
    inspection, verdict = seen.inspection, verdict_of(seen)
    job = background.diagnosis_of(seen)
    job.wait(DIAGNOSIS_SECONDS)
    answered, finished = job.partial, job.finished
    return Result(
        sentence=verdict.sentence,
        shares=tuple(verdict.shares.tolist()),
        class_names=inspection.class_names,
        diagnosis=None if answered is None else {**answered.to_dict(), "finished": finished},
        pixel=_pixel(inspection),
    )


def _pixel(inspection: Inspection) -> tuple[float, ...]:
    pin, values = session.tab().pin, inspection.logits.values
    if pin is None or pin[0] >= values.shape[1] or pin[1] >= values.shape[2]:
        return ()
    return tuple(values[:, pin[0], pin[1]].tolist())
