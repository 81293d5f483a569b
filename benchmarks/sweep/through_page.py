"""`python -m benchmarks.sweep.through_page`: 500 pictures x 4 settings through the page itself.

A real server, a real browser: the set is chosen, compared, and its totals are read off the page.
They are compared with torchmetrics on the label maps that the sweep kept and on the masks of the
set, read by nothing of ours; the most memory that the server took is told for 20 pictures and for
all. Its figures are printed; the exit status is 1 where they differ.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from playwright.sync_api import Page, sync_playwright
from torchmetrics.classification import (
    MulticlassAccuracy,
    MulticlassF1Score,
    MulticlassJaccardIndex,
)

from benchmarks.performance.memory import peak
from benchmarks.sweep.pictures import make_pictures
from benchmarks.workers import say
from core.dataset.hosting import FOLDER
from scripts.chromium import FLAGS, find_chromium
from tests.support.serving import LOCAL, ROOT, free_port, serve_command

COUNT, FEW, SETTINGS, CLASSES, IGNORED = 500, 20, 4, 6, 255
WAIT_MS = 1_800_000  # for 2,000 forwards on a busy machine
EVERY = 0.5  # seconds between two looks at the memory
CLOSE = 1e-6
SHOWN = {"mIoU": "jaccard", "Dice": "f1", "accuracy": "accuracy"}  # columns, their metric


def main(count: int) -> int:
    """Sweep a few, then all, in servers of their own; compare, print."""
    pictures = make_pictures(ROOT / ".cache" / "sweep", COUNT)
    few, _ = _through(pictures, FEW)
    all_of_them, found = _through(pictures, count)
    worst = max(found.values())
    figures = {
        "pictures": count,
        "settings": SETTINGS,
        "largest_differences": found,
        "memory_mb": {FEW: round(few["memory_mb"]), count: round(all_of_them["memory_mb"])},
        "seconds_by_picture": all_of_them["seconds"] / count,
        "rows": len(all_of_them["rows"]),
        "shown": all_of_them["shown"],
    }
    say(json.dumps(figures, indent=1))
    return int(worst > CLOSE)


def _through(pictures: Path, count: int) -> tuple[dict[str, Any], dict[str, float]]:
    with tempfile.TemporaryDirectory() as folder:
        data, sets = Path(folder) / "data", Path(folder) / "sets"
        data.mkdir()
        for kind in ("images", "masks"):
            (sets / "desks" / kind).mkdir(parents=True)
            for path in sorted((pictures / kind).glob("*.png"))[:count]:
                (sets / "desks" / kind / path.name).write_bytes(path.read_bytes())
        seen = _swept(data, sets, count)
        say(f"{count}: {seen['memory_mb']:.0f} MB, {seen['seconds']:.0f} s")
        return seen, _compared(data, sets / "desks" / "masks", seen)


def _swept(data: Path, sets: Path, count: int) -> dict[str, Any]:
    """What a person sees, and the memory that the server took meanwhile."""
    port = free_port()
    command = ("-m", "streamlit", "run", str(LOCAL), "--server.port", str(port))
    whole = (sys.executable, *command, "--server.headless", "true")
    host = {FOLDER: str(sets), "OMP_NUM_THREADS": "1"}
    with serve_command(whole, port, data, ROOT, **host) as address, sync_playwright() as played:
        browser = played.chromium.launch(executable_path=find_chromium(), args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1440, "height": 1250})
        page.set_default_timeout(WAIT_MS)
        with peak(_server_on(port), EVERY) as most:
            _open(page, address, count)
            began = time.perf_counter()
            page.get_by_role("button", name="Compare on all pictures").click()
            page.get_by_role("button", name="Download rows.csv").wait_for()
            took = time.perf_counter() - began
        with page.expect_download() as download:
            page.get_by_role("button", name="Download rows.csv").click()
        text = Path(download.value.path()).read_text("utf-8")
        rows = list(csv.DictReader(text.splitlines()))
        return {"rows": rows, "shown": _shown(page), "seconds": took, "memory_mb": most[0]}


def _server_on(port: int) -> int:
    """The process that was started for this port."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:  # ended while we looked
            continue
        if str(port).encode() in words and b"streamlit" in words:
            return int(path.parent.name)
    raise SystemExit(f"no server listens on {port}")


