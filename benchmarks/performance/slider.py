"""Part `slider`: from a key to the changed mask, ours beside Gradio and Plotly, in turns."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from benchmarks.performance import forwards, servers
from benchmarks.performance.effort import Effort, Said, table
from benchmarks.performance.networks import NETWORKS
from benchmarks.performance.sides import GRADIO, OPPOSITE, OURS, PLOTLY, query_of, walk
from benchmarks.performance.watched import Watched, chromium
from benchmarks.workers import say

NETWORK = "mobilenet_v3"
SURE = {"rule": "per_class", "activation": "softmax", "threshold": "0.3"}  # shows our threshold
Times = dict[str, dict[str, list[float]]]  # by what was moved and by side, in ms
SIDES = ("ours", "gradio", "plotly")


def measure(effort: Effort) -> Said:
    """Every control once a round on each side."""
    times: Times = defaultdict(lambda: defaultdict(list))
    forward, unseen = [], 0
    with _pages() as pages:
        one_forward = forwards.of_ours(NETWORKS[NETWORK])
        for number, step in enumerate(walk(effort.rounds)):
            for side in SIDES:
                unseen += _round(pages, side, number, step, times)
            forward.append(one_forward())
            say(f"round {number + 1} of {effort.rounds}")
        unseen += _presets(pages, effort.rounds, times)
    return _said(times, 1e3 * statistics.median(forward), unseen)


@contextmanager
def _pages() -> Iterator[dict[str, Watched]]:
    """One page a side, and one of ours with a threshold in it."""
    with ExitStack() as stack:
        ours = stack.enter_context(servers.ours())
        gradio = stack.enter_context(servers.gradio(NETWORK))
        plotly = stack.enter_context(servers.plotly(NETWORK))
        browser = stack.enter_context(chromium())
        opened = f"{ours.address}/?{query_of(NETWORK, ours.picture)}"
        sure = f"{ours.address}/?{query_of(NETWORK, ours.picture, **SURE)}"
        yield {
            "ours": Watched.open(browser, OURS, opened),
            "ours, threshold": Watched.open(browser, OURS, sure),
            "gradio": Watched.open(browser, GRADIO, gradio.address),
            "plotly": Watched.open(browser, PLOTLY, plotly.address),
        }


def _round(
    pages: dict[str, Watched], side: str, number: int, step: tuple[str, str], times: Times
) -> int:
    """Move everything on one side; how often nothing was seen to change."""
    page = pages[side]
    control, key = step
    there_and_back = "PageDown" if number % 2 == 0 else "PageUp"
    sure = pages.get(f"{side}, threshold", page)
    took = {
        "mean/std": page.press(control, key),
        "visited": page.press(control, OPPOSITE[key]),
        "visited again": page.press(control, key),
        "opacity": page.press("opacity", there_and_back),
        "palette": page.press("palette"),
        "threshold": sure.press("threshold", OPPOSITE[there_and_back]),
    }
    for name, ms in took.items():
        if ms is not None:
            times[name.removesuffix(" again")][side].append(ms)
    return sum(ms is None for ms in took.values())


def _presets(pages: dict[str, Watched], rounds: int, times: Times) -> int:
    """At the end, as it leaves the walk; how often nothing was seen to change."""
    unseen = 0
    for number in range(rounds):
        for side in SIDES:
            ms = pages[side].press(f"preset {(number + 1) % 2}")
            unseen += ms is None
            times["preset"][side] += [ms] if ms is not None else []
    return unseen


def _said(times: Times, forward: float, unseen: int) -> Said:
    middle = {
        name: {side: statistics.median(ms) if ms else math.nan for side, ms in sides.items()}
        for name, sides in times.items()
    }

    def against(name: str, side: str) -> float:
        return middle[name].get(side, math.nan) / middle[name].get("ours", math.nan)

    figures = {
        "slider.mean_std.vs_gradio": against("mean/std", "gradio"),
        "slider.mean_std.vs_plotly": against("mean/std", "plotly"),
        "palette.vs_gradio": against("palette", "gradio"),
        "visited_ms": middle["visited"]["ours"],
        "overhead_ms": middle["mean/std"]["ours"] - forward,
    }
    rows: list[tuple[object, ...]] = [
        (name, *(middle[name].get(side, math.nan) for side in SIDES),
         against(name, "gradio"), against(name, "plotly"))
        for name in middle
    ]  # fmt: skip
    head = ("moved", "ours, ms", "Gradio, ms", "Plotly, ms", "x Gradio", "x Plotly")
    note = f"Our forward in the same minutes: {forward:.0f} ms. Not seen to change: {unseen}."
    return Said(figures, f"{table(head, rows)}\n\n{note}")
