"""Part `start`: `make run` on a machine that is set up, to the first paint and the first mask."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from playwright.sync_api import Browser, Page
from playwright.sync_api import Error as PlaywrightError

from benchmarks.performance.effort import Effort, Said, table
from benchmarks.performance.watched import OPEN_MS, PROBE, chromium
from tests.support.serving import ROOT, free_port

ASK_SECONDS = 0.02
# When the app's own text was painted for the first time, and its first mask.
WATCH = """
    const seen = (window.firsts = {})
    const look = () => {
        const main = document.querySelector('[data-testid="stMainBlockContainer"]')
        if (!seen.paint && main?.innerText.trim()) note("paint")
        if (!seen.mask && probe.element(".viewer")?.dataset.ready) note("mask")
        if (!seen.mask) requestAnimationFrame(look)
    }
    const note = (name) => {
        seen[name] = performance.timeOrigin + performance.now()
    }
    requestAnimationFrame(look)
"""


def measure(effort: Effort) -> Said:
    """Medians of some starts; the browser is open and waits for the server."""
    paints, masks = [], []
    with chromium() as browser:
        for _ in range(effort.starts):
            paint, mask = _one(browser)
            paints.append(paint)
            masks.append(mask)
    paint, mask = statistics.median(paints), statistics.median(masks)
    return Said({"first_paint_s": paint}, table(("`make run` to", "s"),
                [("first paint", paint), ("first mask", mask)]))  # fmt: skip


def _one(browser: Browser) -> tuple[float, float]:
    """Seconds from the command to the first paint and to the first mask."""
    page, port = browser.new_context().new_page(), free_port()
    page.add_init_script(f"{PROBE}\n{WATCH}")
    with tempfile.TemporaryDirectory() as folder:
        began = time.time()
        server = subprocess.Popen(
            (sys.executable, "scripts/bootstrap.py", "run", "--port", str(port)), cwd=ROOT,
            env={**os.environ, "MASKSCOPE_DATA": folder, "STREAMLIT_SERVER_HEADLESS": "true"},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        try:
            _reach(page, f"http://127.0.0.1:{port}")
            page.wait_for_function("window.firsts.mask", timeout=OPEN_MS, polling=100)
            firsts = page.evaluate("window.firsts")
        finally:
            os.killpg(server.pid, signal.SIGTERM)  # bootstrap and what it started
            server.wait(timeout=300)
            page.context.close()
    return firsts["paint"] / 1e3 - began, firsts["mask"] / 1e3 - began


def _reach(page: Page, address: str) -> None:
    """Open it as soon as somebody answers."""
    deadline = time.monotonic() + OPEN_MS / 1e3
    while time.monotonic() < deadline:
        try:
            page.goto(address, wait_until="commit")
            return
        except PlaywrightError:
            time.sleep(ASK_SECONDS)
    raise RuntimeError(f"nobody answers at {address}")
