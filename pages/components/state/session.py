"""What this browser tab has open: the one place that knows session keys, links and errors."""

from __future__ import annotations

import io
import re
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import parse_qsl, urlencode
from uuid import uuid4

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from core.colors import palette_colors
from core.engine import Engine, Superseded
from core.errors import ArchitectureError, InspectionError
from core.presets import PRESETS, apply_preset, preset_of
from core.settings import Settings, change, from_query, to_query
from core.store import Run, open_run
from pages.components.state import sources as files
from pages.components.state.gc_freeze import spare_modules
from pages.components.state.sources import Sources

if TYPE_CHECKING:  # torch loads with the first inspection, not with the page
    from collections.abc import Iterator

    from streamlit.delta_generator import DeltaGenerator

    from core.architectures import Network
    from core.checkpoint import Checkpoint
    from core.inspection import Inspection
    from core.scores import Truth

MOST_COLUMNS = 6  # of the comparison
QUIET_SECONDS = 0.7  # a forward that takes longer is spoken of

_ADDRESS = st.components.v2.component(
    "maskscope_address",
    js="""
// The settings live in the address bar. Replaced, not pushed: a drag must not fill the history.
export default function ({ data }) {
  const wanted = data.query ? "?" + data.query : location.pathname
  if (location.search !== wanted) history.replaceState(history.state, "", wanted)
}
""",
)


# Pixels stay pixels where the browser enlarges a picture; the panels get the width.
STYLE = """<style>
.stMainBlockContainer { padding: 4.2rem 1.5rem 2rem; }
[data-testid="stImage"] img { image-rendering: pixelated; }
</style>"""

# Half black, as masks are that bring people here. No emoji: Streamlit fetches those from elsewhere.
ICON = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">
<circle cx="8" cy="8" r="7" fill="#58a6ff" stroke="#888"/><path d="M8 1a7 7 0 0 0 0 14z"/></svg>"""


@dataclass(frozen=True)
class Complaint:
    """An error as it is shown: what happened, what to do."""

    message: str
    remedy: str
    changes: Mapping[str, Any] = field(default_factory=dict)  # the remedy as settings
    code: str = ""  # the remedy as lines to copy
    look: Sources | None = None  # a checkpoint that can be looked into, though it does not run


@st.cache_resource
def engine() -> Engine:
    """Run every forward of this server."""
    return Engine()


def as_text(text: str) -> str:
    """Escape what Markdown would act on: names in an upload must not become links or pictures."""
    return re.sub(r"([\\`*_\[\]<>$:~|#])", r"\\\1", text)


# --- opening a page -------------------------------------------------------------------------------


def open_page(title: str) -> DeltaGenerator:
    """Begin a page: frame, navigation, and the state from the address on the first run.

    Returns:
        The place at the end of the navigation.
    """
    _forget_parts()
    st.set_page_config(page_title=f"{title} - Maskscope", page_icon=ICON, layout="wide")
    st.html(STYLE)
    if "settings" not in st.session_state:
        _start(st.query_params)
    if wanted := st.session_state.pop("wanted_page", ""):  # kept, as a run may be cut short
        st.switch_page(wanted)
    with st.container(horizontal=True, vertical_alignment="center", key="navigation"):
        st.markdown("**Maskscope**", width="content")
        st.page_link("app.py", label="Pipeline")
        st.page_link("pages/compare.py", label="Compare")
        st.page_link("pages/diagnosis.py", label="Diagnosis")
        st.page_link("pages/checkpoint.py", label="Checkpoint")
        st.page_link("pages/gallery.py", label="Gallery")
        st.page_link("pages/runs.py", label="Runs")
        return st.container(horizontal=True, horizontal_alignment="right")


def _forget_parts() -> None:
    """Drop the parts (`st.fragment`) of the page before; this run makes its own anew.

    Streamlit does so when a run ends. Until then the browser may ask for a part of the page that
    was left, by its clock (`run_every`), and is answered with that page, which empties this one or
    leads back (docs/decisions/0019).
    """
    if (context := get_script_run_ctx()) is not None:
        context.fragment_storage.clear()


def _start(query: Mapping[str, str]) -> None:
    state = st.session_state
    state.settings, ignored = from_query(query)
    state.sources = Sources(**{k: query[k] for k in asdict(Sources()) if k in query})
    state.preset = query["preset"] if query.get("preset") in PRESETS else "unit"
    state.person = uuid4().hex
    state.channel, state.pin, state.answered = None, None, 0
    state.complaint, state.good, state.before_fix = None, None, None
    state.looked, state.good_look, state.left = None, None, None
    state.columns = _columns_from(query.get("columns", ""), state.settings)
    state.run, state.forked, state.sharing, state.shared = None, False, False, ""
    if "run" in query:
        _look_at_address(query["run"])
    if ignored:
        complain(
            f"The address holds values that cannot be used for {', '.join(ignored)}.",
            "Their defaults are shown. Choose them anew in the sidebar.",
        )


def close_page() -> None:
    """End a page: write the state into the address bar."""
    state = st.session_state
    query = {**asdict(state.sources), "preset": state.preset, **to_query(settings())}
    if state.columns:
        query["columns"] = "~".join(_column_text(column) for column in state.columns)
    if (run := shared_run()) is not None:
        query = {"run": run.id}
    _ADDRESS(data={"query": urlencode(query)}, key="address")
    spare_modules()


def _column_text(column: Settings) -> str:
    """What a column changes against the current settings: `mean:0,0,0;std:1,1,1`."""
    now, text = to_query(settings()), to_query(column)
    return ";".join(f"{name}:{text[name]}" for name in text if text[name] != now[name])


def _columns_from(text: str, now: Settings) -> tuple[Settings, ...]:
    """Read `_column_text` back; what is unusable falls back to the current settings."""
    parts = [part.split(";") for part in text.split("~")[:MOST_COLUMNS]] if text else []
    changes = [dict(c.split(":", 1) for c in part if ":" in c) for part in parts]
    return tuple(from_query({**to_query(now), **change})[0] for change in changes)


# --- settings -------------------------------------------------------------------------------------


def settings() -> Settings:
    """What the user has chosen."""
    return st.session_state.settings


def choose(**changes: Any) -> None:
    """Change settings by name; an unusable value is told, and the others stay."""
    try:
        st.session_state.settings = change(settings(), **changes)
        st.session_state.complaint = st.session_state.before_fix = None
    except InspectionError as error:
        complain_of(error)


def choose_preset(name: str) -> None:
    """Take over a convention and remember it for `reset`."""
    st.session_state.settings = apply_preset(settings(), name)
    st.session_state.preset, st.session_state.complaint = name, None
    st.session_state.before_fix = None


def reset() -> None:
    """Return every setting to its default and mean/std to the preset last chosen."""
    kept = settings().display.class_names
    st.session_state.settings = change(Settings(), class_names=kept)
    choose_preset(st.session_state.preset)


def take_live() -> None:
    """Take over what the viewer's sliders say (called by Streamlit before the rerun)."""
    live = st.session_state.viewer.get("live") or {}
    changes = dict(live.get("changes", {}))
    if "channel" in changes:
        st.session_state.channel = int(changes.pop("channel"))
    for name in ("mean", "std"):
        if name in changes:
            changes[name] = tuple(changes[name])
    if changes:
        choose(**changes)
    st.session_state.answered = live.get("seq", 0)


