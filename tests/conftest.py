"""Fixtures that several files share: the server, the browser, pictures."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tests.serving import serve


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="session")
def address(data_folder):
    """One real server for all browser tests."""
    with serve(data_folder) as address:
        yield address


@pytest.fixture(scope="session")
def chromium():
    from playwright.sync_api import sync_playwright

    from scripts.chromium import FLAGS, find_chromium

    path = find_chromium()
    assert path, "the browser tests need Chromium: run `make test`, which brings one"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def page(chromium):
    """A fresh browser window; the test fails if the page's JavaScript does."""
    context = chromium.new_context(viewport={"width": 1280, "height": 1000})
    page, faults = context.new_page(), []
    page.on("pageerror", lambda error: faults.append(str(error)))
    yield page
    context.close()
    assert faults == []


def png(pixels, **options) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.asarray(pixels, np.uint8)).save(file, "PNG", **options)
    return file.getvalue()
