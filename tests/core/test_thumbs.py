"""Small pictures and masks of a set, by place and by digest."""

import hashlib
import io
import struct
from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image as PillowImage

from core.colors import encode_png
from core.dataset.entry import Entry
from core.errors import DataSetError, InspectionError, MissingFileError
from core.thumbs import DOORS, LONGER_SIDE, SetView, smaller


@dataclass(frozen=True)
class InMemory:
    name: str
    content: bytes

    def read(self) -> bytes:
        return self.content


def view_on(*contents):
    key = hashlib.sha256(b"".join(contents)).hexdigest()
    entries = [Entry(f"{k}", InMemory(f"{k}.png", content)) for k, content in enumerate(contents)]
    return SetView(key=key, entries=tuple(entries))


def test_a_picture_comes_small_and_upright():
    wide = np.zeros((100, 400, 3), np.uint8)
    with PillowImage.open(io.BytesIO(view_on(encode_png(wide)).picture(0))) as small:
        assert small.size == (LONGER_SIDE, LONGER_SIDE // 4)
        assert small.format == "JPEG"


@pytest.mark.parametrize("place", [-1, 1])
def test_a_place_without_picture_is_told(place):
    with pytest.raises(MissingFileError):
        view_on(encode_png(np.zeros((4, 4, 3), np.uint8))).picture(place)


def test_what_is_no_picture_is_told():
    with pytest.raises(InspectionError):
        view_on(b"nothing").picture(0)


def test_a_picture_that_is_gone_is_told():
    class Gone(InMemory):
        def read(self):
            raise FileNotFoundError(self.name)

    view = SetView(key="gone", entries=(Entry("a", Gone("a.png", b"")),))
    with pytest.raises(DataSetError, match="a is gone"):
        view.picture(0)


def test_a_small_mask_has_only_ids_of_the_mask_and_no_class_stays_no_class():
    ids = np.full((400, 640), -1, np.int32)
    ids[:, ::2] = 300
    view = SetView(masks=lambda _: ids)
    content = view.labels("a" * 64)
    height, width = struct.unpack("<HH", content[:4])
    small = np.frombuffer(content[4:], "<u2").reshape(height, width)

    assert (height, width) == (100, LONGER_SIDE)
    assert set(small.ravel()) <= {300, 65535}


@pytest.mark.parametrize("digest", ["", "../../etc/passwd", "A" * 64, "a" * 63])
def test_only_digests_are_looked_up(digest):
    view = SetView(masks=lambda digest: pytest.fail(digest))
    with pytest.raises(MissingFileError):
        view.labels(digest)


def test_a_small_mask_is_not_enlarged():
    ids = np.arange(6, dtype=np.int32).reshape(2, 3)
    assert (smaller(ids, LONGER_SIDE) == ids).all()


def test_a_view_is_known_by_its_token_as_long_as_its_tab_holds_it():
    view = SetView()
    token = view.token
    assert DOORS.behind(token) is view
    del view
    assert DOORS.behind(token) is None
