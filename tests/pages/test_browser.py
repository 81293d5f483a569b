"""The app as its users meet it: a real server, a real Chromium, real files."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from playwright.sync_api import expect
from torchvision.models import segmentation

import examples
from core.architectures import build_network
from core.checkpoint import read_checkpoint
from core.colors import colorize, overlay, palette_colors
from core.diagnosis.normalization.first_layer import gauge_of
from core.engine import Engine
from core.image import decode_image
from core.inspection import run_stages
from core.preprocess import preprocess
from core.presets import apply_preset
from core.settings import Preprocessing, Settings, change
from tests.conftest import png

pytestmark = pytest.mark.browser

FIRST_PAINT_MS = 60_000  # torch is imported on the way
DIAGNOSIS_MS = 100_000  # beside two browsers and another server that imports torch
POLL_MS = 100  # to ask at each frame makes the browser paint frames
READY = ".viewer[data-ready]"
IDLE = '[data-testid="stApp"][data-test-script-state="notRunning"]'


# --- what a person does ---------------------------------------------------------------------------


def open_app(page, address, query=""):
    page.goto(f"{address}/{query}")
    page.wait_for_selector(READY, timeout=FIRST_PAINT_MS)
    settle(page)


def settle(page):
    """Wait until the server has nothing more to say."""
    page.wait_for_timeout(150)
    page.wait_for_selector(IDLE, timeout=FIRST_PAINT_MS)
    page.wait_for_timeout(150)


def shared_link(page) -> str:
    """The address beside "Copy link"; its field is empty until the browser has filled it."""
    field = page.get_by_label("Link", exact=True)
    expect(field).to_have_value(re.compile("run="), timeout=FIRST_PAINT_MS)
    return field.input_value()


def verdict(page) -> str:
    return page.locator('[data-testid="stAlert"]').first.inner_text()


def wait_for_verdict(page, pattern):
    page.wait_for_function(
        """pattern => new RegExp(pattern).test(
            document.querySelector('[data-testid="stAlert"]')?.innerText ?? "")""",
        arg=pattern,
        timeout=FIRST_PAINT_MS,
        polling=POLL_MS,
    )


def wait_for_diagnosis(page):
    """Wait until it has said all; the button that ends it goes with it."""
    page.wait_for_selector(".st-key-stop_diagnosis", state="detached", timeout=DIAGNOSIS_MS)
    settle(page)


def mean_iou(page) -> float:
    return float(re.search(r"mIoU ([\d.]+)", verdict(page))[1])


def press(page, name):
    page.get_by_role("button", name=name, exact=True).click()


def upload(page, label, path):
    uploader = page.locator('[data-testid="stFileUploader"]').filter(has_text=label)
    uploader.locator("input[type=file]").set_input_files(str(path))


def ready(page) -> str:
    return page.locator(".viewer").get_attribute("data-ready")


def forwards(page) -> int:
    return int(page.locator(".viewer").get_attribute("data-forwards"))


def layer(page, stage) -> np.ndarray:
    """The pixels that a panel holds before zooming, UInt8[h w 3]."""
    values, height, width = page.locator(f'[data-stage="{stage}"] canvas.panel').evaluate(
        """canvas => {
            const {width, height} = canvas.layer
            const data = canvas.layer.getContext("2d").getImageData(0, 0, width, height).data
            return [Array.from(data), height, width]
        }"""
    )
    return np.array(values, np.uint8).reshape(height, width, 4)[..., :3]


def drag(page, locator, start, end, seconds, steps=40):
    """Hold a slider and pull it from one share of its width to another; does not let go."""
    locator.scroll_into_view_if_needed()
    box = locator.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + start * box["width"], middle)
    page.mouse.down()
    for step in range(1, steps + 1):
        share = start + (end - start) * step / steps
        page.mouse.move(box["x"] + share * box["width"], middle)
        page.wait_for_timeout(1000 * seconds / steps)


def sent_frames(page):
    """A list that grows with each message from the browser to the server."""
    frames = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: frames.append(frame)))
    return frames


def example_inspection(**changes):
    image = decode_image(examples.SCENES[0].read_bytes())
    path = examples.CHECKPOINT
    network = build_network(read_checkpoint(path, name=path.name, digest="0" * 64))
    return run_stages(image, network, change(Settings(), **changes), forward=Engine().runner())


# --- the first walk -------------------------------------------------------------------------------


def test_the_example_opens_black_and_one_preset_brings_it_alive(page, address):
    open_app(page, address)
    before = verdict(page)
    press(page, "ImageNet")
    wait_for_verdict(page, "mIoU 0\\.[89]")

    assert float(re.search(r"([\d.]+) % class 0", before)[1]) >= 90
    assert mean_iou(page) >= 0.85


def test_the_panels_hold_exactly_what_was_computed(page, address):
    open_app(page, address)
    press(page, "ImageNet")
    wait_for_verdict(page, "mIoU 0\\.[89]")
    settle(page)
    inspection = example_inspection(
        **{k: v for k, v in apply_preset(Settings(), "imagenet").preprocessing.__dict__.items()}
    )
    colors = palette_colors(inspection.settings.display, 6)
    mask = colorize(inspection.labels.ids, colors)

    assert np.array_equal(layer(page, "raw"), inspection.image.pixels)
    assert np.array_equal(layer(page, "argmax"), mask)
    assert np.array_equal(layer(page, "mask"), overlay(inspection.image.pixels, mask, 0.6))


def test_a_reloaded_address_shows_the_same_state(page, address):
    open_app(page, address)
    press(page, "ImageNet")
    wait_for_verdict(page, "mIoU 0\\.[89]")
    settle(page)
    before, shown = verdict(page), ready(page)
    page.reload()
    page.wait_for_selector(READY, timeout=FIRST_PAINT_MS)
    settle(page)

    assert verdict(page) == before
    assert ready(page) == shown


# --- live -----------------------------------------------------------------------------------------


def test_dragging_the_opacity_asks_the_server_nothing(page, address):
    frames = sent_frames(page)
    open_app(page, address)
    wait_for_diagnosis(page)  # until then the page looks for its answer on its own
    before, asked, drawn = forwards(page), len(frames), layer(page, "mask")
    drag(page, page.locator("input.alpha"), 0.6, 0.05, seconds=1)
    during = len(frames)
    changed = layer(page, "mask")
    page.mouse.up()
    settle(page)

    assert during == asked
    assert not np.array_equal(changed, drawn)
    assert forwards(page) == before
    assert "alpha=0.6&" not in page.url


def test_another_palette_needs_no_forward(page, address):
    open_app(page, address, "?mean=0.485,0.456,0.406&std=0.229,0.224,0.225")
    before, drawn = forwards(page), layer(page, "argmax")
    page.locator("select.palette").select_option("cityscapes")
    changed = layer(page, "argmax")
    page.wait_for_timeout(800)
    settle(page)

    assert not np.array_equal(changed, drawn)
    assert np.array_equal(layer(page, "argmax"), changed)
    assert forwards(page) == before
    assert "palette=cityscapes" in page.url


def test_moving_the_threshold_needs_no_forward(page, address):
    open_app(page, address, "?mean=0.485,0.456,0.406&std=0.229,0.224,0.225&rule=per_class")
    before, drawn = forwards(page), layer(page, "argmax")
    drag(page, page.locator(".threshold input"), 0.5, 0.99, seconds=0.5)
    dragged = layer(page, "argmax")
    page.mouse.up()
    settle(page)

    assert not np.array_equal(dragged, drawn)
    assert np.array_equal(layer(page, "argmax"), dragged)  # the server agrees with the preview
    assert forwards(page) == before


def test_the_mask_follows_while_the_mean_is_dragged(page, address):
    open_app(page, address)
    page.evaluate(
        """() => {
            window.answers = []
            const root = document.createTreeWalker(document, NodeFilter.SHOW_ELEMENT)
            const find = node => {
                for (const child of node.querySelectorAll("*")) {
                    if (child.matches(".viewer")) return child
                    const inner = child.shadowRoot && find(child.shadowRoot)
                    if (inner) return inner
                }
            }
            new MutationObserver(() => window.answers.push(performance.now()))
                .observe(find(document), {attributes: true, attributeFilter: ["data-ready"]})
        }"""
    )
    slider = page.locator('.sliders input[data-kind="mean"][data-channel="0"]')
    drag(page, slider, 0.0, 0.9, seconds=2)
    before_release = page.evaluate("window.answers.length")
    position = slider.input_value()
    page.mouse.up()
    page.wait_for_timeout(1500)
    settle(page)

    assert before_release >= 3
    assert slider.input_value() == position
    wanted = f"mean={int(position) / 1000:g}"
    assert wanted in page.url.replace("%2C", ",")
    assert page.locator(".viewer").get_attribute("data-most-running") == "1"
    assert not page.locator(".viewer.pending").count()


def asked_beside(page):
    """A list that grows with each position that the viewer asks for beside the page."""
    asked = []
    page.on("request", lambda request: asked.append(request) if "/live/" in request.url else None)
    return asked


def wait_for_exact(page):
    """Wait until what is shown is the answer of the network itself to the sliders as they are."""
    page.locator('.viewer[data-answer="exact"]:not(.pending)').wait_for()


def test_a_drag_is_answered_beside_the_page_and_ends_exact(page, address):
    frames, asked = sent_frames(page), asked_beside(page)
    open_app(page, address)
    before = len(frames)
    slider = page.locator('.sliders input[data-kind="mean"][data-channel="0"]')
    drag(page, slider, 0.0, 0.6, seconds=1)
    during = len(frames) - before
    page.mouse.up()
    wait_for_exact(page)
    settle(page)
    inspection = example_inspection(mean=(int(slider.input_value()) / 1000, 0.0, 0.0))
    colors = palette_colors(inspection.settings.display, 6)

    assert during < len(asked)  # a slow machine may see the slider at rest in between
    assert np.array_equal(layer(page, "argmax"), colorize(inspection.labels.ids, colors))
    assert page.locator(".answer").inner_text() == "exact"
    assert any({"send", "paint"} <= set(each.post_data_json["took"]) for each in asked)


def test_at_rest_a_fast_answer_to_an_older_position_is_given_up_for_the_exact_one(page, address):
    held, given_up = [], []

    def hold_the_first_fast_one(route):
        if held or route.request.post_data_json["resting"]:
            route.continue_()
        else:
            held.append(route)  # as a slow server does

    page.on("requestfailed", lambda request: given_up.append(request.post_data_json))
    page.route("**/live/*", hold_the_first_fast_one)
    open_app(page, address)
    slider = page.locator('.sliders input[data-kind="std"][data-channel="2"]')
    slider.focus()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    wait_for_exact(page)
    settle(page)

    assert held
    assert held[0].request.post_data_json["std"] in [each["std"] for each in given_up]
    assert page.locator(".answer").inner_text() == "exact"


def test_a_position_that_was_visited_is_painted_without_a_question(page, address):
    asked = asked_beside(page)
    open_app(page, address)
    page.locator('.sliders input[data-kind="std"][data-channel="1"]').focus()
    visited = []
    for _ in range(2):
        page.keyboard.press("ArrowLeft")
        wait_for_exact(page)
        settle(page)
        visited.append(ready(page))
    before = len(asked)
    page.keyboard.press("ArrowRight")
    wait_for_exact(page)
    settle(page)

    assert visited[0] != visited[1]
    assert ready(page) == visited[0]
    assert len(asked) == before


def test_the_gauge_moves_with_the_slider_and_says_what_python_says(page, address):
    scene = decode_image(examples.SCENES[0].read_bytes())
    network = build_network(read_checkpoint(examples.CHECKPOINT, name="example", digest="gauge"))
    gauge = gauge_of(network.module, preprocess(scene, Preprocessing()).base)

    def nats(mean) -> float:
        return pytest.approx(gauge.divergence((1 / 255,) * 3, (-mean, 0, 0)), rel=1e-3)

    open_app(page, address)
    shown = page.locator(".gauge")
    slider = page.locator('.sliders input[data-kind="mean"][data-channel="0"]')
    assert float(shown.get_attribute("data-nats")) == nats(0)
    drag(page, slider, 0.0, 0.9, seconds=0.5)
    assert float(shown.get_attribute("data-nats")) == nats(int(slider.input_value()) / 1000)
    page.mouse.up()


def test_one_zoom_moves_all_panels_and_a_click_pins_a_pixel(page, address):
    open_app(page, address)
    panel = page.locator('[data-stage="argmax"] canvas.panel')
    panel.scroll_into_view_if_needed()
    panel.hover()
    page.mouse.wheel(0, -300)
    page.mouse.wheel(0, -300)
    panel.click()
    settle(page)

    assert page.locator(".zoom-level").inner_text() != "1x"
    assert "Logits at the pinned pixel" in page.content()
    assert re.search(r"row \d+, column \d+", page.locator(".probe").inner_text())


# --- the user's own files -------------------------------------------------------------------------


def save_checkpoint(folder, name, classes=4):
    torch.manual_seed(0)
    network = getattr(segmentation, name)(weights=None, weights_backbone=None, num_classes=classes)
    states = {key: value.half() if value.is_floating_point() else value
              for key, value in network.state_dict().items()}  # fmt: skip
    path = folder / f"{name}.pth"
    torch.save({"model": states, "epoch": 3}, path)
    return path


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("deeplabv3_mobilenet_v3_large", "DeepLabV3, MobileNetV3"),
        ("deeplabv3_resnet50", "DeepLabV3, ResNet-50"),
        ("fcn_resnet50", "FCN, ResNet-50"),
        ("lraspp_mobilenet_v3_large", "LRASPP"),
    ],
)
def test_an_uploaded_picture_and_checkpoint_are_shown(page, address, tmp_path, name, family):
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (96, 128, 3), dtype=np.uint8)
    (tmp_path / "mine.png").write_bytes(png(picture))
    checkpoint = save_checkpoint(tmp_path, name)
    open_app(page, address)
    upload(page, "Upload a picture", tmp_path / "mine.png")
    page.wait_for_url(re.compile("picture=[0-9a-f]{64}"), timeout=FIRST_PAINT_MS)
    settle(page)  # a person does not choose the next file while the page is being drawn
    upload(page, "Upload a checkpoint", checkpoint)
    wait_for_verdict(page, "of 4 classes present")
    wait_for_diagnosis(page)

    captions = page.locator('[data-testid="stCaptionContainer"]')
    captions.filter(has_text=re.compile(f"^{re.escape(family)}")).first.wait_for()
    assert np.array_equal(layer(page, "raw"), picture)


@pytest.mark.parametrize(
    ("label", "name", "content", "says"),
    [
        ("Upload a checkpoint", "noise.pth", bytes(range(256)) * 40, "checkpoint|file"),
        ("Upload a checkpoint", "cat.pth", png(np.zeros((9, 9, 3))), "picture"),
        ("Upload a picture", "half.png", png(np.full((99, 99, 3), 7))[:90], "picture|file"),
        ("Upload a picture", "notes.png", b"these are my notes", "picture|file"),
        ("Upload a picture", "empty.png", b"", "empty"),
    ],
    ids=["noise", "picture-as-checkpoint", "truncated-picture", "text", "empty"],
)
def test_bad_input_gets_a_sentence_and_the_screen_stays(
    page, address, tmp_path, label, name, content, says
):
    (tmp_path / name).write_bytes(content)
    open_app(page, address)
    shown = ready(page)
    upload(page, label, tmp_path / name)
    page.locator('[data-testid="stAlert"]').nth(2).wait_for()
    settle(page)
    alerts = page.locator('[data-testid="stAlert"]').all_inner_texts()

    assert len(alerts) >= 3  # what happened, what to do, and the verdict of what stays open
    assert re.search(says, alerts[0], re.I)
    assert "Traceback" not in page.content()
    assert ready(page) == shown


def test_a_standard_deviation_of_zero_keeps_the_last_picture(page, address):
    open_app(page, address)
    shown = ready(page)
    field = page.get_by_label("Std R", exact=True)
    field.fill("0")
    field.press("Enter")
    page.get_by_text("Before the last change").wait_for()

    assert ready(page) == shown
    assert page.locator(".viewer.stale").count() == 1


# --- compare --------------------------------------------------------------------------------------


def test_settings_are_compared_and_one_is_taken_over(page, address):
    open_app(page, address)
    page.get_by_role("link", name="Compare", exact=True).click()
    page.get_by_text("agree with the first column").first.wait_for(timeout=FIRST_PAINT_MS)
    settle(page)
    page.get_by_role("button", name="Take over").nth(1).click()
    settle(page)
    page.get_by_role("link", name="Pipeline", exact=True).click()
    page.wait_for_selector(READY, timeout=FIRST_PAINT_MS)
    wait_for_verdict(page, "mIoU 0\\.[89]")

    assert mean_iou(page) >= 0.85


# --- the diagnosis --------------------------------------------------------------------------------


def test_the_example_is_named_and_one_click_mends_it(page, address, tmp_path):
    open_app(page, address)
    wait_for_verdict(page, "Normalization is missing.*0.485 0.456 0.406")
    page.wait_for_selector('figure.marked[data-stage="argmax"]')
    page.screenshot(path=tmp_path / "before.png")

    press(page, "Apply")
    wait_for_verdict(page, "mIoU 0\\.[89]")
    assert mean_iou(page) >= 0.85
    wait_for_verdict(page, "No problem found in these files")
    page.wait_for_selector("figure.marked", state="detached")
    page.screenshot(path=tmp_path / "after.png")

    press(page, "Undo")
    wait_for_verdict(page, "100.0 % class 0")


def test_why_leads_to_the_evidence_and_the_cause_is_explained(page, address):
    open_app(page, address)
    wait_for_verdict(page, "Normalization is missing")
    page.get_by_role("link", name="Why?").click()
    page.get_by_text("What the checkpoint shows of its training").wait_for(timeout=FIRST_PAINT_MS)
    settle(page)

    assert page.get_by_text("Pixels whose class changes when this is fixed").count() == 1
    page.get_by_role("button", name="About this cause").first.click()
    assert page.get_by_text("How it is found").first.is_visible()


def test_a_checkpoint_that_nobody_knows_is_looked_into(page, address, tmp_path):
    torch.save({"stem.weight": torch.ones(4, 3, 3, 3), "head.weight": torch.ones(2, 4, 1, 1)},
               tmp_path / "own.pth")  # fmt: skip
    open_app(page, address)
    upload(page, "Upload a checkpoint", tmp_path / "own.pth")
    page.get_by_role("button", name="Look inside this file").click()
    page.get_by_text("Layers and tensors").wait_for(timeout=FIRST_PAINT_MS)

    assert page.get_by_text("own.pth").count() >= 1
    assert page.get_by_text("torch.export.save").count() >= 1
    with page.expect_download() as download:
        press(page, "Clean safetensors")
    assert download.value.path().read_bytes()[8:9] == b"{"
