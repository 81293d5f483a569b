"""Uploads by digest: kept once, found again, forgotten oldest first, never half there."""

import hashlib
import io
import os
import threading
import time

import pytest

from core.errors import MissingFileError, StoreError, StoreFullError
from core.store import check, mend, open_store
from core.store.tables import BLOBS
from core.testing import overwrite
from tests.kill_writers import WRITERS, kill_writers


def kept(store, content, name="best.pth"):
    return store.put(io.BytesIO(content), name)


def last_used(store, digest, seconds):
    """Say when a file was used last."""
    with store.engine.begin() as rows:
        rows.execute(BLOBS.update().where(BLOBS.c.digest == digest).values(used=seconds))


# --- kept and found again -------------------------------------------------------------------------


def test_a_file_is_found_again_by_the_digest_of_its_bytes(place):
    store = place.open()
    key = kept(store, b"weights")

    assert key == hashlib.sha256(b"weights").hexdigest()
    assert store.path(key).read_bytes() == b"weights"
    assert store.name(key) == "best.pth"


def test_another_server_finds_it_too(place):
    key = kept(place.open(), b"weights")

    assert place.open().path(key).read_bytes() == b"weights"


def test_a_server_on_another_machine_fetches_it_from_the_bucket(team):
    key = kept(team.open(disk="here"), b"weights" * 1000)

    assert team.open(disk="there").path(key).read_bytes() == b"weights" * 1000


def test_the_same_bytes_are_kept_once_under_the_newest_name(place):
    store = place.open()
    keys = {kept(store, b"weights", "old.pth"), kept(store, b"weights", "new.pth")}

    assert len(keys) == 1
    assert len(list(store.blobs.all())) == 1
    assert store.name(keys.pop()) == "new.pth"


@pytest.mark.parametrize("name", ["0" * 64, "../secret", "", "a" * 63, "/etc/passwd"])
def test_a_name_that_is_no_kept_digest_is_told_in_a_sentence(place, name):
    store = place.open()
    (place.folder.parent / "secret").write_text("secret")

    with pytest.raises(MissingFileError, match="does not have"):
        store.path(name)
    with pytest.raises(MissingFileError, match="does not have"):
        store.name(name)


@pytest.mark.parametrize(
    "name", ["x" * 999, "zero\0character.pth", "lone\ud800surrogate", "ä 漢.pth"]
)
def test_every_name_that_a_browser_may_send_can_be_kept(place, name):
    store = place.open()

    assert store.name(kept(store, b"weights", name))[:3] == name[:3]


def test_bytes_that_vanished_from_the_disk_are_told_in_a_sentence(place):
    store = place.open()
    key = kept(store, b"weights")
    store.blobs.delete(key)

    with pytest.raises(MissingFileError, match="does not have"):
        store.path(key)


