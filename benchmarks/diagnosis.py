"""`python -m benchmarks.diagnosis`: how often the diagnosis names a seeded fault, and how fast.

The held-out part writes docs/benchmark.md and benchmarks/results/diagnosis.json.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import numpy as np

from benchmarks.cases import Part, Trial, faulty, healthy, members, pairs, scene
from benchmarks.document import write_part
from benchmarks.recovery import NEAR_MEAN, NEAR_STD, Recovery, recoveries, recovery
from benchmarks.workers import one_thread, say
from core.diagnosis import CAUSES, Cause, diagnose
from core.errors import InspectionError
from examples.faults import FAULTS
from examples.materials import Material, case_of, inspect_material
from examples.zoo import ZOO, load

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "diagnosis.json"
HARMLESS = 0.02  # share of the pixels: a mismatch that changes fewer is no fault of this mask


@dataclass(frozen=True)
class Outcome:
    """What was said of one case."""

    fault: str  # names joined by " + "; "" for healthy
    member: str
    picture: int
    kind: str
    truth: bool
    expected: tuple[tuple[str, ...], ...]
    said: tuple[str, ...]  # causes of the faults, worst first
    certainty: str  # of the first
    seconds: float
    harmless: bool  # the fault changes next to nothing in this mask

    @property
    def top1(self) -> bool:
        """Whether the first cause is a right one."""
        return bool(self.said) and any(self.said[0] in right for right in self.expected)

    @property
    def top3(self) -> bool:
        """Whether every fault is among the first three."""
        return all(set(right) & set(self.said[:3]) for right in self.expected)


Said = TypeVar("Said", bound=Outcome)


def main() -> None:
    """Run a part and print it; the held-out part is written down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=("tune", "held-out"), default="tune")
    parser.add_argument("--only", default="", help="part of the name of a fault")
    parser.add_argument("--limit", type=int, default=10, help="cases for each fault")
    parser.add_argument("--pairs", type=int, default=3, help="cases for each pair of faults")
    parser.add_argument("--healthy", type=int, default=6, help="pictures for each healthy kind")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    part: Part = options.part
    began = time.monotonic()
    with ProcessPoolExecutor(options.workers, get_context("spawn"), one_thread) as pool:
        rows = list(told(pool.map(outcome, faulty(part, options.limit, options.only))))
        if options.only:
            say(table(rows))
            return
        both = list(told(pool.map(outcome, pairs(part, options.pairs))))
        calm = list(told(pool.map(outcome, healthy(part, options.healthy))))
        known = list(pool.map(recovery, *zip(*recoveries(part), strict=True)))
    figures = _figures(part, rows, calm, known)
    text = _report(part, rows, both, calm, known, figures, time.monotonic() - began)
    say(text)
    if part == "held-out":
        write_part("zoo", text)
        RESULTS.parent.mkdir(exist_ok=True)
        merge_results(figures)


def merge_results(figures: Mapping[str, float | int | None]) -> None:
    """Put figures into the file of results; those of another benchmark stay."""
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    RESULTS.write_text(json.dumps({**known, **figures}, indent=1) + "\n")


def told(outcomes: Iterable[Said]) -> Iterator[Said]:
    """Print what was not right, as it comes."""
    for done in outcomes:
        right = done.top1 if done.expected else not done.said
        if not right and not done.harmless:
            said = " ".join(done.said) or "nothing"
            truth = "with truth" if done.truth else "without truth"
            say(
                f"{done.fault or 'healthy'} | {done.member} {done.picture} {done.kind} {truth}: "
                f"{said} ({done.certainty})"
            )
        yield done


def outcome(trial: Trial) -> Outcome:
    """Diagnose one case."""
    made = trial.material
    case = case_of(made)
    start = time.perf_counter()
    said = diagnose(case).faults
    return Outcome(
        " + ".join(trial.names),
        trial.member,
        trial.picture,
        trial.kind,
        trial.truth,
        tuple(fault.causes for fault in trial.faults),
        tuple(finding.cause for finding in said),
        said[0].certainty if said else "",
        time.perf_counter() - start,
        _is_harmless(trial, made),
    )


def _is_harmless(trial: Trial, made: Material) -> bool:
    """Whether feeding and weights give nearly the same mask as without the fault.

    A dark picture over its own maximum may even be fed better: there the right pixels are counted.
    """
    causes = [CAUSES[cause] for fault in trial.faults for cause in fault.causes]
    if not may_be_harmless(causes):
        return False
    member, ids = ZOO[trial.member], scene(trial.picture)[1]
    before = replace(made, checkpoint=load(member.name).read_bytes(), settings=member.settings)
    truth = (ids > 0).astype(np.uint8) if member.classes == 1 else ids
    return changes_little(before, made, truth if causes[0].id == "P5" else None)


def may_be_harmless(causes: list[Cause]) -> bool:
    """Whether a fault of these causes may leave the mask as it is."""
    return bool(causes) and all(cause.may_be_harmless for cause in causes)


def changes_little(before: Material, made: Material, truth: np.ndarray | None) -> bool:
    """Whether both give the same mask, or one that is as near to UInt8[h w] of the truth."""
    try:
        right, wrong = (inspect_material(one).labels.ids for one in (before, made))
    except InspectionError:
        return False
    if truth is None:
        return bool((right != wrong).mean() < HARMLESS)
    return bool((right == truth).mean() - (wrong == truth).mean() < HARMLESS)


