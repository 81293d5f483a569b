"""Uploads by digest: kept once, found again, forgotten oldest first, never outside the folder."""

import hashlib
import io
import os

import pytest

from core.store import MissingFileError, Store


def test_a_file_is_found_again_by_the_digest_of_its_bytes(tmp_path):
    store = Store(tmp_path)

    key = store.put(io.BytesIO(b"weights"), "best.pth")

    assert key == hashlib.sha256(b"weights").hexdigest()
    assert store.path(key).read_bytes() == b"weights"
    assert store.name(key) == "best.pth"


def test_a_new_store_over_the_same_folder_finds_old_files(tmp_path):
    key = Store(tmp_path).put(io.BytesIO(b"weights"), "best.pth")

    assert Store(tmp_path).path(key).exists()


@pytest.mark.parametrize("name", ["0" * 64, "../secret", "", "a" * 63, "/etc/passwd"])
def test_a_name_that_is_no_kept_digest_is_told_in_a_sentence(tmp_path, name):
    (tmp_path.parent / "secret").write_text("secret")

    with pytest.raises(MissingFileError, match="does not have"):
        Store(tmp_path).path(name)


def test_the_least_recently_used_file_goes_first(tmp_path):
    store = Store(tmp_path, max_bytes=20)
    old, used = store.put(io.BytesIO(b"a" * 10), "old"), store.put(io.BytesIO(b"b" * 10), "used")
    os.utime(tmp_path / old, (1, 1))
    os.utime(tmp_path / used, (2, 2))

    store.put(io.BytesIO(b"c" * 10), "new")

    assert not (tmp_path / old).exists()
    assert store.path(used).exists()


def test_an_upload_that_breaks_off_leaves_nothing_behind(tmp_path):
    class Broken(io.BytesIO):
        def read(self, *_):
            raise OSError("the connection broke")

    with pytest.raises(OSError):
        Store(tmp_path).put(Broken(), "half.pth")

    assert list(tmp_path.iterdir()) == []
