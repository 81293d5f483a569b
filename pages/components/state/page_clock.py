"""A click on a link is not undone by what the page that was left still asks for.

A part of a page that follows something (`st.fragment(run_every=...)`) is asked for by a clock in
the browser, and a script may ask for its own page again (`st.rerun`). Either may come while a link
that was clicked waits for the script to stop. Streamlit 1.67 takes the page of whichever came last:
the click is lost, the new page is emptied, or the reader is led back (docs/decisions/0019).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequests, ScriptRequestType
from streamlit.runtime.scriptrunner_utils.script_run_context import get_script_run_ctx

if TYPE_CHECKING:
    from streamlit.runtime.scriptrunner_utils.script_requests import RerunData


@cache
def keep_clicks() -> None:
    """From now on, for every session: what nobody clicked is dropped where another page waits."""
    take = ScriptRequests.request_rerun

    def request_rerun(self: ScriptRequests, new_data: RerunData) -> bool:
        waits = self._state == ScriptRequestType.RERUN
        if (new_data.is_auto_rerun or (waits and _of_own_page(new_data))) and _left(
            self._rerun_data, new_data
        ):
            return True
        return take(self, new_data)

    ScriptRequests.request_rerun = request_rerun  # type: ignore[method-assign]


def _of_own_page(call: RerunData) -> bool:
    """Whether the script that runs here asks for its own page again."""
    here = get_script_run_ctx(suppress_warning=True)  # None where the browser asks
    return here is not None and here.page_script_hash == call.page_script_hash


def _left(newest: RerunData, call: RerunData) -> bool:
    """Whether the page of a call is no longer the one that was asked for."""
    wanted = newest.page_script_hash  # "" where the first page was asked for by its name
    return bool(wanted) and wanted != call.page_script_hash
