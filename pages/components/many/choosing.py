"""Which settings are compared: those in the sidebar, those that the diagnosis advises, presets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import streamlit as st

from core.presets import PRESETS, apply_preset
from core.settings import Settings, change
from core.sweep import MOST_SETTINGS
from pages.components.diagnosis import background
from pages.components.state import session, session_many

if TYPE_CHECKING:
    from core.diagnosis.many.set_diagnosis import SetDiagnosis
    from pages.components.state.tab import Seen

CURRENT, FIX = "as in the sidebar", "fix of"
ADVICE_SECONDS = 0.2  # so long the page waits for a diagnosis that runs
FIRST_PRESETS = ("imagenet", "unit")  # beside the advised ones
ADVISED = 3  # fixes of the diagnosis that are offered
FIRST_COUNT = 4  # settings that are compared where nobody chose


def offered(seen: Seen, answered: SetDiagnosis | None) -> dict[str, Settings]:
    """Settings by the name that a person sees; the current ones first, and none twice.

    Args:
        seen: what is open on the dashboard.
        answered: what the set proves, if that is known.
    """
    now = session.settings()
    found = {CURRENT: now}
    for name, each in (*_advised(seen, answered, now), *_presets(now)):
        if each not in found.values():
            found[name] = each
    return found


def _advised(
    seen: Seen, answered: SetDiagnosis | None, now: Settings
) -> Iterator[tuple[str, Settings]]:
    """What the first findings of the set, and of the picture on the dashboard, would set."""
    job = background.diagnosis_of(seen)
    job.wait(ADVICE_SECONDS)
    of_set = () if answered is None else answered.findings
    findings = (*of_set, *(() if job.partial is None else job.partial.findings))
    fixes = [each for each in findings if each.changes and each.kind == "fault"][:ADVISED]
    for each in fixes:
        yield f"{FIX} {each.cause}: {each.name}"[:80], change(now, **each.changes)


def _presets(now: Settings) -> Iterator[tuple[str, Settings]]:
    for name, preset in PRESETS.items():
        yield preset.label, apply_preset(now, name)


def ask(found: dict[str, Settings]) -> dict[str, Settings]:
    """Draw the choice; returns what was chosen, in its order.

    Until somebody chooses, what is advised later joins in.
    """
    key = f"set_settings_{hash(tuple(found))}"
    chosen = st.multiselect(
        "Settings to compare",
        list(found),
        default=[name for name in session_many.many().chosen if name in found] or _first(found),
        key=key,
        on_change=lambda: session_many.choose_many(tuple(session.widget(key, ()))),
        max_selections=MOST_SETTINGS,
    )
    return {name: found[name] for name in chosen}


def _first(found: dict[str, Settings]) -> list[str]:
    """What is compared where nobody chose."""
    advised = [name for name in found if name == CURRENT or name.startswith(FIX)]
    usual = [PRESETS[name].label for name in FIRST_PRESETS if PRESETS[name].label in found]
    return [*advised, *usual][:FIRST_COUNT]