def take_pin() -> None:
    """Remember the pixel that was pinned in the viewer."""
    pin = st.session_state.viewer.get("pin")
    st.session_state.pin = tuple(pin) if pin else None


def take_over(chosen: Settings) -> None:
    """Make a column of the comparison the current settings."""
    st.session_state.settings = chosen
    st.session_state.complaint = st.session_state.before_fix = None


def apply_fix(changes: Mapping[str, Any]) -> None:
    """Do what a finding advises, and remember what was before."""
    before = settings()
    choose(**changes)
    if st.session_state.complaint is None:
        st.session_state.before_fix = before


def can_undo() -> bool:
    """Whether the last change was a fix."""
    return st.session_state.before_fix is not None


def undo_fix() -> None:
    """Return to the settings before the last fix."""
    st.session_state.settings, st.session_state.before_fix = st.session_state.before_fix, None
    st.session_state.complaint = None


def columns() -> tuple[Settings, ...]:
    """Settings that are compared; at first the current ones and a known convention."""
    return st.session_state.columns or _first_columns()


def set_columns(chosen: tuple[Settings, ...]) -> None:
    """Compare these settings."""
    st.session_state.columns = chosen


def _first_columns() -> tuple[Settings, ...]:
    now = settings()
    others = ("imagenet", "unit", "symmetric")
    return (now, *(apply_preset(now, name) for name in others if preset_of(now) != name))[:3]


# --- runs -----------------------------------------------------------------------------------------


def shared_run() -> Run | None:
    """The run that this tab shows; None once anything was changed, as that is a copy."""
    state = st.session_state
    if state.run is None or state.forked:
        return None
    same = settings() == state.run.snapshot.settings and sources() == files.sources_of(state.run)
    return state.run if same else None


def origin() -> Run | None:
    """The run that this tab has made a copy of."""
    return st.session_state.run if shared_run() is None else None


