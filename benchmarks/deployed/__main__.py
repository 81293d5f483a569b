"""`python -m benchmarks.deployed`: how often the cause between two programs is named, and where.

Every fault is seeded for real into three networks and two pictures of each: exported by
torch.onnx.export, quantized by onnxruntime's own tools, and run by onnxruntime. The held-out part
writes docs/benchmark.md and benchmarks/results/deployed.json.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from benchmarks.cases import Part
from benchmarks.deployed.answers import Outcome, outcome, trials
from benchmarks.deployed.exports import WRONG
from benchmarks.diagnosis import share
from benchmarks.document import write_part
from benchmarks.performance.effort import table
from benchmarks.workers import one_thread, say

RESULTS = Path(__file__).resolve().parent.parent / "results" / "deployed.json"
LOCATED = {name for name, fault in WRONG.items() if fault.layer and fault.cause != "E7"}


def main() -> None:
    """Run a part and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=("tune", "held-out"), default="tune")
    parser.add_argument("--only", default="", help="part of the name of an export")
    parser.add_argument(
        "--looks", type=int, default=1, help="how often it was looked at, with this"
    )
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    chosen = [t for t in trials(options.part) if options.only in t.export]
    with ProcessPoolExecutor(options.workers, get_context("spawn"), one_thread) as pool:
        rows = [row for row in pool.map(outcome, chosen) if row is not None]
    for row in rows:
        if row.said[:1] != ((row.cause,) if row.cause else ()) and not row.harmless:
            trial = row.trial
            say(f"{trial.export} | {trial.network} {trial.seed}: {row.said} {row.verdict}")
    found = figures(rows)
    text = report(rows, found, options.part, options.looks)
    say(text)
    if options.part == "held-out" and not options.only:
        write_part("deployed", text)
        RESULTS.write_text(json.dumps({**found, "looks": options.looks}, indent=1) + "\n")


def figures(rows: list[Outcome]) -> dict[str, float | int | None]:
    """The figures that are kept."""
    faults = [row for row in rows if row.cause and not row.harmless]
    located = [
        row for row in faults if row.expected_layer and row.trial.export != "a collapsed scale"
    ]
    calm = [row for row in rows if not row.cause]
    each = {
        export: share(r.said[:1] == (r.cause,) for r in faults if r.trial.export == export)
        for export in WRONG
    }
    return {
        "networks": len({row.trial.network for row in rows}),
        "faults": len(faults),
        "cause_first": share(row.said[:1] == (row.cause,) for row in faults),
        "lowest_cause_first": min((v for v in each.values() if v is not None), default=None),
        "wrong_certain": share(
            row.certainty == "certain" and row.said[0] != row.cause for row in faults if row.said
        ),
        "layer_right": share(row.layer == row.expected_layer for row in located),
        "located": len(located),
        "faithful": len(calm),
        "false_alarms": sum(bool(row.said) for row in calm),
        "harmless": sum(row.harmless for row in rows if row.cause),
    }


def report(
    rows: list[Outcome], found: dict[str, float | int | None], part: Part, looks: int
) -> str:
    """As Markdown."""
    lines: list[tuple[object, ...]] = []
    for export, fault in WRONG.items():
        own = [r for r in rows if r.trial.export == export and not r.harmless]
        first = sum(r.said[:1] == (fault.cause,) for r in own)
        known = [r for r in own if r.expected_layer and export in LOCATED]
        layer = (
            f"{sum(r.layer == r.expected_layer for r in known)} of {len(known)}" if known else ""
        )
        lines.append((export, fault.cause, f"{first} of {len(own)}", layer))
    said = "; ".join(f"{key} {value}" for key, value in found.items())
    return f"## Deployed models ({part}, look {looks})\n\n{said}.\n\n" + table(
        ("export", "cause", "first", "first layer right"), lines
    )


if __name__ == "__main__":
    main()
