"""What is fed may lie otherwise than the picture: the second panel shows it, linked to the rest."""

from __future__ import annotations

import re

import numpy as np
import pytest

import examples
from core.image import decode_image
from core.preprocess import preprocess
from core.settings import Preprocessing
from tests.pages.test_browser import layer, open_app, settle

pytestmark = pytest.mark.browser
BOXED = "?resize=letterbox&height=128&width=256&orientation=90&pad_color=0"


def test_a_click_on_the_turned_letterbox_pins_the_pixel_of_the_picture(page, address):
    image = decode_image(examples.SCENES[0].read_bytes())
    boxed = Preprocessing(resize="letterbox", height=128, width=256, orientation="90", pad_color=0)
    open_app(page, address, BOXED)
    shown = layer(page, "normalized")
    panel = page.locator('[data-stage="normalized"] canvas.panel')
    panel.scroll_into_view_if_needed()
    box = panel.bounding_box()
    at = {
        "x": 0.6 * box["width"],
        "y": 0.5 * box["height"],
    }  # a fifth of the picture right of its middle
    panel.click(position=at)
    settle(page)
    page.mouse.move(0, 0)
    row, column = map(int, re.findall(r"\d+", page.locator(".probe").inner_text())[:2])

    assert shown.shape == (128, 256, 3)
    assert (shown[:, :64] == shown[0, 0]).all()  # a bar
    assert (row, column) == pytest.approx((0.7 * 256, 128), abs=4)  # turned left: right was below
    value = preprocess(image, boxed).values[:, 64, int(0.6 * 256)]
    said = re.search(r"normalized RGB ([-\d. ]+)", page.locator(".probe").inner_text())[1]
    assert np.array(said.split(), float) == pytest.approx(value, abs=0.1)
