"""`make bench`: how fast we are beside what one would write instead.

python -m benchmarks.performance                    everything; writes docs and JSON (40 minutes)
python -m benchmarks.performance --part slider      one part, printed alone
python -m benchmarks.performance --part slider --write
python -m benchmarks.performance --short            whether every part works; figures mean nothing
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from dataclasses import replace
from datetime import date
from pathlib import Path

import torch

from benchmarks.performance import results
from benchmarks.performance.effort import FULL, SHORT, Effort, Said, table
from benchmarks.performance.parts import PARTS
from benchmarks.workers import say

ORDER = ("machine", *PARTS)


def main() -> None:
    """Measure what is asked for, print it, and write it where all was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Plain)
    parser.add_argument("--part", choices=PARTS, action="append", help="only this; several times")
    parser.add_argument("--short", action="store_true", help="as few turns as there can be")
    parser.add_argument("--rounds", type=int, help="interleaved turns")
    parser.add_argument("--write", action="store_true", help="write the parts that are named")
    asked = parser.parse_args()
    effort = SHORT if asked.short else FULL
    if asked.rounds:
        effort = replace(effort, rounds=asked.rounds)
    said = {name: _measured(name, effort) for name in asked.part or PARTS}
    if asked.write or not (asked.part or asked.short):
        results.write({"machine": machine(), **said}, ORDER)


class _Plain(argparse.RawDescriptionHelpFormatter):
    """The lines of the description as they are."""


def _measured(name: str, effort: Effort) -> Said:
    part = PARTS[name]
    began = time.monotonic()
    found = part.measure(effort)
    titled = replace(found, text=f"## {part.title}\n\n{part.how.strip()}\n\n{found.text}")
    say(f"{results.page_of(titled)}\n\n({name}: {time.monotonic() - began:.0f} s)\n")
    for key, value in found.figures.items():
        say(f"{key} = {value:.4g}")
    return titled


def machine() -> Said:
    """What the figures were taken on."""
    rows: list[tuple[object, ...]] = [
        ("processor", _processor()), ("cores", str(os.cpu_count())),
        ("threads of torch", str(torch.get_num_threads())), ("torch", str(torch.__version__)),
        ("Python", platform.python_version()), ("day", date.today().isoformat()),
    ]  # fmt: skip
    text = "# How fast it is\n\nWritten by `make bench`; medians of interleaved runs."
    return Said({}, f"{text}\n\n{table(('', ''), rows)}")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


if __name__ == "__main__":
    main()
