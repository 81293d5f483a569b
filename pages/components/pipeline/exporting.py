"""What can be taken along: the fix as code, the settings, the label map, the logits, the report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import streamlit as st

from core.errors import InspectionError
from core.export.label_map import label_png, logits_npz, palette_of
from core.export.settings_file import settings_file, settings_of
from core.export.transforms import albumentations_transform, torchvision_transform
from pages.components.state import complaints, opening, session
from pages.components.widgets.uploading import ask_for_files

if TYPE_CHECKING:  # torch loads with the first inspection, not with the page
    from core.background import Job
    from core.diagnosis import Diagnosis
    from pages.components.state.tab import Seen


def show_export(seen: Seen, job: Job[Diagnosis]) -> None:
    """Draw a button for each file; what takes long is made when it is asked for."""
    inspection, preprocessing = seen.inspection, seen.inspection.settings.preprocessing
    if seen.stale:
        st.caption("These files are of what is on the screen, before the last change.")
    script = _script(seen)
    with st.container(horizontal=True):
        if script is not None:
            _offer("Script", "inference.py", lambda: script, "Your checkpoint with these "
                   "settings, without Maskscope; it writes the same label map")  # fmt: skip
        _offer("Settings", "settings.json", lambda: settings_file(inspection.settings))
        if _has_palette(seen):
            _offer("Label map", "labels.png", lambda: _labels(seen), "PNG of mode P: the ids "
                   "with their palette")  # fmt: skip
        _offer("Logits", "logits.npz", lambda: logits_npz(inspection.logits.values))
        _offer("Report", "report.html", _report(seen, job), "One file that opens without a "
               "network: verdict, findings, stages, settings")  # fmt: skip
    with st.container(horizontal=True):
        _offer("torchvision transform", "transform_torchvision.py",
               lambda: torchvision_transform(preprocessing), "For the training")  # fmt: skip
        _offer("Albumentations transform", "transform_albumentations.py",
               lambda: albumentations_transform(preprocessing), "For the training")  # fmt: skip
    _ask_for_settings()
    if script is not None:
        st.code(script, language="python", height=360)


def _offer(label: str, name: str, make: Callable[[], str | bytes], hint: str = "") -> None:
    st.download_button(
        label,
        data=make,
        file_name=name,
        key=f"export_{name}",
        on_click="ignore",
        icon=":material/download:",
        help=hint or None,
    )


def _script(seen: Seen) -> str | None:
    """The text, or a sentence on the page that says why there is none."""
    from core.export.script import inference_script

    checkpoint = opening.open_checkpoint(session.good_sources(), lambda _: None)
    try:
        return inference_script(seen.inspection, checkpoint)
    except InspectionError as error:
        _tell(error)
        return None


def _has_palette(seen: Seen) -> bool:
    """Whether the ids fit into a PNG with a palette; where not, why stands with the script."""
    try:
        palette_of(seen.inspection.labels, seen.inspection.settings.display)
    except InspectionError:
        return False
    return True


def _tell(error: InspectionError) -> None:
    st.info(complaints.as_text(f"{error.message} {error.remedy}"), icon=":material/info:")
    if error.code:
        st.code(error.code, language="python", wrap_lines=True)


def _labels(seen: Seen) -> bytes:
    return label_png(seen.inspection.labels, seen.inspection.settings.display)


def _report(seen: Seen, job: Job[Diagnosis]) -> Callable[[], str]:
    """What writes it later, in a thread where the session is out of reach."""
    opened, channel = session.good_sources(), session.tab().channel
    if channel is not None and channel >= len(seen.inspection.logits.values):
        channel = None

    def report() -> str:
        from core.diagnosis import Diagnosis
        from core.export.report import html_report

        case = opening.case_of(seen.inspection, seen.truth, opened)
        answered = job.partial or Diagnosis(seen.inspection.settings)
        now = datetime.now().astimezone()
        return html_report(case, seen.inspection, answered, written=now, channel=channel)

    return report


def _ask_for_settings() -> None:
    """Let the user bring settings that were downloaded before."""
    ask_for_files("Settings from a settings.json", "settings", ["json"], _take_settings)


def _take_settings(chosen: Sequence[Any]) -> None:
    session.take_over(settings_of(chosen[0].getvalue()))
