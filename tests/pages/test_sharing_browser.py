"""Sharing as two people meet it: two browsers, a restart, an older version's settings."""

from __future__ import annotations

import json
import sqlite3
import zipfile
from contextlib import contextmanager

import numpy as np
import pytest

from core.settings import CONTROLS
from core.settings_json import SCHEMA
from tests.pages.test_browser import (
    FIRST_PAINT_MS,
    READY,
    layer,
    press,
    settle,
    shared_link,
    wait_for_diagnosis,
    wait_for_verdict,
)
from tests.support.serving import serve

pytestmark = pytest.mark.browser

NOTE = "<script>document.title = 'taken over'</script>\n<b>not bold</b> www.example.org **stars**"
PINNED = "row 128, column 128"


@contextmanager
def profile(chromium):
    """A clean browser profile; the test fails if a page's JavaScript does."""
    context = chromium.new_context(viewport={"width": 1280, "height": 1000})
    page, faults = context.new_page(), []
    page.on("pageerror", lambda error: faults.append(str(error)))
    yield page
    context.close()
    assert faults == []


def open_link(page, address):
    page.goto(address)
    page.wait_for_selector(READY, timeout=FIRST_PAINT_MS)
    settle(page)


def share(page, note="", kind="Everything"):
    """Press Share and make the link; returns its query."""
    page.get_by_role("button", name="Share").click()
    page.get_by_text(kind, exact=True).click()
    page.get_by_label("A note beside it").fill(note)
    press(page, "Make the link")
    return shared_link(page).partition("/?")[2]


def state(page):
    """What must not change: label map, probe of the pinned pixel, settings."""
    page.mouse.move(5, 5)  # off the panels: the probe shows the pinned pixel
    settle(page)
    sliders = page.locator(".sliders input").evaluate_all("all => all.map(one => one.value)")
    return layer(page, "argmax"), page.locator(".probe").inner_text(), sliders


def same(one, other):
    return np.array_equal(one[0], other[0]) and one[1:] == other[1:]


def to_schema_1(database):
    """Write the settings of every run as the first schema had them."""
    with sqlite3.connect(database) as rows:
        for id, text in rows.execute("SELECT id, document FROM runs").fetchall():
            document = json.loads(text)
            parts = document["settings"]
            assert parts.pop("schema") == SCHEMA
            known = {name: value for part in parts.values() for name, value in part.items()}
            later = {name for name, control in CONTROLS.items() if control.since > 1}
            flat = {name: known[name] for name in known.keys() - later}
            document["settings"] = {"schema": 1, **flat}
            rows.execute("UPDATE runs SET document = ? WHERE id = ?", (json.dumps(document), id))


@pytest.mark.timeout(300)  # two servers, each of which imports torch
def test_a_clean_profile_sees_what_was_shared_and_its_fork_leaves_it_so_over_a_restart(
    chromium, tmp_path
):
    with serve(tmp_path) as address:
        with profile(chromium) as ann:
            open_link(ann, address)
            press(ann, "ImageNet")
            wait_for_verdict(ann, "mIoU 0\\.[89]")
            wait_for_diagnosis(ann)  # whose last line moves the panels
            ann.locator('[data-stage="argmax"] canvas.panel').click()
            settle(ann)
            shown = state(ann)
            query = share(ann, NOTE)
        with profile(chromium) as ben:
            open_link(ben, f"{address}/?{query}")
            arrived = state(ben)
            title, note = ben.title(), ben.get_by_text("<b>not bold</b>").inner_text()
            links = ben.get_by_role("link", name="www.example.org").count()
            resting = ben.locator(".sliders input").first.is_disabled()
            press(ben, "Fork")
            press(ben, "[-1, 1]")
            ben.wait_for_function("!location.search.includes('run=')")
            settle(ben)
            changed = state(ben)
    to_schema_1(tmp_path / "maskscope.db")
    with serve(tmp_path) as address, profile(chromium) as dan:
        open_link(dan, f"{address}/?{query}")
        after_restart, agreed = state(dan), dan.get_by_text("bit for bit").count()

    assert PINNED in shown[1]
    assert same(arrived, shown)
    assert (title, note, links) == ("Pipeline - Maskscope", NOTE, 0)
    assert resting
    assert not same(changed, shown)
    assert same(after_restart, shown)
    assert agreed == 1


def test_the_link_is_copied_on_plain_http_too(chromium, address):
    lan = address.replace("localhost", "0.0.0.0")  # this machine, and no "secure context"
    with profile(chromium) as page:
        open_link(page, lan)
        clipboard = page.evaluate("typeof navigator.clipboard")
        query = share(page, kind="Settings only")  # no diagnosis is waited for
        press(page, "Copy link")
        page.get_by_role("button", name="Copied").wait_for()
        page.get_by_label("A note beside it").focus()
        page.keyboard.press("Control+V")
        pasted = page.get_by_label("A note beside it").input_value()

    assert clipboard == "undefined"
    assert pasted == f"{lan}/?{query}"


def test_the_list_gives_a_run_as_a_file_and_opens_it(chromium, tmp_path, address):
    with profile(chromium) as page:
        open_link(page, address)
        query = share(page)
        row = page.locator(f".st-key-run_{query.removeprefix('run=')}")
        page.goto(f"{address}/runs")
        with page.expect_download() as download:
            row.get_by_role("button", name="Export").click()
        with zipfile.ZipFile(download.value.path()) as archive:
            names = archive.namelist()
        row.get_by_role("button", name="Open").click()
        page.wait_for_url(f"**/?{query}", timeout=FIRST_PAINT_MS)
        page.get_by_text("You look at the shared run").wait_for()

    assert names[0] == "run.json"
    assert len(names) == 6  # picture, checkpoint, truth, label map, thumbnail
