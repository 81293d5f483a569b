"""Part `drag`: a slider is pulled through 20 positions; what is computed, seen and exact."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

import numpy as np
from playwright.sync_api import Browser

from benchmarks.performance import forwards, servers
from benchmarks.performance.effort import Effort, Said, table
from benchmarks.performance.networks import NETWORKS, Measured
from benchmarks.performance.pictures import SEEN, mosaic
from benchmarks.performance.sides import OURS, query_of
from benchmarks.performance.timeline import exact_after, first_picture, longest_gap
from benchmarks.performance.watched import Watched, chromium
from core.colors import colorize, encode_png, palette_colors
from core.engine import in_this_thread
from core.image import decode_image
from core.inspection import run_stages
from core.settings import Settings

POSITIONS = 20
INTERVAL_MS = 50  # between two positions of the hand
LIMIT_MS = 120_000
GRACE_MS = 200  # beside the forward, for the way to the browser
SLIDERS = tuple(OURS.controls[f"mean {channel}"] for channel in "RGB")


def measure(effort: Effort) -> Said:
    """Drags of two networks; the bars are held by the slower of their medians."""
    rows: list[tuple[object, ...]] = []
    figures = {}
    with servers.ours() as server, chromium() as browser:
        for name in ("mobilenet_v3", "resnet50"):
            measured = NETWORKS[name]
            address = f"{server.address}/?{query_of(name, server.picture)}"
            one = _drags(browser, address, effort.drags, forwards.of_plain(measured))
            plain = one["plain"]
            late = one["exact"] - GRACE_MS
            figures[name] = (one["forwards"], late / plain)
            rows.append((measured.title, plain, one["forwards"], one["first"], one["gap"],
                         one["exact"], one["first"] / plain, late / plain))  # fmt: skip
    head = ("network", "plain forward, ms", "forwards", "first picture, ms",
            "longest without a new one, ms", "last move to exact, ms",
            "first picture / plain forward", "(exact - 0.2 s) / plain forward")  # fmt: skip
    return Said(
        {
            "drag.forwards": max(count for count, _ in figures.values()),
            "drag.exact_after_forwards": max(late for _, late in figures.values()),
        },
        table(head, rows),
    )


def _drags(
    browser: Browser, address: str, count: int, plain: Callable[[], float]
) -> dict[str, float]:
    """Medians over some drags of one page, each through positions that no other had.

    Behind each, a plain forward in this process says how fast the machine is now.
    """
    watched = Watched.open(browser, OURS, address)
    found: list[dict[str, float]] = []
    for number in range(count):
        before = watched.forwards()
        positions = [120 + 7 * number + 38 * k for k in range(POSITIONS)]
        seen: dict[str, Any] = watched.page.evaluate(
            "([s, p, i, l]) => probe.drag(s, p, i, l)",
            [SLIDERS[number % 3], positions, INTERVAL_MS, LIMIT_MS],
        )
        watched.settle()
        found.append(
            {
                "forwards": watched.forwards() - before,
                "first": first_picture(seen),
                "gap": longest_gap(seen),
                "exact": exact_after(seen),
                "plain": 1e3 * plain(),
            }
        )
    watched.page.context.close()
    return {key: statistics.median(one[key] for one in found) for key in found[0]}


def is_exact(watched: Watched, measured: Measured) -> bool:
    """Whether the fourth panel holds what the plain forward says under the page's settings."""
    return np.array_equal(watched.argmax(), expected(measured, watched.settings()))


def expected(measured: Measured, settings: Settings) -> np.ndarray:
    """The colored labels, UInt8[h w 3]."""
    image = decode_image(encode_png(mosaic(SEEN)[0]))
    seen = run_stages(image, forwards.opened(measured), settings, forward=in_this_thread)
    colors = palette_colors(settings.display, seen.labels.num_classes)
    return colorize(seen.labels.ids, colors)