def _figures(
    part: Part, rows: list[Outcome], calm: list[Outcome], known: list[Recovery]
) -> dict[str, float | int | None]:
    """The figures that are kept, by the names of the issue."""
    felt = [row for row in rows if not row.harmless]
    each = by_fault(felt)
    answered = [one for one in known if one.answered]
    claimed = [one for one in answered if one.order_right is not None]
    without = [one for one in known if not one.has_norm]
    return {
        "faults": len(each),
        "networks": len(members(part)),
        "healthy": len(calm),
        "top1": share(row.top1 for row in felt),
        "top3": share(row.top3 for row in felt),
        "lowest_fault_top1": min(share(row.top1 for row in r) or 0.0 for r in each.values()),
        "wrong_confident": share(
            bool(row.said) and not row.top1 and row.certainty == "certain" for row in felt
        ),
        "false_alarms": sum(bool(row.said) for row in calm),
        "family_right": share(one.family_right for one in answered),
        "family_answered": share(one.answered for one in known),
        "family_answered_without_bn": share(one.answered for one in without),
        "order_right": share(bool(one.order_right) for one in claimed),
        "mean_error": _median(part, known, "mean_error"),
        "std_error": _median(part, known, "std_error"),
    }


def _median(part: Part, known: list[Recovery], name: str, pictures_: int = 3) -> float | None:
    """Over the custom conventions with BatchNorm, from one or three pictures."""
    order = [seeds for _, seeds in recoveries(part)]
    values = [
        getattr(one, name)
        for one, seeds in zip(known, order, strict=True)
        if len(seeds) == pictures_ and one.custom and one.has_norm and one.answered
    ]
    return round(statistics.median(values), 4) if values else None


def share(hits: Iterable[bool]) -> float | None:
    """Of those that are true; None where there are none."""
    values = list(hits)
    return round(sum(values) / len(values), 4) if values else None


def by_fault(rows: Sequence[Outcome]) -> dict[str, list[Outcome]]:
    """In the order in which they first come."""
    each: dict[str, list[Outcome]] = {}
    for row in rows:
        each.setdefault(row.fault, []).append(row)
    return each


def table(rows: Sequence[Outcome]) -> str:
    """One row a fault."""
    lines = [
        "| fault | cause | cases | top-1 | top-3 | cannot tell | wrong | harmless | seconds |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, found in by_fault(rows).items():
        felt = [row for row in found if not row.harmless]
        causes = " + ".join("/".join(right) for right in found[0].expected)
        silent = sum(not row.said for row in felt)
        right = sum(row.top1 for row in felt)
        seconds = statistics.median(row.seconds for row in found)
        lines.append(
            f"| {name} | {causes} | {len(felt)} | {right} | {sum(row.top3 for row in felt)} | "
            f"{silent} | {len(felt) - right - silent} | {len(found) - len(felt)} | {seconds:.1f} |"
        )
    return "\n".join(lines)


def _report(
    part: Part,
    rows: list[Outcome],
    both: list[Outcome],
    calm: list[Outcome],
    known: list[Recovery],
    figures: dict[str, float | int | None],
    seconds: float,
) -> str:
    unseen = [fault.name for fault in FAULTS if fault.name not in {row.fault for row in rows}]
    alarms = [f"{row.member}, {row.kind}: {' '.join(row.said)}" for row in calm if row.said]
    listed = "\n".join(f"| {name} | {value} |" for name, value in figures.items())
    named = ": " + "; ".join(alarms) if alarms else ""
    two = share(row.top3 for row in both)
    one_mean, one_std = (_median(part, known, f"{name}_error", 1) for name in ("mean", "std"))
    return f"""# How often the diagnosis is right

Written by `python -m benchmarks.diagnosis --part {part}` in {seconds / 60:.0f} minutes. Faults are
seeded into the files and settings of small networks on rendered scenes (`examples/faults.py`,
`examples/zoo/`); that is easier than a stranger's program. Networks and pictures of this part are
shared with no other. "Harmless" are cases in which the fault changes less than {HARMLESS:.0%}
of the pixels; they count in no share. A family is right when mean and std are within
{NEAR_MEAN} (pixels from 0 to 1) and {NEAR_STD:.0%}.

Networks: {", ".join(member.name for member in members(part))}.

| figure | |
|---|---|
{listed}

Pairs of faults: {len(both)}; both among the first three in {two}. Custom numbers from one picture:
mean within {one_mean}, std within {one_std} (medians); from three pictures together as above.
{len(alarms)} false alarms{named}.

## Faults

{table(rows)}

No network of this part can have: {", ".join(unseen) or "none is left out"}.

## Pairs

{table(both)}

## What was recovered

| network | answered | family right | order right where claimed | mean error | std error |
|---|---|---|---|---|---|
{_recovered_rows(known)}
"""


def _recovered_rows(known: list[Recovery]) -> str:
    lines = []
    for name in dict.fromkeys(one.member for one in known):
        mine = [one for one in known if one.member == name and one.answered]
        orders = [bool(one.order_right) for one in mine if one.order_right is not None]
        errors = [[getattr(one, key) for one in mine] for key in ("mean_error", "std_error")]
        mean, std = (f"{statistics.median(each):.3f}" if each else "-" for each in errors)
        count = sum(one.member == name for one in known)
        right = sum(one.family_right for one in mine)
        lines.append(
            f"| {name} | {len(mine)} of {count} | {right} | {sum(orders)} of {len(orders)} | "
            f"{mean} | {std} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