def look_at(run: Run) -> None:
    """Show what a run froze."""
    state, snapshot = st.session_state, run.snapshot
    state.settings, state.sources = snapshot.settings, files.sources_of(run)
    state.preset = snapshot.preset if snapshot.preset in PRESETS else "unit"
    state.pin, state.channel = snapshot.pin, snapshot.channel
    state.complaint = state.before_fix = state.looked = None
    state.columns, state.run, state.forked = (), run, False


def look_at_on_dashboard(run: Run) -> None:
    """Show a run, from another page."""
    look_at(run)
    st.session_state.wanted_page = "app.py"


def _look_at_address(id: str) -> None:
    try:
        look_at(open_run(files.store(), id))
    except InspectionError as error:
        complain_of(error)


def fork() -> None:
    """Go on with a copy of the run, which can be changed."""
    run, st.session_state.forked = st.session_state.run, True
    if run.snapshot.kind == "no weights":
        st.session_state.sources = replace(sources(), checkpoint="example", part="", choices="")
        complain(
            "This run came without its weights: the example's checkpoint stands in for them.",
            "Upload the checkpoint in the sidebar.",
        )


def start_sharing() -> None:
    """Open the dialog."""
    st.session_state.sharing, st.session_state.shared = True, ""


def end_sharing() -> None:
    """Close the dialog."""
    st.session_state.sharing = False


# --- sources --------------------------------------------------------------------------------------


def sources() -> Sources:
    """What is open."""
    return st.session_state.sources


def open_source(**changes: str) -> None:
    """Open another picture, checkpoint or ground truth."""
    st.session_state.sources = replace(sources(), **changes)
    st.session_state.complaint = None
    if "picture" in changes:
        st.session_state.pin = None
    if "checkpoint" in changes:
        st.session_state.looked = None
    if "checkpoint" in changes:  # the facts chosen for the one before say nothing of this one
        st.session_state.sources = replace(sources(), part="", choices="", **changes)


def open_digests() -> set[str]:
    """What this tab has open must not go with a run that is deleted."""
    return set(asdict(sources()).values())


def look_into(now: Sources) -> None:
    """Show this checkpoint on its page, though the dashboard shows another."""
    st.session_state.looked, st.session_state.complaint = now, None
    st.session_state.wanted_page = "pages/checkpoint.py"


def looked_into() -> Sources:
    """The checkpoint on its page: what the dashboard shows, or what it could not run."""
    return st.session_state.looked or sources()


def opened_checkpoint() -> tuple[Checkpoint, Sources]:
    """Read the checkpoint without building a network; where that fails, keep the one before.

    Ends the page where there is nothing that could be kept.
    """
    state, now, slot = st.session_state, looked_into(), st.empty()
    try:
        with _progress(slot) as say:
            state.good_look = (files.open_checkpoint(now, say), now)
    except InspectionError as error:
        complain_of(error)
    slot.empty()
    if state.good_look is None:
        show_complaint()
        st.stop()
    return state.good_look


def choose_fact(name: str, taken: str) -> None:
    """Decide what no tensor tells, for the checkpoint that is looked at."""
    chosen = dict(parse_qsl(looked_into().choices)) | {name: taken}
    _change_looked_into(choices=urlencode(chosen))


def choose_part(path: str) -> None:
    """Take other weights of the same file: the averaged ones, say."""
    _change_looked_into(part=path, choices="")


def _change_looked_into(**changes: str) -> None:
    """Of the page's own checkpoint where it has one, else of the dashboard's."""
    own = st.session_state.looked is not None
    st.session_state["looked" if own else "sources"] = replace(looked_into(), **changes)
    st.session_state.complaint = None


def upload(kind: str, file: BinaryIO, name: str) -> None:
    """Keep an uploaded file and open it; what belonged to another picture goes."""
    digest = files.store().put(file, name)
    gone = {"truth": "", "saved": ""} if kind == "picture" else {}
    open_source(**{kind: digest}, **gone)


def upload_together(kind: str, chosen: Sequence[Any]) -> None:
    """Keep files that were uploaded at once as one: the shards and texts of one checkpoint."""
    if len(chosen) == 1:
        upload(kind, chosen[0], chosen[0].name)
        return
    from core.checkpoint.bundle import pack

    names = sorted(file.name for file in chosen)
    with tempfile.TemporaryFile() as together:
        pack([(file.name, file) for file in chosen], together)
        together.seek(0)
        upload(kind, together, f"{names[0]} and {len(names) - 1} more")


def open_files(contents: Mapping[str, tuple[str, bytes]], chosen: Settings) -> None:
    """Show these files under these settings on the dashboard, and nothing of what was open.

    Args:
        contents: name and bytes by field of `Sources`; what is not named is not there.
        chosen: the settings.
    """
    state, store = st.session_state, files.store()
    kept = {kind: store.put(io.BytesIO(data), name) for kind, (name, data) in contents.items()}
    if state.left is None:  # one case after the other: what was open before the first is kept
        state.left = (sources(), settings())
    _show_instead(Sources(**{"truth": "", **kept}), chosen)


