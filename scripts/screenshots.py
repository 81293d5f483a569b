"""Make the pictures of the README from the running app: `make screenshots`."""

from __future__ import annotations

import sys
import tempfile
import zipfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from scripts.chromium import FLAGS, find_chromium
from tests.support.serving import ROOT, serve

FOLDER = ROOT / "docs" / "pictures"
READY = ".viewer[data-ready]"
DRAWN = "!document.querySelector('[data-testid=stSkeleton]')"
SIZE = {"width": 1440, "height": 900}
TALL = {"width": 1440, "height": 1250}  # where a grid follows charts


def main() -> int:
    """Take them in the light theme, and one in the dark."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as data,
        serve(Path(data), ALLOW_ONNX="1") as address,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(FLAGS))
        page = browser.new_page(viewport=SIZE)
        _open(page, address)
        page.wait_for_selector(".st-key-stop_diagnosis", state="detached", timeout=60_000)
        _take(page, "before")
        page.get_by_role("button", name="Apply", exact=True).click()
        page.get_by_text("No problem found in these files").wait_for()
        _settle(page)
        _take(page, "after")
        _share(page, "Healthy after the fix: ImageNet's mean and std")
        _open(page, f"{address}/compare")
        _take(page, "compare")
        for name, text in (
            ("diagnosis", "What the checkpoint shows of its training"),
            ("checkpoint", "Layers and tensors"),
            ("gallery", "Open"),
            ("runs", "Healthy after the fix"),
        ):
            page.goto(f"{address}/{name}")
            page.get_by_text(text).first.wait_for(timeout=60_000)
            page.wait_for_function(DRAWN, timeout=120_000)
            _settle(page)
            _take(page, name)
        _deploy(page, address, Path(data))
        _mask(page, address)
        _many(browser.new_page(viewport=TALL), address, Path(data))
        page = browser.new_page(viewport=SIZE, color_scheme="dark")
        _open(page, f"{address}/?mean=0.485,0.456,0.406&std=0.229,0.224,0.225")
        _take(page, "dark")
        browser.close()
    return 0


def _open(page: Page, address: str) -> None:
    page.goto(address)
    page.wait_for_selector(READY if "compare" not in address else "img", timeout=60_000)
    _settle(page)


def _share(page: Page, note: str) -> None:
    page.get_by_role("button", name="Share").click()
    page.get_by_label("A note beside it").fill(note)
    page.keyboard.press("Tab")  # a text area sends what it holds when it is left
    page.get_by_role("button", name="Make the link").click()
    page.get_by_label("Link", exact=True).wait_for(timeout=60_000)


def _deploy(page: Page, address: str, folder: Path) -> None:
    """The example as an ONNX graph that expects red and blue exchanged."""
    page.goto(f"{address}/deployed?preset=imagenet&mean=0.485,0.456,0.406&std=0.229,0.224,0.225")
    page.locator("input[type=file]").last.set_input_files(exported(folder / "deployed.onnx"))
    page.get_by_text("The first layer where they part").wait_for(timeout=120_000)
    _settle(page)
    _take(page, "deployed")


def exported(path: Path) -> Path:
    """The example's network, written by torch.onnx.export with a fault."""
    import examples
    from benchmarks.deployed.exports import WRONG, Recipe
    from core.deployed.opening import open_program
    from core.image import decode_image
    from core.preprocess import preprocess
    from core.presets import apply_preset
    from core.settings import Settings

    how = apply_preset(Settings(), "imagenet").preprocessing
    tensor = preprocess(decode_image(examples.SCENES[0].read_bytes()), how).tensor
    network = open_program(examples.CHECKPOINT).network  # type: ignore[attr-defined]
    recipe = Recipe(network.module, tensor, how.mean, how.std)
    return WRONG["red and blue"].write(recipe, path)


def _mask(page: Page, address: str) -> None:
    """The door for whoever has only a black mask."""
    page.goto(f"{address}/mask")
    page.get_by_role("button", name="Try it with a black mask").click()
    page.get_by_text("Your mask is fine").wait_for(timeout=60_000)
    _settle(page)
    _take(page, "mask")


def _many(page: Page, address: str, folder: Path) -> None:
    """Sixty new scenes with their masks; the page from its totals on."""
    page.goto(f"{address}/dataset")
    page.get_by_role("button", name="Try it with the example's scenes").wait_for(timeout=60_000)
    page.locator(".stMain input[type=file]").first.set_input_files(_archive(folder / "desk.zip"))
    page.get_by_text("pictures (of").or_(page.get_by_text("60 pictures prove")).first.wait_for(
        timeout=120_000
    )  # the diagnosis of the set is done
    page.wait_for_function(DRAWN, timeout=120_000)
    page.get_by_role("button", name="Compare on all pictures").click()
    page.locator(".cell canvas[data-drawn]").first.wait_for(timeout=180_000)
    page.get_by_role("combobox", name="Masks and figures below are those of").click()
    page.get_by_role("option").nth(1).click()
    page.wait_for_timeout(3000)
    page.locator("[data-testid=stMultiSelect]").evaluate("each => each.scrollIntoView()")
    _settle(page)
    _take(page, "many")


def _archive(path: Path, count: int = 60) -> Path:
    """Scenes that the example was not trained on, as a ZIP of images/ beside masks/."""
    from core.colors import encode_png
    from examples.scenes import render_scene

    with zipfile.ZipFile(path, "w") as file:
        for number in range(count):
            pixels, ids = render_scene(70_000 + number)
            file.writestr(f"images/{number:02d}.png", encode_png(pixels))
            file.writestr(f"masks/{number:02d}.png", encode_png(ids.astype("uint8")))
    return path


def _settle(page: Page) -> None:
    page.wait_for_timeout(500)
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')
    page.wait_for_timeout(1500)  # charts move into place


def _take(page: Page, name: str) -> None:
    page.mouse.move(0, 0)
    page.screenshot(path=FOLDER / f"{name}.png")


if __name__ == "__main__":
    sys.exit(main())
