"""The mask door as people meet it: files dropped, a table, a click, a download."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from core.colors import palette_colors
from core.settings import Display
from tests.core.mask_file.drawing import file_of, gray, photo
from tests.pages.test_browser import FIRST_PAINT_MS, settle

pytestmark = pytest.mark.browser


def drop(page, *paths):
    page.locator('[data-testid="stFileUploader"] input[type=file]').first.set_input_files(paths)


def open_page(page, address):
    page.goto(f"{address}/mask")
    page.get_by_text("Only a mask.").wait_for(timeout=FIRST_PAINT_MS)
    settle(page)


def test_one_mask_is_told_at_once_and_its_colors_can_be_downloaded(page, address, tmp_path):
    path = tmp_path / "black.png"
    path.write_bytes(file_of(gray(0, 1, 2)))
    open_page(page, address)
    drop(page, path)
    page.get_by_text("it holds ids 0, 1, 2, drawn as three nearly black grays").wait_for()
    settle(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download colored").click()

    pixels = np.array(Image.open(download.value.path()))
    wanted = palette_colors(Display(), 3)[gray(0, 1, 2)]
    assert download.value.suggested_filename == "black_colored.png"
    assert (pixels == wanted).all()


def test_three_masks_are_a_table_and_a_click_opens_one(page, address, tmp_path):
    contents = {"a.png": file_of(gray(0, 1)), "b.png": file_of(photo()), "c.png": b"nothing"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    open_page(page, address)
    drop(page, *(tmp_path / name for name in contents))
    told = page.locator('[data-testid="stAlert"]').filter(
        has_text="it holds ids 0, 1, drawn as two"
    )
    told.wait_for()
    settle(page)
    table = page.locator('[data-testid="stDataFrame"]').first
    box = table.bounding_box()
    page.mouse.click(box["x"] + 12, box["y"] + 35 + 35 + 17)  # the box before the second row
    alert = page.locator('[data-testid="stAlert"]').filter(has_text="This is a photo, not a mask.")
    alert.wait_for()
    settle(page)

    assert alert.count() == 1
    assert page.get_by_text("No ids can be told from this file.").is_visible()


def test_the_start_page_leads_here(page, address):
    page.goto(address)
    page.get_by_role("link", name="Only a mask").first.click()
    page.get_by_text("Drop the file that your script wrote").wait_for(timeout=FIRST_PAINT_MS)
