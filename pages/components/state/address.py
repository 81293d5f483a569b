"""A tab's state in the address bar, and back. No Streamlit here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from urllib.parse import urlencode

from core.presets import PRESETS
from core.settings import Settings
from core.settings_address import from_query, to_query
from pages.components.state.sources import Sources
from pages.components.state.tab import Complaint, TabState

MOST_COLUMNS = 6  # of the comparison
LONGEST_SOURCE = 1024  # characters


def to_address(tab: TabState) -> str:
    """The query that opens the same view: a run's id, or sources, settings and columns."""
    if (run := tab.shared_run) is not None:
        return urlencode({"run": run.id})
    query = {**asdict(tab.sources), "preset": tab.preset, **to_query(tab.settings)}
    if tab.deployed:
        query["deployed"] = tab.deployed
    if tab.columns:
        query["columns"] = "~".join(_column_text(column, tab.settings) for column in tab.columns)
    return urlencode(query)


def from_address(query: Mapping[str, str]) -> TabState:
    """The state of a new tab; values that cannot be used are complained of."""
    settings, ignored = from_query(query)
    named = {name: query[name] for name in asdict(Sources()) if name in query}
    opened = {name: text for name, text in named.items() if _can_name_a_file(text)}
    ignored = (*ignored, *(named.keys() - opened.keys()))
    deployed = query.get("deployed", "")
    complaint = Complaint(
        f"The address holds values that cannot be used for {', '.join(ignored)}.",
        "Their defaults are shown. Choose them anew in the sidebar.",
    )
    return TabState(
        settings=settings,
        sources=Sources(**opened),
        deployed=deployed if _can_name_a_file(deployed) else "",
        preset=query["preset"] if query.get("preset") in PRESETS else "unit",
        columns=_columns_from(query.get("columns", ""), settings),
        complaint=complaint if ignored else None,
    )


def _can_name_a_file(text: str) -> bool:
    """Neither longer than any file's path, nor with characters that no name has: NUL, say."""
    return len(text) <= LONGEST_SOURCE and text.isprintable()


def _column_text(column: Settings, settings: Settings) -> str:
    """What a column changes against the current settings: `mean:0,0,0;std:1,1,1`."""
    now, text = to_query(settings), to_query(column)
    return ";".join(f"{name}:{text[name]}" for name in text if text[name] != now[name])


def _columns_from(text: str, now: Settings) -> tuple[Settings, ...]:
    """Read `_column_text` back; what is unusable falls back to the current settings."""
    parts = [part.split(";") for part in text.split("~")[:MOST_COLUMNS]] if text else []
    changes = [dict(c.split(":", 1) for c in part if ":" in c) for part in parts]
    return tuple(from_query({**to_query(now), **change})[0] for change in changes)
