"""Fixtures that several files share: the server, the browser, pictures."""

from __future__ import annotations

import functools
import gc
import io
import os
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from core.checkpoint import read_checkpoint
from tests.support.serving import ROOT, serve

pytest_plugins = ["tests.support.places"]

# The libraries bring a million objects, which need not be looked through for garbage so often.
gc.set_threshold(10_000, 10, 10)

# A core for each worker, its servers too: threads that share a busy core wait for each other, and a
# forward takes up to ten times as long.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it would ask for newer versions of itself
torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))

# What takes longest first. The files of one server wait for a browser much of their time.
OF_ONE_SERVER = (
    "test_browser",
    "test_sharing_browser",
    "test_export_page",
    "test_page_change",
    "test_hostile_uploads",
    "test_mask_browser",
    "test_views_browser",
)
LONGEST = ("test_gallery", *OF_ONE_SERVER, "test_many_browser", "test_show_browser",
           "test_notebook", "test_packaging", "test_ray", "test_kills",
           "test_savings", "test_reports", "test_inspecting", "test_architectures",
           "test_exported_program", "test_match", "test_order_of_checks", "test_sharing",
           "test_diagnosis_forwards", "test_hostile", "test_command_line", "test_checkpoint_page",
           "test_families", "test_onnx", "test_recover", "test_diagnosis_page", "test_pages",
           "test_script", "test_zoo", "test_checkpoint", "test_serve", "test_smp", "test_forwards",
           "test_crafted", "test_store", "test_command", "test_replicas")  # fmt: skip
FAILED = pytest.StashKey[bool]()


def pytest_collection_modifyitems(items):
    """Begin with the files that take longest, or one worker goes on alone with the last of them."""
    place = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.stem, len(place)))
    for item in items:
        if "database_server" in item.fixturenames:
            item.add_marker(pytest.mark.postgres)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """One worker has all that share server and browser; the others take file by file.

    The gallery has a server and a browser of its own: it takes as long as all the others.
    """
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid):
            file = super()._split_scope(nodeid)
            return "browser" if Path(file).stem in OF_ONE_SERVER else file

    return Scheduling(config, log) if config.getvalue("dist") == "loadfile" else None


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


@pytest.fixture(scope="session")
def window(chromium):
    """One profile for all tests, so that Streamlit's own scripts are loaded and compiled once."""
    context = chromium.new_context(viewport={"width": 1280, "height": 1000})
    yield context
    context.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Let the page fixture know how its test ended."""
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@pytest.fixture
def page(window, request):
    """A fresh tab; the test fails if the page's JavaScript does."""
    page, faults = window.new_page(), []
    page.on("pageerror", lambda error: faults.append(str(error)))
    yield page
    if request.node.stash[FAILED]:  # a failure far away can only be read, not looked at
        print(page.url, page.locator("body").inner_text(), sep="\n")
    page.close()
    assert faults == []


@pytest.fixture(scope="session", autouse=True)
def no_thread_outlives_the_tests():
    """Torch aborts the process in a thread that still runs when Python ends."""
    yield
    for thread in threading.enumerate():
        if thread.name == "background":
            thread.join(timeout=60)


@pytest.fixture(scope="session", autouse=True)
def installed_components_are_looked_for_once():
    """Each AppTest would read the metadata of all that is installed: half a second of a core."""
    look = functools.cache(manifest_scanner.scan_component_manifests)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", look)
        yield


@pytest.fixture(scope="module", autouse=True)
def what_a_file_has_cached_goes_with_it(request):
    """Networks of hundreds of megabytes, which no other file asks for."""
    yield
    name = request.module.__name__
    for value in list(vars(request.module).values()):
        if hasattr(value, "cache_clear") and value.__module__ == name:
            value.cache_clear()


@pytest.fixture
def own_store(tmp_path, monkeypatch):
    """Uploads of this test alone."""
    from pages.components.state import files

    monkeypatch.setattr(files, "DATA_FOLDER", tmp_path)
    files.store.clear()


@pytest.fixture
def app(own_store):
    """The dashboard without a browser, drawn once; torch is imported on the way.

    What a test has begun ends with it. The diagnosis of the example goes on: the next one needs it.
    """
    from pages.components.diagnosis import background

    app = dashboard().run()
    first = background.works().job_of(person := app.session_state.tab.person)
    yield app
    if background.works().job_of(person) is not first:
        background.works().leave(person)


@pytest.fixture
def read(tmp_path):
    """Read the bytes of a checkpoint."""

    def read_bytes(content):
        (tmp_path / "blob").write_bytes(content)
        return read_checkpoint(tmp_path / "blob", name="blob", digest="d")

    return read_bytes


def dashboard(seconds=120):
    """The first page, not drawn yet."""
    return AppTest.from_file(str(ROOT / "app.py"), default_timeout=seconds)


def upload(app, label, name, content):
    """Give a file to the uploader of this label, and draw the page again."""
    uploader = next(u for u in app.file_uploader if u.label == label)
    return uploader.upload(name, content).run()


def saved(value) -> bytes:
    """What torch.save writes."""
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


def zipped(files, method=zipfile.ZIP_DEFLATED) -> bytes:
    """A ZIP of files by name."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def png(pixels, **options) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.asarray(pixels, np.uint8)).save(file, "PNG", **options)
    return file.getvalue()
