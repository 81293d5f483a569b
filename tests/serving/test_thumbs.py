"""The routes of small pictures: a token, a place, an answer; nothing of another tab."""

import io

import numpy as np
from PIL import Image as PillowImage
from starlette.applications import Starlette
from starlette.testclient import TestClient

from core.colors import encode_png
from core.thumbs import DOORS
from serving.thumbs import thumb_routes
from tests.core.test_thumbs import view_on


def client(base="") -> TestClient:
    return TestClient(Starlette(routes=thumb_routes(base)))


def test_a_picture_and_a_mask_are_answered_below_the_base():
    asked = client("/tools")
    view = view_on(encode_png(np.zeros((8, 8, 3), np.uint8)))
    view.masks = lambda _: np.ones((2, 3), np.int32)
    picture = asked.get(f"{DOORS.address_of(view)}/picture/0")
    labels = asked.get(f"{DOORS.address_of(view)}/labels/{'b' * 64}")

    assert DOORS.address_of(view).startswith("/tools/")
    assert PillowImage.open(io.BytesIO(picture.content)).size == (8, 8)
    assert labels.content == b"\x02\x00\x03\x00" + 6 * b"\x01\x00"
    assert "private" in labels.headers["cache-control"]


def test_another_token_another_place_and_another_digest_are_not_found():
    asked, view = client(), view_on()
    assert asked.get("/small/nobody/picture/0").status_code == 404
    assert asked.get(f"{DOORS.address_of(view)}/picture/0").status_code == 404
    assert asked.get(f"{DOORS.address_of(view)}/picture/-1").status_code == 404
    assert asked.get(f"{DOORS.address_of(view)}/labels/{'c' * 64}").status_code == 404
