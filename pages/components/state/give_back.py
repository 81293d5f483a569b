"""What a tab has uploaded is given back after it was closed, though nobody opens another one.

Streamlit keeps the session of a closed tab for two minutes, in case it comes back, and its uploads
with it, but lets go of both only when the next tab is closed. An upload that ends after its tab
was closed belongs to no session and would stay in memory as long as the process.
"""

from __future__ import annotations

import threading
import time
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamlit.runtime.runtime import Runtime

SECONDS = 30.0  # between two looks


@cache
def give_back_uploads() -> None:
    """From now on look at regular intervals, in the server's own loop."""
    from streamlit import runtime

    if runtime.exists():
        server = runtime.get_instance()
        threading.Thread(target=_for_ever, args=(server,), name="uploads", daemon=True).start()


def _for_ever(server: Runtime) -> None:
    while True:
        time.sleep(SECONDS)
        loop = server._get_async_objs().eventloop
        if loop.is_closed():
            return
        loop.call_soon_threadsafe(sweep, server)


def sweep(server: Runtime) -> None:
    """Forget sessions whose time is over, and the files of sessions that are not there.

    Args:
        server: whose session manager and uploaded files are looked at, in its own loop.
    """
    sessions, uploads = server._session_mgr, server._uploaded_file_mgr
    waiting = sessions._session_storage  # type: ignore[attr-defined]
    waiting._cache.expire()
    known = {info.session.id for info in (*sessions.list_active_sessions(), *waiting.list())}
    for session_id in set(uploads.file_storage) - known:  # type: ignore[attr-defined]
        uploads.remove_session_files(session_id)
