"""A place that cannot be used, at the start or suddenly, is told; nothing is lost in silence."""

import errno
import io
import shutil

import pytest

from core.__main__ import main
from core.errors import StoreError, StoreFullError
from core.store import check, open_store, save_run, spool
from tests.core.store.test_runs import SNAPSHOT
from tests.core.store.test_store import kept

BUCKETLESS = ("file:///tmp/x", "memory://a", "http://127.0.0.1:1/x", "s3:", "s3://", "zip://x")


def test_a_file_where_the_data_folder_should_be_is_told_at_the_start(tmp_path, monkeypatch, capsys):
    (tmp_path / "data").write_text("a file")
    monkeypatch.setenv("MASKSCOPE_DATA", str(tmp_path / "data"))

    with pytest.raises(StoreError, match="data folder"):
        open_store(tmp_path / "data")
    assert main(["check"]) == 1
    assert "cannot be used" in capsys.readouterr().err


@pytest.mark.parametrize("url", BUCKETLESS)
def test_an_address_that_names_no_bucket_is_told_at_the_start(tmp_path, url):
    with pytest.raises(StoreError, match="BLOBS_URL"):
        open_store(tmp_path, {"BLOBS_URL": url})


def test_what_cannot_be_reached_is_not_called_whole(alone):
    store = alone.open()
    kept(store, b"weights")
    shutil.rmtree(alone.folder)

    with pytest.raises(StoreError, match="cannot reach its data"):
        check(store)


@pytest.mark.parametrize(
    "act",
    [
        lambda store: store.put(io.BytesIO(b"new"), "new"),
        lambda store: save_run(store, SNAPSHOT, {}),
    ],
    ids=["upload", "share"],
)
def test_a_folder_that_is_gone_while_the_server_runs_is_told(alone, act):
    store = alone.open()
    kept(store, b"weights")
    shutil.rmtree(alone.folder)

    with pytest.raises(StoreError, match="cannot reach its data"):
        act(store)


def test_a_full_disk_is_told_and_with_room_the_same_upload_is_kept(alone, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    store = alone.open()
    with monkeypatch.context() as patch:
        patch.setattr(spool.os, "fsync", full)
        with pytest.raises(StoreFullError, match="disk is full"):
            kept(store, b"weights")

    assert list(store.incoming.iterdir()) == []
    digest = kept(store, b"weights")
    assert store.path(digest).read_bytes() == b"weights"


def test_a_database_that_can_only_be_read_is_told_and_what_is_there_stays(alone):
    store = alone.open()
    digest = kept(store, b"weights")
    with store.engine.connect() as rows:
        rows.exec_driver_sql("PRAGMA query_only = ON")
    with pytest.raises(StoreError, match="cannot use its database"):
        kept(store, b"more")

    assert store.path(digest).read_bytes() == b"weights"
