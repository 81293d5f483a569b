"""While a page is at rest, what may be clicked next is computed (core/ahead.py)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner_utils.script_run_context import get_script_run_ctx

from core.background import Background, Cancelled, Job
from core.engine import Superseded
from core.settings import digest
from pages.components.diagnosis.background import POLL_SECONDS, rest
from pages.components.state import inspecting, session

if TYPE_CHECKING:
    from core.diagnosis import Diagnosis
    from pages.components.state.tab import Seen


@st.cache_resource
def works() -> Background[int]:
    """What is computed ahead on this server; the answer is how many results."""
    return Background()


def begin(seen: Seen, diagnosis: Job[Diagnosis]) -> None:
    """Compute ahead for this tab from now on, and nothing any more for what it showed before."""
    person, is_open = session.tab().person, tab_is_open()
    if seen.stale or session.shared_run() is not None or not is_open():
        works().leave(person)
        return
    shown = seen.inspection
    key = f"{person} {shown.logits_key} {digest(shown.settings.decoding)}"
    works().start(key, _work(seen, diagnosis, is_open), person=person)


def tab_is_open() -> Callable[[], bool]:
    """Whether the tab of this run of the script is still open; asked from any thread."""
    here = get_script_run_ctx(suppress_warning=True)
    if here is None or not runtime.exists():  # a test without a server
        return lambda: False
    server, id = runtime.get_instance(), here.session_id
    return lambda: server.is_active_session(id) is True  # a test has a server that says anything


def _work(
    seen: Seen, diagnosis: Job[Diagnosis], is_open: Callable[[], bool]
) -> Callable[[Job[int]], Iterator[int]]:
    engine = inspecting.engine()

    def work(job: Job[int]) -> Iterator[int]:
        from core.ahead import compute_ahead, likely

        def check() -> None:
            job.check()
            if not is_open():
                raise Cancelled

        while not diagnosis.wait(POLL_SECONDS):
            check()
        rest(job)
        wanted = likely(seen.inspection.settings, _advised(diagnosis.partial))
        try:
            yield compute_ahead(seen.inspection, wanted, engine=engine, check=check)
        except Superseded as error:
            raise Cancelled from error

    return work


def _advised(answered: Diagnosis | None) -> Iterator[dict[str, object]]:
    """The normalization that was recovered, and what the findings' buttons would change."""
    if answered is None:
        return
    if answered.recovered is not None:
        yield dict(answered.recovered.changes)
    for finding in answered.faults:
        if not finding.part:
            yield dict(finding.changes)
