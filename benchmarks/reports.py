"""`python -m benchmarks.reports`: how many public reports get an answer that would have helped.

Writes benchmarks/results/reports.json. Every third of the first reports is not tuned on; the
further ones (`more_reports`) were, after their right answer had been written down.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks.workers import one_thread, say

RESULTS = Path(__file__).resolve().parent / "results" / "reports.json"
PARTS = ("first", "more")


def main() -> None:
    """Answer all, or one part; print what would not have helped, and write the figures down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=PARTS, help="the first reports or the further ones only")
    chosen = parser.parse_args().part
    figures: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for part in (chosen,) if chosen else PARTS:
        figures |= _figures(part)
        RESULTS.write_text(json.dumps(figures, indent=1) + "\n")
    say(json.dumps(figures, indent=1))


def _figures(part: str) -> dict[str, Any]:
    from tests.reports.reports import HELD_OUT

    reports = _reports(part)
    with ProcessPoolExecutor(2, get_context("spawn"), one_thread) as pool:
        answers = []
        for report, answer in zip(
            reports, pool.map(_answer, [(part, n) for n in range(len(reports))]), strict=True
        ):
            answers.append(answer)
            if answer["wrong"]:
                say(f"{report.name}: {answer['wrong']}")
    start = "" if part == "first" else f"{part}_"
    figures = {
        f"{start}cases": len(answers),
        f"{start}helped": _share(answers),
        f"{start}wrong_certain": sum(answer["wrong_certain"] for answer in answers),
        f"{start}calm_over_dead": sum(answer["calm_over_dead"] for answer in answers),
    }
    if part == "first":
        kept = [answers[reports.index(report)] for report in HELD_OUT]
        figures["helped_held_out"] = _share(kept)
    return figures


def _reports(part: str) -> tuple[Any, ...]:
    from tests.reports.more_reports import MORE
    from tests.reports.reports import REPORTS

    return tuple(REPORTS if part == "first" else MORE)


def _answer(which: tuple[str, int]) -> dict[str, Any]:
    """What is said of one report, and what is wrong with that."""
    from core.diagnosis.thresholds import ONE_CLASS_SHARE
    from examples.materials import case_of
    from tests.reports.test_reports import answer, helped

    part, number = which
    report = _reports(part)[number]
    files = report.files
    answered = answer(files)
    wrong = helped(report, answered)
    certain = bool(answered.faults) and answered.faults[0].certainty == "certain"
    calm = not answered.faults and answered.unexplained is None
    return {
        "wrong": wrong,
        "wrong_certain": bool(wrong) and certain,
        "calm_over_dead": calm and _share_of_one_class(case_of(files)) >= ONE_CLASS_SHARE,
    }


def _share_of_one_class(case: Any) -> float:
    from core.engine import in_this_thread
    from core.inspection import run_stages

    seen = run_stages(case.image, case.network, case.settings, forward=in_this_thread)
    return float(seen.labels.shares().max(initial=0))


def _share(answers: list[dict[str, Any]]) -> float:
    return round(sum(not answer["wrong"] for answer in answers) / len(answers), 3)


if __name__ == "__main__":
    main()
