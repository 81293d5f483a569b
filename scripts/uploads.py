"""A tab that uploads a file, and what came of it: for scripts and tests of hostile files."""

from __future__ import annotations

import hashlib
import time

from playwright.sync_api import BrowserContext, FilePayload, Page

READY = ".viewer[data-ready]"
IDLE = '[data-testid="stApp"][data-test-script-state="notRunning"]'
LABELS = {"picture": "Upload a picture", "checkpoint": "Upload a checkpoint"}
PATIENCE = 120.0  # seconds, after which a tab counts as dead
FIRST_PAINT_MS = 300_000
BYTES = "application/octet-stream"
NORMALIZED = "?mean=0.485,0.456,0.406&std=0.229,0.224,0.225"

# The first error with its remedy below it; "raw" for what Streamlit itself says of an exception.
COMPLAINT = """() => {
    const texts = [...document.querySelectorAll('[data-testid="stAlert"]')].map(a => a.innerText)
    // The line on top may stand before a remedy that is just going.
    const isError = (text, k) => text.startsWith("error") && texts[k + 1]?.includes("arrow_forward")
    const at = texts.findIndex(isError)
    if (document.querySelector('[data-testid="stException"]')) return "raw: an exception"
    if (/Traceback|error has occurred|encountered an error/.test(document.body.innerText))
        return "raw: an error of Streamlit"
    return at < 0 ? "" : texts[at].replace(/^error\\s*/, "")
}"""


def open_tab(window: BrowserContext, address: str) -> Page:
    """A tab with the example open, as it is normalized."""
    page = window.new_page()
    page.goto(f"{address}/{NORMALIZED}")
    page.wait_for_selector(READY, timeout=FIRST_PAINT_MS)
    return page


class Upload:
    """A file on its way; `ask` until it has arrived."""

    def __init__(self, page: Page, kind: str, name: str, content: bytes) -> None:
        """Choose the file, once the page is drawn: no person is faster.

        Args:
            page: the tab.
            kind: "picture" or "checkpoint".
            name: of the file, without its extension.
            content: its bytes.
        """
        page.wait_for_timeout(200)
        page.wait_for_selector(IDLE, timeout=PATIENCE * 1000)
        self.page, self.kind, self.before = page, kind, _shown(page)
        self.complaint = complaint(page)
        self.digest = hashlib.sha256(content).hexdigest()
        self.began, self.seconds, self.said = time.monotonic(), PATIENCE, ""
        uploader = page.locator('[data-testid="stFileUploader"]').filter(has_text=LABELS[kind])
        suffix = {"picture": ".png", "checkpoint": ".pth"}[kind]
        kept: FilePayload = {"name": name + suffix, "mimeType": BYTES, "buffer": content}
        uploader.locator("input[type=file]").set_input_files(kept)

    def ask(self) -> bool:
        """Whether it has come to something: `said` is a sentence, or "opens"."""
        if not self.said and (said := self._result()):
            self.said, self.seconds = said, time.monotonic() - self.began
        return bool(self.said)

    def _result(self) -> str:
        if (said := complaint(self.page)) != self.complaint and said:
            return said
        opened = f"{self.kind}={self.digest}" in self.page.url and _shown(self.page) != self.before
        return "opens" if opened and not said else ""


def complaint(page: Page) -> str:
    """The error on the page; "" for none."""
    return str(page.evaluate(COMPLAINT))


def wait(page: Page, *uploads: Upload) -> None:
    """Until all have come to something, or nobody would wait any more."""
    end = time.monotonic() + PATIENCE
    while not all([upload.ask() for upload in uploads]) and time.monotonic() < end:
        page.wait_for_timeout(20)


def _shown(page: Page) -> str:
    return str(page.locator(".viewer").get_attribute("data-ready"))