def left() -> Sources | None:
    """What was open before `open_files`."""
    return st.session_state.left[0] if st.session_state.left is not None else None


def return_to_left() -> None:
    """Show again what was open before `open_files`."""
    _show_instead(*st.session_state.left)
    st.session_state.left = None


def _show_instead(opened: Sources, chosen: Settings) -> None:
    state = st.session_state
    state.sources, state.settings = opened, chosen
    state.preset = preset_of(chosen) or "unit"
    state.complaint = state.good = state.before_fix = state.looked = state.pin = None
    state.channel, state.columns = None, ()
    state.wanted_page = "app.py"


def complain(message: str, remedy: str) -> None:
    """Show an error until the next choice."""
    st.session_state.complaint = Complaint(message, remedy)


def complain_of(error: InspectionError, look: Sources | None = None) -> None:
    """Show an error of the core until the next choice.

    Args:
        error: what happened.
        look: the checkpoint page can say more of this one.
    """
    st.session_state.complaint = Complaint(
        error.message, error.remedy, error.changes, error.code, look
    )


def show_complaint() -> None:
    """Draw the error, if there is one."""
    if (complaint := st.session_state.complaint) is not None:
        st.error(as_text(complaint.message), icon=":material/error:")
        st.info(as_text(complaint.remedy), icon=":material/arrow_forward:")
        if complaint.code:
            st.code(complaint.code, language="python", wrap_lines=True)
        if complaint.look is not None:
            st.button(
                "Look inside this file", key="look", on_click=look_into, args=(complaint.look,)
            )
        if complaint.changes:
            st.button("Do this", key="remedy", on_click=choose, kwargs=complaint.changes)


# --- inspecting -----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Seen:
    """The inspection on the screen, and whether the current settings are behind it."""

    inspection: Inspection
    truth: Truth | None
    stale: bool


def inspection() -> Seen:
    """Inspect what is open; where that fails, say why and keep what was on the screen.

    Ends the page where there is nothing that could be kept.
    """
    slot = st.empty()
    seen = _attempt(slot)
    slot.empty()
    good = st.session_state.good
    if seen is None and good is None:
        show_complaint()
        st.stop()
    return seen or Seen(good[0].inspection, good[0].truth, stale=True)


def _attempt(slot: Any) -> Seen | None:
    state, now = st.session_state, sources()
    try:
        try:
            image = files.open_image(now.picture)
            network = network_of(now, slot)
            colors = palette_colors(settings().display, network.num_classes)
            truth = files.open_truth(now.truth, colors, image.pixels.shape[:2])
            if now.saved:
                files.open_image(now.saved)  # what is no picture is told, not passed over
        except InspectionError as error:
            complain_of(error, now if isinstance(error, ArchitectureError) else None)
            before = state.good[1] if state.good else Sources()
            if before != now:
                state.sources = before  # what cannot be opened goes back,
                st.rerun()  # in the sidebar too, which is drawn already
            return None
        seen = Seen(inspect_with(settings(), image, network, slot), truth, stale=False)
    except InspectionError as error:
        complain_of(error)
        return None
    state.good = (seen, now)
    return seen


def inspect_with(chosen: Settings, image: Any, network: Network, slot: Any) -> Inspection:
    """Inspect a picture under any settings, through the one queue."""
    from core.inspection import run_stages

    good = st.session_state.good
    try:
        return run_stages(
            image,
            network,
            chosen,
            forward=engine().runner(person=st.session_state.person, waiting=_waiter(slot)),
            previous=good[0].inspection if good else None,
        )
    except Superseded:  # a newer run of this tab asks for something else: this one is over
        st.stop()


def network_of(now: Sources, slot: Any) -> Network:
    """Open a checkpoint, with its stages told while it loads."""
    if files.is_open(now):
        return files.open_network(now, lambda _: None)
    with _progress(slot) as say:
        return files.open_network(now, say)


@contextmanager
def _progress(slot: Any) -> Iterator[Callable[[str], None]]:
    with slot.status("Opening the checkpoint", expanded=True) as status:
        yield lambda stage: (status.update(label=stage), status.write(stage))


def _waiter(slot: Any) -> Callable[[], None]:
    """Speak of a long forward, and let Streamlit end this run when a newer one is asked for."""
    began = time.monotonic()

    def waiting() -> None:
        seconds = time.monotonic() - began
        if seconds < QUIET_SECONDS:
            slot.empty()  # any message is a place where Streamlit may end the run
        else:
            slot.caption(f"The network runs: {seconds:.0f} s. Stop is at the top right.")

    return waiting
