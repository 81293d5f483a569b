"""Many pictures as people meet them: a ZIP dropped, a filter, a lasso, one opened, the way back."""

from __future__ import annotations

import csv
import io
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image as PillowImage

from tests.pages.test_browser import FIRST_PAINT_MS, settle, shared_link
from tests.support.own_networks import weights
from tests.support.serving import serve

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]  # 2,000 forwards: 50 s and more

COUNT, SIDE = 2000, 12  # pictures; pixels of a side
SWEEP_MS = 240_000


def png(pixels) -> bytes:
    file = io.BytesIO()
    PillowImage.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def scene(number: int) -> np.ndarray:
    """A green picture, whose upper part is red where `number` is even; no two are alike."""
    pixels = np.full((SIDE, SIDE, 3), 20, np.uint8)
    pixels[..., 1] = 120
    if number % 2 == 0:
        pixels[: 1 + number % (SIDE - 1), :, 0] = 200
    pixels[0, 0, 2] = number % 256
    pixels[0, 1, 2] = number // 256
    return pixels


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    path = tmp_path_factory.mktemp("set") / "many.zip"
    with zipfile.ZipFile(path, "w") as file:
        for number in range(COUNT):
            file.writestr(f"images/{number:04d}.png", png(scene(number)))
        file.writestr("images/broken.png", b"\x89PNG\r\n\x1a\n")
    return path


@pytest.fixture(scope="module")
def many_address(tmp_path_factory):
    data, folder = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("checkpoints")
    torch.save(weights(), folder / "brightest.pth")
    host = {
        "MASKSCOPE_CHECKPOINTS": str(folder),
        "MODEL_FACTORIES": "tests.support.own_networks:brightest",
    }
    with serve(data, **host) as address:
        yield address


def open_set(page, address, archive):
    page.goto(f"{address}/dataset?checkpoint=folder:brightest.pth")
    page.get_by_text("One picture convinces").wait_for(timeout=FIRST_PAINT_MS)
    settle(page)
    page.locator('.stMain [data-testid="stFileUploader"] input[type=file]').set_input_files(archive)
    page.get_by_text("0 of 2,001 pictures have a mask").wait_for(timeout=SWEEP_MS)


def shown(page) -> int:
    return int(page.locator(".grid").get_attribute("data-shown"))


def test_two_thousand_pictures_are_filtered_picked_opened_and_returned_to(
    page, many_address, archive
):
    open_set(page, many_address, archive)
    page.get_by_role("button", name="Compare on all pictures").click()
    page.locator(".cell canvas[data-drawn]").first.wait_for(timeout=SWEEP_MS)
    settle(page)
    assert shown(page) == COUNT + 1
    assert page.locator(".cell").count() < 100  # those in view alone
    worst = page.locator(".cell").first
    assert worst.get_attribute("title") == "images/broken.png"

    page.get_by_label("Only names with this").fill("00")
    assert shown(page) == len([k for k in range(COUNT) if "00" in f"{k:04d}"])
    page.get_by_label("Only names with this").fill("")
    page.locator(".column").select_option("foreground")
    page.get_by_label("Largest value").fill("0.5")
    half = sum((scene(k).argmax(axis=2) > 0).mean() <= 0.5 for k in range(COUNT))
    assert shown(page) == half
    page.locator(".scroll").evaluate("each => (each.scrollTop = 1780)")
    page.locator(".cell canvas[data-drawn]").first.wait_for()
    first = page.locator(".cell").nth(20).get_attribute("data-index")
    cell = page.locator(f'.cell[data-index="{first}"]')
    cell.scroll_into_view_if_needed()
    place = page.locator(".scroll").evaluate("each => each.scrollTop")
    cell.click()

    page.get_by_text(f"Back to the set, picture {int(first) + 1:,}").wait_for()
    settle(page)
    page.get_by_text(f"Back to the set, picture {int(first) + 1:,}").click()
    page.locator(".cell.opened").wait_for(timeout=FIRST_PAINT_MS)
    assert shown(page) == half
    assert page.locator(".scroll").evaluate("each => each.scrollTop") == place >= 1780
    page.locator(".cell.opened canvas[data-drawn]").wait_for()

    page.locator(".column").select_option("")
    lasso(page, page.locator(".stPlotlyChart").first)
    page.get_by_text("pictures are picked").wait_for()
    settle(page)
    assert 0 < shown(page) < COUNT


def test_the_settings_are_compared_with_the_ground_truth(page, address):
    page.goto(f"{address}/dataset")
    page.get_by_text("One picture convinces").wait_for(timeout=FIRST_PAINT_MS)
    settle(page)
    page.get_by_role("button", name="Try it with the example's scenes").click()
    page.get_by_text("8 of 8 pictures have a mask").wait_for()
    page.get_by_text("What 8 pictures prove: Likely: Normalization is missing.").wait_for(
        timeout=SWEEP_MS
    )
    settle(page)
    page.get_by_role("button", name="Compare on all pictures").click()
    page.get_by_text("What was found (across) where the truth is (down)").wait_for(timeout=SWEEP_MS)
    settle(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download rows.csv").click()
    rows = list(csv.DictReader(download.value.path().read_text("utf-8").splitlines()))

    assert len(rows) == 8 * len({row["setting"] for row in rows})
    scores = {
        row["setting"]: float(row["mean_iou"]) for row in rows if row["picture"] == "scene_01"
    }
    assert scores["as in the sidebar"] < 0.3 < 0.9 < scores["fix of P1: Normalization is missing"]

    page.get_by_role("button", name="Share this table").click()
    link = shared_link(page)
    page.goto(link)
    page.get_by_text("of 8 pictures. The pictures were not kept.").wait_for(timeout=FIRST_PAINT_MS)
    page.locator(".cell canvas[data-drawn]").first.wait_for()  # the mask alone
    assert "/dataset?run=" in link
    assert shown(page) == 8


def lasso(page, chart):
    """Draw around the left half of a chart."""
    chart.scroll_into_view_if_needed()
    box = chart.locator(".nsewdrag").bounding_box()
    left, top = box["x"] + 2, box["y"] + 2
    right, low = box["x"] + box["width"] * 0.5, box["y"] + box["height"] - 2
    page.mouse.move(left, top)
    page.mouse.down()
    for x, y in ((right, top), (right, low), (left, low), (left, top)):
        page.mouse.move(x, y, steps=4)
    page.mouse.up()