def test_eight_who_keep_the_same_file_at_once_keep_it_once(place):
    store, keys = place.open(), []
    threads = [
        threading.Thread(target=lambda: keys.append(kept(store, b"weights" * 999)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(keys) == 8 and len(set(keys)) == 1
    assert store.path(keys[0]).read_bytes() == b"weights" * 999


# --- the quota ------------------------------------------------------------------------------------


def test_the_least_recently_used_file_goes_first(place):
    store = place.open(quota=20)
    old, used = kept(store, b"a" * 10), kept(store, b"b" * 10)
    last_used(store, old, 1.0)
    last_used(store, used, 2.0)
    new = kept(store, b"c" * 10)

    assert store.digests() == {used, new}
    assert set(store.blobs.all()) == {used, new}


def test_looking_at_a_file_makes_it_the_most_recent_one(place):
    store = place.open(quota=20)
    first, second = kept(store, b"a" * 10), kept(store, b"b" * 10)
    last_used(store, first, 1.0)
    last_used(store, second, 2.0)
    store.path(first)
    new = kept(store, b"c" * 10)

    assert store.digests() == {first, new}


def test_a_file_larger_than_everything_that_may_be_kept_is_refused_and_leaves_nothing(place):
    store = place.open(quota=20)
    small = kept(store, b"a")
    with pytest.raises(StoreFullError, match=r"larger than all .*2e-08 GB") as caught:
        kept(store, b"b" * 21)

    assert "MASKSCOPE_QUOTA_GB" in caught.value.remedy
    assert store.digests() == set(store.blobs.all()) == {small}
    assert list(store.incoming.iterdir()) == []


@pytest.mark.parametrize("quota", ["much", "0", "-1", "nan", "inf", ""])
def test_a_quota_that_is_no_number_is_told_at_the_start(tmp_path, quota):
    with pytest.raises(StoreError, match="MASKSCOPE_QUOTA_GB"):
        open_store(tmp_path, {"MASKSCOPE_QUOTA_GB": quota})


# --- never half there -----------------------------------------------------------------------------


class Broken(io.BytesIO):
    """A connection that breaks after the first bytes."""

    def read(self, size=-1):
        if self.tell():
            raise OSError("the connection broke")
        return super().read(4)


def test_an_upload_that_breaks_off_leaves_nothing_behind(place):
    store = place.open()
    with pytest.raises(OSError, match="broke"):
        store.put(Broken(b"half a file"), "half.pth")

    assert store.digests() == set(store.blobs.all()) == set()
    assert list(store.incoming.iterdir()) == []


class Counted(io.RawIOBase):
    """A stream of zeros that keeps the size of the largest piece that was asked for."""

    def __init__(self, size):
        self.left, self.largest = size, 0

    def read(self, size=-1):
        assert size > 0, "the whole file was asked for at once"
        self.largest, given = max(self.largest, size), min(size, self.left)
        self.left -= given
        return bytes(given)


def test_a_large_file_is_streamed_in_pieces_of_one_megabyte(place):
    source = Counted(60 * 2**20)
    store = place.open()
    key = store.put(source, "large.pth")

    assert source.largest == 2**20
    assert store.path(key).stat().st_size == 60 * 2**20


def test_a_database_of_a_newer_version_is_told_and_left_alone(place):
    with place.open().engine.begin() as rows:
        rows.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(StoreError, match="newer Maskscope"):
        place.open()


@pytest.mark.parametrize("url", ["not an address", "postgresql://nobody@127.0.0.1:1/x", "odd://x"])
def test_a_database_that_cannot_be_opened_is_told_in_a_sentence(tmp_path, url):
    with pytest.raises(StoreError) as caught:
        open_store(tmp_path, {"DATABASE_URL": url})

    assert "DATABASE_URL" in caught.value.message + caught.value.remedy


def test_a_bucket_of_an_unknown_kind_is_told_in_a_sentence(tmp_path):
    with pytest.raises(StoreError, match="BLOBS_URL"):
        open_store(tmp_path, {"BLOBS_URL": "carrier-pigeon://coop"})


# --- check and mend -------------------------------------------------------------------------------


def test_a_sound_store_is_healthy(place):
    store = place.open()
    kept(store, b"one")
    kept(store, b"two")
    report = check(store)

    assert report.healthy
    assert (report.whole, report.orphans, report.leftovers) == (2, (), ())


def test_other_bytes_and_no_bytes_are_losses_and_bytes_without_a_row_are_waste(place):
    store = place.open()
    damaged, gone, orphan = kept(store, b"damaged"), kept(store, b"gone"), kept(store, b"orphan")
    overwrite(store, damaged, b"damagee")
    store.blobs.delete(gone)
    with store.engine.begin() as rows:
        rows.execute(BLOBS.delete().where(BLOBS.c.digest == orphan))
    report = check(store)

    assert not report.healthy
    assert (report.damaged, report.missing, report.orphans) == ((damaged,), (gone,), (orphan,))


def test_mending_deletes_the_waste_and_keeps_what_is_damaged(place):
    store = place.open()
    damaged, orphan = kept(store, b"damaged"), kept(store, b"orphan")
    overwrite(store, damaged, b"damagee")
    with store.engine.begin() as rows:
        rows.execute(BLOBS.delete().where(BLOBS.c.digest == orphan))
    old, young = store.incoming / "old", store.incoming / "young"
    old.write_bytes(b"half")
    young.write_bytes(b"half")
    os.utime(old, (1, time.time() - 2 * 24 * 3600))

    assert mend(store, check(store)) == 2
    assert set(store.blobs.all()) == {damaged}
    assert list(store.incoming.iterdir()) == [young]


def test_a_reading_whose_process_was_killed_is_found_and_deleted(place):
    store = place.open()
    old, young = (store.incoming.parent / "canonical" / f"reading-{n}" for n in ("old", "young"))
    for folder in (old, young):
        folder.mkdir(parents=True)
        (folder / "weights").write_bytes(b"half")
    os.utime(old, (1, time.time() - 2 * 24 * 3600))
    report = check(store)

    assert (report.leftovers, report.healthy) == ((old,), True)
    assert mend(store, report) == 1
    assert [path.exists() for path in (old, young)] == [False, True]


def test_a_sweep_that_nobody_has_opened_for_a_month_is_found_and_deleted(place):
    store = place.open()
    old, young = (store.incoming.parent / "sweeps" / name for name in ("old", "young"))
    for folder, days in ((old, 31), (young, 29)):
        folder.mkdir(parents=True)
        (folder / "lock").touch()
        (folder / "journal.jsonl").write_bytes(b"[]\n")
        os.utime(folder / "lock", (1, time.time() - days * 24 * 3600))
    report = check(store)

    assert (report.leftovers, report.healthy) == ((old,), True)
    assert mend(store, report) == 1
    assert [path.exists() for path in (old, young)] == [False, True]


def test_uploading_a_damaged_file_again_mends_it(place):
    store = place.open()
    key = kept(store, b"damaged")
    overwrite(store, key, b"no")
    kept(store, b"damaged")

    assert check(store).healthy


def test_the_command_line_says_what_is_lost_and_ends_with_one(alone, monkeypatch, capsys):
    from core.__main__ import main

    monkeypatch.setenv("MASKSCOPE_DATA", str(alone.folder))
    store = alone.open()
    key = kept(store, b"weights")
    whole = main(["check"])
    overwrite(store, key, b"weightz")
    lost = main(["check", "--mend"])

    assert (whole, lost) == (0, 1)
    assert f"Damaged: {key}" in capsys.readouterr().out


# --- killed ---------------------------------------------------------------------------------------


def test_writers_killed_at_any_moment_leave_every_run_they_told_of_whole(alone):
    """`python -m tests.kill_writers 200` kills more of them."""
    found = kill_writers(alone.folder, kills=40)

    assert found.told > 10
    assert found.lost == 0
    assert found.untold <= 40 + WRITERS  # committed, and killed before it could be told
    assert found.before.healthy and found.after.healthy
    assert found.after.orphans == ()
