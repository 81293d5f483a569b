"""The report: one file that opens from the disk without a network and tells the whole case."""

from __future__ import annotations

import base64
import html
import io
import re
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from PIL import Image as PillowImage

from core.colors import colorize, overlay, palette_colors
from core.diagnosis import Bisect, Diagnosis, Evidence, Finding
from core.diagnosis.measure.failures import Failed
from core.errors import ArchitectureError
from core.export.report import html_report
from core.export.stages import heat_colors, stage_pictures
from core.settings import change
from pages.components.viewer.planes import colormap
from tests.support.cases import TRAINED, healthy, inspected, true_ids, with_truth

NASTY = '<script>window.hit = 1</script><img src=x onerror="window.hit = 1">'
WRITTEN = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
FINDING = Finding(
    "P1",
    "certain",
    (Evidence(f"The network is fed {NASTY}.", 1.0),),
    "Normalize as in the training.",
    "x = (image / 255 - mean) / std  # <b>",
    {"mean": (0.485, 0.456, 0.406)},
    effect=0.25,
)


@pytest.fixture(scope="module")
def inspection():
    settings = change(TRAINED, class_names=(NASTY, "cup", "book"))
    return inspected(healthy(), settings)


@pytest.fixture(scope="module")
def report(inspection):
    case = with_truth(true_ids())
    case = replace(
        case,
        checkpoint=replace(case.checkpoint, name=f"{NASTY}.pth", calls=("requests.api.get", NASTY)),
    )
    answered = Diagnosis(
        inspection.settings, (FINDING,), Bisect("labels", "One class covers 99.9%."), finished=True
    )
    return html_report(case, inspection, answered, written=WRITTEN)


def pictures(text: str) -> list[np.ndarray]:
    body = text.partition("<script")[0]
    found = re.findall(r'src="data:image/png;base64,([^"]+)"', body)
    return [np.array(PillowImage.open(io.BytesIO(base64.b64decode(part)))) for part in found]


def test_the_five_stages_are_in_it_pixel_by_pixel(report, inspection):
    raw, tensor, heat, labels, mask = pictures(report)
    colors = palette_colors(inspection.settings.display, inspection.labels.num_classes)
    wanted = colorize(inspection.labels.ids, colors)

    assert np.array_equal(raw, inspection.image.pixels)
    assert tensor.shape == raw.shape
    assert len(np.unique(heat.reshape(-1, 3), axis=0)) > 50
    assert np.array_equal(labels, wanted)
    assert np.array_equal(mask, overlay(raw, wanted, inspection.settings.display.alpha))


def test_it_tells_verdict_evidence_settings_digests_and_versions(report, inspection):
    import torch

    told = html.unescape(report)

    assert "Normalization is missing. The network is fed" in told
    assert "Pixels whose class changes when this is fixed: 25.0%" in told
    assert "x = (image / 255 - mean) / std  # <b>" in told
    assert "<th>std</th><td>0.229, 0.224, 0.225</td>" in told
    assert inspection.image.digest in told
    assert healthy().checkpoint.digest in told
    assert torch.__version__.partition("+")[0] in told
    assert "mIoU" in told
    assert "2026-01-02 03:04 UTC" in told
    assert 'class="marked"><figcaption>4 Argmax' in told
    assert "This file asks to call requests.api.get" in told


def test_names_from_a_file_are_text(report):
    assert NASTY not in report
    assert "<img src=x" not in report


def test_padding_is_cut_off():
    settings = change(TRAINED, resize="multiple", multiple=200)
    stages = stage_pictures(inspected(healthy(), settings))

    assert {stage.pixels.shape for stage in stages} == {(256, 256, 3)}


def test_logits_that_are_not_finite_are_magenta(inspection):
    values = inspection.logits.values.copy()
    values[1, :2, :2] = np.nan
    broken = replace(inspection, logits=replace(inspection.logits, values=values))
    heat = stage_pictures(broken)[2].pixels

    assert np.all(heat[:2, :2] == (255, 0, 255))
    assert not np.any(np.all(heat[2:] == (255, 0, 255), axis=2))


def test_heat_has_the_dashboards_colors():
    assert heat_colors().tobytes().hex() + "ff00ff" == colormap()