def _open(page: Page, address: str, count: int) -> None:
    """The set, with four settings to compare."""
    page.goto(f"{address}/dataset")
    page.get_by_label("A set of this server").first.click()
    page.get_by_role("option", name="desks").click()
    page.get_by_text(f"{count} of {count} pictures have a mask").wait_for()
    # What the set advises joins the settings until somebody chooses.
    page.get_by_text(re.compile(r"^What [\d,]+ pictures.* prove: ")).wait_for()
    page.get_by_text(re.compile(r"^\d[\d,]* forwards at most")).wait_for()
    for _ in range(SETTINGS):
        if (now := _chosen(page, count)) >= SETTINGS:
            break
        page.get_by_role("combobox", name="Settings to compare").click()
        page.get_by_role("option").first.click()
        page.get_by_text(f"{count * (now + 1):,} forwards at most").wait_for()
    page.keyboard.press("Escape")


def _chosen(page: Page, count: int) -> int:
    """How many settings are compared."""
    told = page.get_by_text(re.compile(r"^\d[\d,]* forwards at most")).first.inner_text()
    return int(told.split()[0].replace(",", "")) // count


def _shown(page: Page) -> list[dict[str, str]]:
    """The table of totals as it is read to people who do not see it, with all digits."""
    table = page.locator('[data-testid="stDataFrame"] table').first
    heads = [each.strip() for each in table.locator("th").all_inner_texts()]
    lines = [row.locator("td").all_inner_texts() for row in table.locator("tbody tr").all()]
    return [dict(zip(heads, line, strict=False)) for line in lines]


# --- torchmetrics ---------------------------------------------------------------------------------


def _compared(data: Path, masks: Path, seen: Mapping[str, Any]) -> dict[str, float]:
    """The largest difference of each figure, over the settings."""
    (folder,) = (data / "sweeps").iterdir()
    rows: dict[str, list[dict[str, str]]] = {}
    for row in seen["rows"]:
        rows.setdefault(row["setting"], []).append(row)
    worst = {"rows": 0.0, "totals": 0.0}
    shown = {line["settings"]: line for line in seen["shown"]}
    for name, each in rows.items():
        maps = [np.load(folder / "labels" / r["labels"][:2] / f"{r['labels']}.npz") for r in each]
        found = [torch.from_numpy(one["ids"].astype(np.int64)) for one in maps]
        true = [_truth(masks / f"{Path(r['picture']).stem}.png") for r in each]
        for row, one, other in zip(each, found, true, strict=True):
            score = float(MulticlassAccuracy(CLASSES, ignore_index=IGNORED, average="micro")(
                one, other))  # fmt: skip
            worst["rows"] = max(worst["rows"], abs(score - float(row["accuracy"])))
        theirs = _totals(torch.stack(found), torch.stack(true))
        for column, metric in SHOWN.items():
            apart = abs(float(shown[name][column]) - theirs[metric])
            worst["totals"] = max(worst["totals"], apart)
    return worst


def _truth(path: Path) -> torch.Tensor:
    return torch.from_numpy(np.asarray(Image.open(path)).astype(np.int64))


def _totals(found: torch.Tensor, true: torch.Tensor) -> dict[str, float]:
    """Over all pixels of all pictures together, classes that are nowhere left out."""
    there = torch.unique(torch.cat([found.flatten(), true[true != IGNORED]]))
    micro = MulticlassAccuracy(CLASSES, ignore_index=IGNORED, average="micro")
    scores = {"accuracy": float(micro(found, true))}
    for name, metric in (("jaccard", MulticlassJaccardIndex), ("f1", MulticlassF1Score)):
        each = metric(CLASSES, ignore_index=IGNORED, average="none")(found, true)
        scores[name] = float(each[there].mean())
    return scores


if __name__ == "__main__":
    told = argparse.ArgumentParser(description=__doc__)
    told.add_argument("--count", type=int, default=COUNT, help=f"pictures ({COUNT})")
    raise SystemExit(main(told.parse_args().count))
