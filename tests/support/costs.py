"""A plugin for pytest: processor seconds of each file of tests, servers and browsers included.

    OMP_NUM_THREADS=1 .venv/bin/pytest -p tests.support.costs tests/pages

Seconds by the clock tell more of the neighbors than of the tests where a machine is shared. Not
with `-n`: what a worker has measured stays there. Linux only. What nobody waits for is not counted:
the forks of a warm reader, and daemons.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from scripts.processes import below, processor_seconds

SHOWN = 40  # files


@dataclass
class Cost:
    """What the tests of one file took so far."""

    computed: float = 0.0  # seconds of a processor
    waited: float = 0.0  # seconds by the clock
    resident: int = 0  # MB of this process after the last of them
    tests: int = 0


COSTS: defaultdict[str, Cost] = defaultdict(Cost)


def computed() -> float:
    """Processor seconds of this process and of all that it has started."""
    seconds = processor_seconds(os.getpid(), and_ended=True)
    for process in below(os.getpid()):
        with suppress(OSError):  # it has ended just now
            seconds += processor_seconds(process, and_ended=True)
    return seconds


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Measure a test with its fixtures."""
    before, began = computed(), time.monotonic()
    result = yield
    cost = COSTS[item.nodeid.partition("::")[0]]
    cost.computed += computed() - before
    cost.waited += time.monotonic() - began
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    cost.resident = pages * os.sysconf("SC_PAGE_SIZE") >> 20
    cost.tests += 1
    return result


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The dearest first."""
    terminalreporter.section("processor seconds, seconds by the clock, MB, tests")
    dearest = sorted(COSTS.items(), key=lambda each: -each[1].computed)
    for file, cost in dearest[:SHOWN]:
        figures = f"{cost.computed:8.1f} {cost.waited:8.1f} {cost.resident:6d} {cost.tests:5d}"
        terminalreporter.write_line(f"{figures}  {file}")
    terminalreporter.write_line(f"{sum(cost.computed for cost in COSTS.values()):8.1f}  together")
