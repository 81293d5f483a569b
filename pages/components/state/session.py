"""The one door to Streamlit's session: the tab's state, what changes it, and values of widgets.

Each change is one assignment of a whole `TabState`: a run of a page may be cut short at any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

import streamlit as st

from core.errors import InspectionError
from core.presets import apply_preset, preset_of
from core.settings import Settings
from core.store import Run, open_run
from pages.components.state import files
from pages.components.state.address import from_address
from pages.components.state.masks import Masks
from pages.components.state.sources import Sources
from pages.components.state.tab import DASHBOARD, Complaint, Seen, TabState

if TYPE_CHECKING:  # torch loads with the first inspection, not with the page
    from core.checkpoint import Checkpoint

FIRST_COLUMNS = ("imagenet", "unit", "symmetric")  # compared with the current settings at first


def tab() -> TabState:
    """What this tab has open."""
    state: TabState = st.session_state.tab
    return state


def put(state: TabState) -> None:
    """Replace it."""
    st.session_state.tab = state


def start(query: Mapping[str, str]) -> None:
    """Take the state from the address, on the first run of a tab."""
    if "tab" in st.session_state:
        return
    put(from_address(query))
    if "run" in query:
        try:
            look_at(open_run(files.store(), query["run"]))
        except InspectionError as error:
            complain_of(error)


def take_wanted_page() -> str:
    """The page that was asked for, once; "" for none."""
    wanted = tab().wanted_page
    if wanted:
        put(replace(tab(), wanted_page=""))
    return wanted


# --- widgets --------------------------------------------------------------------------------------


def widget(key: str, default: Any = None) -> Any:
    """What a widget says; the default where it was not drawn yet."""
    return st.session_state.get(key, default)


def set_widget(key: str, value: Any) -> None:
    """Make a widget say something, before it is drawn."""
    if st.session_state.get(key) != value:
        st.session_state[key] = value


# --- settings -------------------------------------------------------------------------------------


def settings() -> Settings:
    """What the user has chosen."""
    return tab().settings


def choose(**changes: Any) -> None:
    """Change settings by name; an unusable value is reported, and the others stay."""
    put(tab().with_changes(**changes))


def choose_preset(name: str) -> None:
    """Take over a convention and keep it for `reset`."""
    put(tab().with_preset(name))


def reset() -> None:
    """Return every setting to its default and mean/std to the preset last chosen."""
    put(tab().with_defaults())


def take_live() -> None:
    """Take over what the viewer's sliders say (called by Streamlit before the rerun)."""
    live = widget("viewer").get("live") or {}
    changes = dict(live.get("changes", {}))
    now = tab()
    if "channel" in changes:
        now = replace(now, channel=int(changes.pop("channel")))
    for name in ("mean", "std"):
        if name in changes:
            changes[name] = tuple(changes[name])
    now = now.with_changes(**changes) if changes else now
    put(replace(now, answered=live.get("seq", 0)))


def take_pin() -> None:
    """Keep the pixel that was pinned in the viewer."""
    pin = widget("viewer").get("pin")
    put(replace(tab(), pin=tuple(pin) if pin else None))


def take_over(chosen: Settings) -> None:
    """Make a column of the comparison the current settings."""
    put(tab().with_settings(chosen))


def apply_fix(changes: Mapping[str, Any], part: str = "") -> None:
    """Do what a finding advises, and keep what was before."""
    put(tab().with_fix(changes, part))


def can_undo() -> bool:
    """Whether the last change was a fix."""
    return tab().before_fix is not None


def undo_fix() -> None:
    """Return to the settings before the last fix."""
    put(tab().undone())


def columns() -> tuple[Settings, ...]:
    """Settings that are compared; at first the current ones and known conventions."""
    now = settings()
    first = (now, *(apply_preset(now, name) for name in FIRST_COLUMNS if preset_of(now) != name))
    return tab().columns or first[:3]


def set_columns(chosen: tuple[Settings, ...]) -> None:
    """Compare these settings."""
    put(replace(tab(), columns=chosen))


# --- runs -----------------------------------------------------------------------------------------


