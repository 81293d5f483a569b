"""Uploads of a tab that was closed do not stay in the server's memory."""

import time
from types import SimpleNamespace

import pytest
from streamlit.runtime.memory_session_storage import MemorySessionStorage
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.session_manager import SessionInfo
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

from pages.components.state.give_back import sweep


def info(session_id):
    return SessionInfo(client=None, session=SimpleNamespace(id=session_id))


@pytest.fixture
def server():
    """Streamlit's own stores: one tab is open, one was closed and may come back."""
    waiting = MemorySessionStorage(ttl_seconds=0.2)
    waiting.save(info("closed"))
    sessions = SimpleNamespace(
        _session_storage=waiting, list_active_sessions=lambda: [info("open")]
    )
    uploads = MemoryUploadedFileManager("/upload")
    for session_id in ("open", "closed", "gone"):
        uploads.add_file(session_id, UploadedFileRec("1", "w.pth", "", bytes(10)))
    return SimpleNamespace(_session_mgr=sessions, _uploaded_file_mgr=uploads)


def kept(server):
    return set(server._uploaded_file_mgr.file_storage)


def test_an_upload_that_came_after_its_tab_was_closed_is_given_back(server):
    sweep(server)

    assert kept(server) == {"open", "closed"}


def test_a_tab_that_does_not_come_back_takes_its_uploads_along(server):
    time.sleep(0.25)
    sweep(server)

    assert kept(server) == {"open"}
    assert server._session_mgr._session_storage.list() == []
