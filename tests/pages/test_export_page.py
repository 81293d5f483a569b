"""What is taken along from the dashboard is what the core makes of the screen."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

import examples
from core.errors import SettingsError
from core.export.label_map import label_png
from core.export.script import inference_script
from core.export.settings_file import settings_file, settings_of
from core.settings import Settings, change
from tests.pages.test_browser import open_app, settle, wait_for_diagnosis, wait_for_verdict
from tests.support.cases import TRAINED, example_checkpoint, healthy, inspected

QUERY = "?mean=0.485,0.456,0.406&std=0.229,0.224,0.225"


# --- settings.json --------------------------------------------------------------------------------


def test_settings_come_back_from_their_file():
    settings = change(
        TRAINED, color="bgr", custom=("#010203",), class_names=("Straße", "a|b"), threshold=0.1
    )

    assert settings_of(settings_file(settings).encode()) == settings
    assert json.loads(settings_file(settings))["schema"] >= 2


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe\x00", b"[1]", b"{", b"[" * 100_000, b" " * 2**21, b"null"]
)
def test_what_is_no_settings_file_gets_a_sentence(content):
    with pytest.raises(SettingsError, match="holds no settings"):
        settings_of(content)


def test_a_value_out_of_its_range_in_the_file_is_refused():
    broken = settings_file(Settings()).replace('"threshold": 0.5', '"threshold": "<b>"')

    with pytest.raises(SettingsError, match="threshold"):
        settings_of(broken.encode())


# --- the page -------------------------------------------------------------------------------------


def test_a_file_that_is_no_settings_is_told_on_the_page(app):
    app.session_state["export"] = True
    app.run()
    uploader = next(u for u in app.file_uploader if "settings.json" in u.label)
    uploader.upload("settings.json", b"{}").run()

    assert not app.exception
    assert "cannot be read" in app.error[0].value


def test_a_graph_is_told_where_its_script_would_be(app, monkeypatch):
    from pages.components.pipeline import exporting

    checkpoint = replace(example_checkpoint(), container="ONNX")
    monkeypatch.setattr(exporting.opening, "open_checkpoint", lambda *_: checkpoint)
    app.session_state["export"] = True
    app.run()

    assert not app.exception
    assert any("No script can be written" in info.value for info in app.info)


@pytest.mark.browser
def test_the_downloads_are_what_the_core_makes(page, address, tmp_path):
    open_app(page, address, QUERY)
    wait_for_diagnosis(page)
    page.get_by_text("Export: script, settings").click()
    settle(page)
    inspection = on_the_screen()

    taken = {name: download(page, name, tmp_path) for name in ("inference.py", "labels.png")}
    assert taken["inference.py"].decode() == inference_script(inspection, example_checkpoint())
    assert taken["labels.png"] == label_png(inspection.labels, inspection.settings.display)
    (tmp_path / "deeplabv3_desk.pth").symlink_to(examples.CHECKPOINT)
    command = [sys.executable, "inference.py", str(examples.SCENES[0]), "by_script.png"]
    subprocess.run(command, cwd=tmp_path, check=True)
    assert (tmp_path / "by_script.png").read_bytes() == taken["labels.png"]
    logits = np.load(io.BytesIO(download(page, "logits.npz", tmp_path)))["logits"]
    assert np.array_equal(logits, inspection.logits.values)
    report = download(page, "report.html", tmp_path).decode()
    assert "No problem found in these files" in report
    assert inspection.image.digest in report
    assert settings_of(download(page, "settings.json", tmp_path)) == inspection.settings


@pytest.mark.browser
def test_settings_are_brought_back_by_their_file(page, address, tmp_path):
    open_app(page, address)
    path = tmp_path / "settings.json"
    path.write_text(settings_file(TRAINED), encoding="utf-8")
    page.get_by_text("Export: script, settings").click()
    settle(page)
    uploader = page.locator('[data-testid="stFileUploader"]').filter(has_text="settings.json")
    uploader.locator("input[type=file]").set_input_files(str(path))
    wait_for_verdict(page, r"mIoU 0\.[89]")

    page.wait_for_function("location.search.includes('mean=0.485%2C0.456%2C0.406')")


def on_the_screen():

    network = replace(healthy().network, class_names=examples.CLASS_NAMES)
    return inspected(replace(healthy(), network=network), TRAINED)


def download(page, name, folder) -> bytes:
    button = page.locator(f".st-key-export_{name.replace('.', '-')} button").first
    with page.expect_download() as waiting:
        button.click()
    path = folder / name
    waiting.value.save_as(path)
    assert waiting.value.suggested_filename == name
    return path.read_bytes()
