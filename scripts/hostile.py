"""Write the second part of docs/reliability.md: hostile files by the door of an upload.

`python -m scripts.hostile` (Linux; 20 minutes where nobody else computes): a real server and a real
browser. One tab uploads each hostile file while another uploads a good one of the same kind; then
seven tabs drag a slider, in turn alone and while the eighth uploads.
"""

from __future__ import annotations

import argparse
import io
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from playwright.sync_api import Browser, Page, sync_playwright

import examples
from core.colors import encode_png
from scripts.chromium import FLAGS, find_chromium
from scripts.processes import Memory, server_below
from scripts.reliability_page import SECOND, write_second
from scripts.uploads import Upload, open_tab, wait
from tests.support.crafted import LAVISH, SHARED, UNWRITABLE
from tests.support.crafted_pictures import PICTURES
from tests.support.hostile import BOMBS, calls
from tests.support.serving import serve

SECONDS, BESIDE, GROWTH = 10.0, 2.0, 64.0  # the bars of a file
ALONE_EVERY = 4  # files; how long a good one takes where nobody uploads anything
DRAGGING, WINDOW, PAUSE = 7, 6.0, 1.0  # tabs; seconds of a turn; seconds between two steps
FEW = (  # with --few
    *("120,000 dimensions", "one text of 20,000 letters 9,000 times"),
    *("64 MB of zeros in a ZIP of 64 KB", "a module of 300 tensors 30,000 times", "a long number"),
    *("a call: GLOBAL and REDUCE: zip, alone", "TIFF of 20,000 frames", "GIF of 200,000 frames"),
    *("PNG of 500,000 chunks", "PNG of 25 megapixels of 16 bits, four channels"),
    *("JPEG of 2,000 passes", "a text"),
)

HEAD = f"""{SECOND}, by the door of an upload

Written by `python -m scripts.hostile`: a real server, a real browser. One tab uploads the file, at
the same moment another uploads a good one of the same kind; "other" is how long that takes until
its mask is there. "Server" is by how many MB the server's process was larger meanwhile, the good
file included; "readers" what its child processes had to themselves. Afterwards the first tab
uploads a good picture: it "lives" where it gets its mask. Wanted are {SECONDS:.0f} s,
{BESIDE:.0f} s for the other, {GROWTH:.0f} MB and a tab that lives.

Nobody uploading, a good file took {{alone:.1f}} s (median of {{count}}, in turn with these files).
{{cores}} cores, which {{load:.0f}} processes wanted at once: where these are many more than the
cores, the seconds are the machine's; only their ratio to those of nobody uploading says something.

| file | MB | seconds | what the person sees | other, s | server, +MB | readers, MB | afterwards |
|---|---|---|---|---|---|---|---|
"""
DRAGS = f"""
### Eight browsers, one of them hostile

{DRAGGING} tabs drag the mean, a step about every {PAUSE:.0f} s each, in turn alone and while
another tab uploads the files above. Seconds from a step to its mask:

| | steps | median | 95th percentile |
|---|---|---|---|
"""


@dataclass(frozen=True)
class Hostile:
    """A file, and the uploader that it is given to."""

    name: str
    kind: str
    content: bytes


def hostile_files(names: Sequence[str]) -> Iterator[Hostile]:
    """What the tests of the readers craft; of those that ask for a call, one in forty.

    Args:
        names: which ones; () for all.
    """
    crafted = {
        ("checkpoint", name): make for name, make in (UNWRITABLE | LAVISH | SHARED | BOMBS).items()
    }
    for (kind, name), make in (crafted | {("picture", n): m for n, m in PICTURES.items()}).items():
        if not names or name in names:
            yield Hostile(name, kind, make()[0])
    for name, _, content in list(calls("true"))[::40]:
        if not names or f"a call: {name}" in names:
            yield Hostile(f"a call: {name}", "checkpoint", content)


# --- good files, each of which no other has -------------------------------------------------------


def good_picture(number: int) -> bytes:
    """Noise of 96 x 128 pixels."""
    return encode_png(np.random.default_rng(number).integers(0, 256, (96, 128, 3), np.uint8))


def good_checkpoint(number: int) -> bytes:
    """The example's, with another number beside the weights."""
    content, file = torch.load(examples.CHECKPOINT, weights_only=True), io.BytesIO()
    torch.save({**content, "number": number}, file)
    return file.getvalue()


GOOD: dict[str, Callable[[int], bytes]] = {"picture": good_picture, "checkpoint": good_checkpoint}


# --- one file at a time ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """What one hostile file did."""

    file: Hostile
    seconds: float
    said: str
    other: float
    grown: float
    readers: float
    lives: bool

    @property
    def keeps(self) -> bool:
        """Whether it stays within the bars."""
        soon = self.seconds <= SECONDS and self.other <= BESIDE
        return soon and self.lives and self.grown <= GROWTH and not self.said.startswith("raw")

    def __str__(self) -> str:
        said = self.said.replace("|", "\\|").replace("\n", " ")[:160] or "nothing"
        return (
            f"| {self.file.kind}: {self.file.name} | {len(self.file.content) / 1e6:.2f} "
            f"| {self.seconds:.1f} | {said} | {self.other:.1f} | {self.grown:.0f} "
            f"| {self.readers:.0f} | {'lives' if self.lives else 'is dead'} |\n"
        )