def shared_run() -> Run | None:
    """The run that this tab shows; None once anything was changed, as that is a copy."""
    return tab().shared_run


def origin() -> Run | None:
    """The run that this tab has made a copy of."""
    return tab().run if shared_run() is None else None


def look_at(run: Run) -> None:
    """Show what a run froze."""
    put(tab().showing(run))


def look_at_on_dashboard(run: Run) -> None:
    """Show a run, from another page."""
    put(replace(tab().showing(run), wanted_page=DASHBOARD))


def fork() -> None:
    """Go on with a copy of the run, which can be changed."""
    put(tab().forking())


def start_sharing() -> None:
    """Open the dialog."""
    put(replace(tab(), sharing=True, shared=""))


def end_sharing() -> None:
    """Close the dialog."""
    put(replace(tab(), sharing=False))


def keep_shared(id: str) -> None:
    """Keep the run that was just made, whose link the dialog shows."""
    put(replace(tab(), shared=id))


# --- sources --------------------------------------------------------------------------------------


def sources() -> Sources:
    """What is open."""
    return tab().sources


def open_source(**changes: str) -> None:
    """Open another picture, checkpoint or ground truth."""
    put(tab().with_sources(**changes))


def compare_with(deployed: str) -> None:
    """Compare the checkpoint with this upload, "" for none."""
    put(replace(tab(), deployed=deployed, complaint=None))


def open_case(opened: Sources, chosen: Settings) -> None:
    """Show a case of the gallery on the dashboard, and nothing of what was open."""
    put(tab().with_case(opened, chosen))


def return_to_left() -> None:
    """Show again what was open before the first case."""
    put(tab().returned())


def look_into(now: Sources) -> None:
    """Show this checkpoint on its page, though the dashboard shows another."""
    put(tab().looking_into(now))


def looked_into() -> Sources:
    """The checkpoint on its page: what the dashboard shows, or what it could not run."""
    return tab().looked_into


def choose_fact(name: str, taken: str) -> None:
    """Decide what no tensor tells, for the checkpoint that is looked at."""
    chosen = dict(parse_qsl(looked_into().choices)) | {name: taken}
    put(tab().with_looked_into(choices=urlencode(chosen)))


def choose_part(path: str) -> None:
    """Take other weights of the same file: the averaged ones, say."""
    put(tab().with_looked_into(part=path, choices=""))


# --- masks alone ---------------------------------------------------------------------------------


def masks() -> Masks:
    """The masks that are looked at without a network."""
    return tab().masks


def look_at_masks(**changes: Any) -> None:
    """Change what is looked at: `files`, `opened`, `picture` or `truth`."""
    put(replace(tab(), masks=replace(masks(), **changes), complaint=None))


def take_mask_along(mask: str, picture: str) -> None:
    """Go to the dashboard with this picture, and the mask as what the user's script wrote."""
    put(replace(tab().with_sources(picture=picture, truth="", saved=mask), wanted_page=DASHBOARD))


# --- what succeeded, and what did not -------------------------------------------------------------


def keep_good(seen: Seen, of: Sources) -> None:
    """Keep an inspection that succeeded: it stays on the screen where the next one fails."""
    put(replace(tab(), good=(seen, of)))


def good_sources() -> Sources:
    """What the last inspection that succeeded was of."""
    good = tab().good
    return good[1] if good else Sources()


def back_to_good() -> bool:
    """Open again what could be inspected; returns whether that is something else."""
    before = good_sources()
    changed = before != sources()
    put(replace(tab(), sources=before))
    return changed


def keep_look(checkpoint: Checkpoint, of: Sources) -> None:
    """Keep a checkpoint that could be read."""
    put(replace(tab(), good_look=(checkpoint, of)))


def complain_of(error: InspectionError, look: Sources | None = None, picture: str = "") -> None:
    """Show an error of the core until the next choice.

    Args:
        error: what happened.
        look: the checkpoint page can say more of this one.
        picture: that is too large, where it is.
    """
    put(replace(tab(), complaint=Complaint.of(error, look, picture)))


def stop_complaining() -> None:
    """Show no error any more."""
    put(replace(tab(), complaint=None))
