"""The quiet corner: how long each stage takes, what waits, and where networks run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from core.timing import STAGES, TIMED, quantiles, stages
from pages.components.state import inspecting

if TYPE_CHECKING:  # torch loads with the first inspection, not with the page
    from core.inspection import Inspection
    from pages.components.state.tab import Seen


def show_timings(seen: Seen) -> None:
    """Draw the table of stages, and the queue below it."""
    st.table(_rows(), border="horizontal")
    st.caption(
        f"On this server, of the last {TIMED} times of each stage; p95: 95 % took no "
        "longer. Sending and painting are told by browsers in which a slider has moved."
    )
    st.caption(f"{_queue()}  \n{_path(seen.inspection)}")


def _rows() -> dict[str, list[str]]:
    known = {stage: took for stage, took in stages().items() if took}
    half, most = zip(*(quantiles(took).values() for took in known.values()), strict=True)
    return {
        "stage": [f"{stage}: {STAGES[stage]}" for stage in known],
        "last (ms)": [_ms(took[-1]) for took in known.values()],
        "p50 (ms)": [_ms(seconds) for seconds in half],
        "p95 (ms)": [_ms(seconds) for seconds in most],
        "times": [str(len(took)) for took in known.values()],
    }


def _ms(seconds: float) -> str:
    ms = 1000 * seconds
    return f"{ms:.1f}" if ms < 10 else f"{ms:,.0f}"


def _queue() -> str:
    engine = inspecting.engine()
    return (
        f"Queue: {engine.running} running, {engine.waiting} waiting. Since the start "
        f"{engine.forwards:,} forwards, and {engine.kept:,} answers from the cache."
    )


def _path(inspection: Inspection) -> str:
    how = inspection.settings.forwarding
    known = inspecting.fast_paths().known(inspection.network, inspection.input, how)
    place = inspecting.engine().runs_at()
    at_rest = f"At rest: plain float32 {'on CPU' if place is None else place.in_words}."
    if known is None or known.module is None:
        return f"{at_rest} No faster path of this network is known at this size."
    return f"{at_rest} While a slider moves: {known.fastest.name}."