def rows(files: Sequence[Hostile], bad: Page, other: Page, alone: list[float]) -> Iterator[Row]:
    """Upload each file in one tab and a good one in the other; `alone` is filled on the way."""
    server = server_below(os.getpid())
    for number, file in enumerate(files):
        if number % ALONE_EVERY == 0:
            quiet = Upload(other, file.kind, f"alone{number}", GOOD[file.kind](10**6 + number))
            wait(other, quiet)
            alone.append(quiet.seconds)
        yield _row(file, bad, other, server, number)


def _row(file: Hostile, bad: Page, other: Page, server: int, number: int) -> Row:
    good_file = GOOD[file.kind](2 * number)
    with Memory(server) as memory:
        good = Upload(other, file.kind, f"good{number}", good_file)
        upload = Upload(bad, file.kind, "hostile", file.content)
        wait(bad, upload, good)
    again = Upload(bad, "picture", f"after{number}", good_picture(2 * number + 1))
    wait(bad, again)
    return Row(
        file, upload.seconds, upload.said, good.seconds, memory.grown, memory.readers,
        again.said == "opens",
    )  # fmt: skip


# --- eight browsers -------------------------------------------------------------------------------

# Moves the slider for ever and notes when each step began and how long its mask took, in seconds.
DRAG = """(input, pause) => {
    const root = input.closest(".viewer")
    const sleep = seconds => new Promise(resolve => setTimeout(resolve, 1000 * seconds))
    window.steps = []
    const drag = async () => {
        for (let k = 0; ; k++) {
            const before = root.dataset.ready, began = Date.now() / 1000
            input.value = 300 + (37 * k) % 400
            input.dispatchEvent(new Event("input", {bubbles: true}))
            while (root.dataset.ready === before) await sleep(0.01)
            window.steps.push([began, Date.now() / 1000 - began])
            await sleep(pause * (0.5 + Math.random()))
        }
    }
    drag()
}"""


def drags(files: Sequence[Hostile], tabs: Sequence[Page], bad: Page) -> Iterator[str]:
    """Turns without and with an upload, and how long the steps of each took."""
    for tab in tabs:
        slider = tab.locator('.sliders input[data-kind="mean"][data-channel="0"]')
        slider.evaluate(DRAG, PAUSE)
    quiet, loud = [], []
    for file in files:
        quiet.append(_turn(bad))
        began = time.time()
        wait(bad, Upload(bad, file.kind, "hostile", file.content))
        loud.append((began, _turn(bad)[1]))
    steps = [step for tab in tabs for step in tab.evaluate("window.steps")]
    for name, turns in (("alone", quiet), ("while a hostile file comes", loud)):
        taken = [seconds for at, seconds in steps if any(a <= at < b for a, b in turns)]
        p95 = statistics.quantiles(taken, n=20)[-1]
        yield f"| {name} | {len(taken)} | {statistics.median(taken):.2f} | {p95:.2f} |\n"


def _turn(page: Page) -> tuple[float, float]:
    """When it began and ended."""
    began = time.time()
    page.wait_for_timeout(1000 * WINDOW)
    return began, time.time()


# --- all of it ------------------------------------------------------------------------------------


@contextmanager
def _started() -> Iterator[tuple[Browser, str]]:
    with (
        tempfile.TemporaryDirectory() as data,
        serve(Path(data)) as address,
        sync_playwright() as playwright,
    ):
        yield playwright.chromium.launch(executable_path=find_chromium(), args=list(FLAGS)), address


def _person(browser: Browser, address: str) -> Page:
    """A tab in a browser of its own."""
    return open_tab(browser.new_context(viewport={"width": 1280, "height": 1000}), address)


def main(arguments: list[str]) -> int:
    """Measure, print and write; the exit status is 1 where a bar was not kept."""
    parser = argparse.ArgumentParser(description="Upload hostile files to a real server.")
    parser.add_argument("--few", action="store_true", help="twelve files instead of all")
    options = parser.parse_args(arguments)
    files = list(hostile_files(FEW if options.few else ()))
    alone: list[float] = []
    found: list[Row] = []
    with _started() as (browser, address):
        bad, other = _person(browser, address), _person(browser, address)
        for row in rows(files, bad, other, alone):
            found.append(row)
            sys.stdout.write(f"{'' if row.keeps else 'OVER '}{row}")
            sys.stdout.flush()
        write_second(_table(found, alone))
        tabs = [other, *(_person(browser, address) for _ in range(DRAGGING - 1))]
        eight = DRAGS + "".join(drags(files, tabs, bad))
        sys.stdout.write(eight)
        write_second(_table(found, alone) + eight)
        browser.close()
    return 0 if all(row.keeps for row in found) else 1


def _table(found: Sequence[Row], alone: Sequence[float]) -> str:
    facts = {"count": len(alone), "cores": os.cpu_count(), "load": os.getloadavg()[1]}
    return HEAD.format(alone=statistics.median(alone), **facts) + "".join(map(str, found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