def test_an_unfinished_diagnosis_is_told(inspection):
    text = html_report(healthy(), inspection, Diagnosis(inspection.settings), written=WRITTEN)

    assert "The diagnosis was not finished when this was written." in text


def test_without_a_checkpoint_there_is_a_sentence(inspection):
    with pytest.raises(ArchitectureError, match="There is no checkpoint"):
        html_report(
            replace(healthy(), checkpoint=None),
            inspection,
            Diagnosis(inspection.settings),
            written=WRITTEN,
        )


# --- in a browser without a network ---------------------------------------------------------------


@pytest.fixture(scope="module")
def opened(chromium, report, tmp_path_factory):
    """The file, opened from the disk with the network switched off; and what was asked for."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(report, encoding="utf-8")
    context = chromium.new_context(viewport={"width": 1280, "height": 1000}, offline=True)
    page, asked, faults = context.new_page(), [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text))
    page.goto(path.as_uri())
    page.wait_for_function("document.querySelectorAll('.chart .main-svg').length >= 2")
    yield page, asked, faults
    context.close()


def test_it_opens_from_the_disk_and_asks_nobody(opened):
    page, asked, faults = opened

    assert [url for url in asked if not url.startswith("data:")] == [page.url]
    assert page.url.startswith("file://")
    assert faults == []
    assert page.evaluate("window.hit") is None
    assert page.locator("#shares .bar .point, #shares .point").count() >= 6
    sizes = page.evaluate("[...document.images].map((image) => image.naturalWidth)")
    assert sizes == [256] * 5


def test_the_panels_zoom_together_and_pixels_stay_pixels(opened):
    page, _, _ = opened
    box = page.locator(".panel").nth(1).bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + box["height"] * 0.75)
    for _ in range(3):
        page.mouse.wheel(0, -100)
    page.wait_for_function("document.querySelector('.bar output').textContent === '1.95x'")
    styles = page.evaluate(
        "[...document.images].map((i) => [i.style.transform, getComputedStyle(i).imageRendering])"
    )
    moved = re.search(r"translate\((-?[\d.]+)px, (-?[\d.]+)px\)", styles[0][0])

    assert len({transform for transform, _ in styles}) == 1
    assert {rendering for _, rendering in styles} == {"pixelated"}
    assert float(moved[1]) == pytest.approx(-box["width"] * 0.25 * (1.25**3 - 1), abs=1)
    assert float(moved[2]) == pytest.approx(-box["height"] * 0.75 * (1.25**3 - 1), abs=1)
    page.mouse.dblclick(box["x"] + 20, box["y"] + 20)
    assert page.locator(".bar output").inner_text() == "1x"


def test_its_own_policy_forbids_fetching_and_other_scripts(opened):
    page, asked, _ = opened
    refused = page.evaluate(
        """async () => {
          const seen = []
          const note = (event) => seen.push(event.effectiveDirective)
          document.addEventListener("securitypolicyviolation", note)
          await fetch("https://example.com/").catch(() => {})
          const script = document.createElement("script")
          script.textContent = "window.hit = 2"
          document.body.append(script)
          await new Promise((resolve) => setTimeout(resolve, 100))
          return seen
        }"""
    )

    assert "connect-src" in refused
    assert any(name.startswith("script-src") for name in refused)
    assert page.evaluate("window.hit") is None
    assert not [url for url in asked if "example.com" in url]


def test_it_prints_whole_pictures_without_buttons(opened):
    page, _, _ = opened
    page.click("[data-zoom='2']")
    page.emulate_media(media="print")

    assert not page.locator(".bar").is_visible()
    assert page.evaluate("getComputedStyle(document.images[0]).transform") == "none"
    assert page.pdf().startswith(b"%PDF")


def test_what_could_not_be_computed_is_in_it_with_its_reason(inspection):
    failed = Failed(("order", "size"), f"it stops on {NASTY}")
    answered = Diagnosis(inspection.settings, (FINDING,), failed=(failed,), finished=True)
    text = html_report(healthy(), inspection, answered, written=WRITTEN)

    assert "Could not be computed: order, size. it stops on &lt;script&gt;" in text
    assert NASTY not in text
