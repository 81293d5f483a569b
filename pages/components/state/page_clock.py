"""A click on a link is not undone by a call of the clock of the page that was left.

A part of a page that follows something (`st.fragment(run_every=...)`) is asked for by a clock in
the browser. Its call may be on its way when a link is clicked. Streamlit 1.67 takes the page of
whichever came last: the click is lost, the new page is emptied, or the reader is led back
(docs/decisions/0019).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequests

if TYPE_CHECKING:
    from streamlit.runtime.scriptrunner_utils.script_requests import RerunData


@cache
def keep_clicks() -> None:
    """From now on, for every session: a clock's call for another page than the last is dropped."""
    take = ScriptRequests.request_rerun

    def request_rerun(self: ScriptRequests, new_data: RerunData) -> bool:
        if new_data.is_auto_rerun and _left(self._rerun_data, new_data):
            return True
        return take(self, new_data)

    ScriptRequests.request_rerun = request_rerun  # type: ignore[method-assign]


def _left(newest: RerunData, call: RerunData) -> bool:
    """Whether the page of a call is no longer the one that was asked for."""
    wanted = newest.page_script_hash  # "" where the first page was asked for by its name
    return bool(wanted) and wanted != call.page_script_hash
