"""A page in a real Chromium that is watched: from the input event to the changed pixels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import numpy as np
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from benchmarks.performance.sides import Side
from core.settings import Settings
from core.settings_address import from_query
from scripts.chromium import FLAGS, find_chromium

PROBE = Path(__file__).with_name("probe.js").read_text()
SIZE = {"width": 1280, "height": 1000}
OPEN_MS, PAINT_MS, SETTLE_MS = 300_000, 30_000, 120_000
DIAGNOSIS_MS = 120_000  # it shares the queue; once it is over, only the hand asks for forwards
STOP = ".st-key-stop_diagnosis button"
PAUSE_MS = 600  # of the hand, before the next key; palettes are sent after 500

# A page that is not the newest is drawn as often as if it were.
AWAKE = ("--disable-background-timer-throttling", "--disable-renderer-backgrounding",
         "--disable-backgrounding-occluded-windows")  # fmt: skip


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser of the tests."""
    with sync_playwright() as playwright:
        arguments = [*FLAGS, *AWAKE]
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=arguments)
        yield browser
        browser.close()


@dataclass
class Watched:
    """One page of one side."""

    side: Side
    page: Page
    errors: list[str] = field(default_factory=list)

    @classmethod
    def open(cls, browser: Browser, side: Side, address: str) -> Watched:
        """In a profile of its own; waits until the mask is there and nothing moves."""
        page = browser.new_context(viewport=SIZE).new_page()  # type: ignore[arg-type]
        watched = cls(side, page)
        page.on("pageerror", lambda error: watched.errors.append(str(error)))
        page.on("console", watched._note)
        page.add_init_script(PROBE)
        page.goto(address)
        page.wait_for_selector(side.mask, timeout=OPEN_MS)
        page.evaluate("mask => probe.watch(mask)", side.mask)
        watched.settle()
        watched._end_diagnosis()
        return watched

    def _end_diagnosis(self) -> None:
        """Wait for what the page asks by itself, and end it where that takes too long."""
        try:
            self.page.wait_for_selector(STOP, state="detached", timeout=DIAGNOSIS_MS)
        except PlaywrightTimeout:
            self.page.evaluate("stop => document.querySelector(stop)?.click()", STOP)
        self.settle()

    def _note(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def settle(self) -> None:
        """Wait until nothing changes and the server has nothing more to say, or note an error."""
        self.page.wait_for_timeout(PAUSE_MS)
        try:
            self.page.wait_for_function(self.side.idle, timeout=SETTLE_MS, polling=100)
        except PlaywrightTimeout:
            self.errors.append(f"the server was not at rest within {SETTLE_MS / 1e3:.0f} s")
        self.page.evaluate("limit => probe.settled(limit)", SETTLE_MS)

    def press(self, control: str, key: str = "PageUp") -> float | None:
        """From the key to the changed mask, in ms; None where it did not change."""
        side = self.side
        self.page.locator(side.controls[control]).first.focus()
        for before in side.before.get(control, ()):
            self.page.keyboard.press(before)
            self.page.wait_for_timeout(PAUSE_MS)
        self.page.evaluate("probe.begin()")
        self.page.keyboard.press(side.decides.get(control, key))
        took: float | None = self.page.evaluate("limit => probe.painted(limit)", PAINT_MS)
        self.settle()
        return took

    def settings(self) -> Settings:
        """Those of our page, as its address carries them once it is at rest."""
        return from_query(dict(parse_qsl(urlsplit(self.page.url).query)))[0]

    def argmax(self) -> np.ndarray:
        """What our fourth panel holds before it is scaled, UInt8[h w 3]."""
        selector = '[data-stage="argmax"] canvas.panel'
        data, height, width = self.page.locator(selector).evaluate(
            """canvas => {
                const {width, height} = canvas.layer
                const data = canvas.layer.getContext("2d").getImageData(0, 0, width, height).data
                return [Array.from(data), height, width]
            }"""
        )
        return np.array(data, np.uint8).reshape(height, width, 4)[..., :3]

    def forwards(self) -> int:
        """How many this view asked for since it was opened (ours)."""
        return int(self.page.locator(".viewer").get_attribute("data-forwards") or 0)
