"""Parts `eight_browsers` and `growth`: many hands on one server, and one hand for very long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser

from benchmarks.performance import drag, memory, servers
from benchmarks.performance.effort import Effort, Said, table
from benchmarks.performance.networks import NETWORKS
from benchmarks.performance.sides import OURS, query_of
from benchmarks.performance.timeline import exact_after, first_picture, percentile
from benchmarks.performance.watched import Watched, chromium

NETWORK = "mobilenet_v3"
BROWSERS = 8
FINAL_MS = 120_000  # until the last mask of everybody is exact
EXCEPTION = '[data-testid="stException"]'


@dataclass
class Crowd:
    """What some browsers saw in their minute."""

    drags: list[dict[str, Any]]
    errors: list[str]
    wrong: int  # final masks that are not the plain forward's
    megabytes: float  # the most that the server took

    def row(self, name: str) -> tuple[object, ...]:
        """For the table."""
        first = [first_picture(seen) for seen in self.drags]
        exact = [exact_after(seen) for seen in self.drags]
        figures = (percentile(_known(first), 0.5), percentile(_known(first), 0.95),
                   percentile(_known(exact), 0.5), percentile(_known(exact), 0.95))  # fmt: skip
        return (name, len(self.drags), *figures, len(self.errors), self.wrong, self.megabytes)


def _known(values: list[float]) -> list[float]:
    return [value for value in values if value == value]  # NaN: never came


def measure_eight(effort: Effort) -> Said:
    """A minute of drags by one browser, then by eight, on a fresh server each."""
    alone, eight = (_crowd(count, effort) for count in (1, BROWSERS))
    head = ("browsers", "drags", "first picture p50, ms", "p95", "exact p50, ms", "p95",
            "errors", "wrong final masks", "server's peak, MB")  # fmt: skip
    text = table(head, [alone.row("1"), eight.row(str(BROWSERS))])
    told = "\n".join(f"- {error[:200]}" for error in sorted(set(eight.errors))[:5])
    return Said(
        {
            "eight_browsers.errors": len(eight.errors),
            "eight_browsers.wrong": eight.wrong,
            "eight_browsers.memory_ratio": eight.megabytes / alone.megabytes,
        },
        f"{text}\n\n{told}".strip(),
    )


def _crowd(count: int, effort: Effort) -> Crowd:
    with servers.ours() as server, chromium() as browser:
        pages = [_opened(browser, server) for _ in range(count)]
        with memory.peak(server.pid, every=1.0) as most:
            drags = _minute(pages, effort.minute)
        for page in pages:
            page.settle()
        return Crowd(
            drags,
            [error for page in pages for error in _errors(page)],
            sum(not drag.is_exact(page, NETWORKS[NETWORK]) for page in pages),
            most[0],
        )


def _opened(browser: Browser, server: servers.Running) -> Watched:
    return Watched.open(browser, OURS, f"{server.address}/?{query_of(NETWORK, server.picture)}")


def _minute(pages: list[Watched], minute: float) -> list[dict[str, Any]]:
    """Every page drags by itself, all at once, through positions of its own."""
    for number, page in enumerate(pages):
        page.page.evaluate(
            "([s, t, n, i, l]) => { window.dragged = probe.dragFor(s, t, n, i, l); return 0 }",
            [drag.SLIDERS, minute, 13 * number, drag.INTERVAL_MS, FINAL_MS],
        )
    return [seen for page in pages for seen in page.page.evaluate("window.dragged")]


def _errors(watched: Watched) -> list[str]:
    shown = watched.page.locator(EXCEPTION).all_inner_texts()
    return [*watched.errors, *shown]


def measure_growth(effort: Effort) -> Said:
    """The server's memory after 2,000 moves beside that after the caches were filled."""
    with servers.ours() as server, chromium() as browser:
        page = _opened(browser, server)
        _moves(page, effort.warm_moves)
        before = memory.megabytes(server.pid)
        _moves(page, effort.moves)
        grown = memory.megabytes(server.pid) - before
    text = (f"{effort.moves} moves after {effort.warm_moves} that filled the caches: "
            f"{before:.0f} MB, then {grown:+.1f} MB.")  # fmt: skip
    return Said({"growth_mb": grown}, text)


def _moves(watched: Watched, count: int) -> None:
    """Drags of 20 moves, no position twice in the first thousands."""
    for number in range(count // drag.POSITIONS):
        start = 100 + (29 * number) % 400
        positions = [start + 20 * k for k in range(drag.POSITIONS)]
        watched.page.evaluate(
            "([s, p, i, l]) => probe.drag(s, p, i, l).then(() => 0)",
            [drag.SLIDERS[number % 3], positions, drag.INTERVAL_MS, FINAL_MS],
        )
    watched.settle()
