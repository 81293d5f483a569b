"""`python -m benchmarks.many`: what sets of 16 pictures prove, without a ground truth.

Each network of the zoo is given sets of scenes as it is to be fed, with red and blue swapped, and
with plain pixels of 0 to 1. The held-out part writes its figures to docs/benchmark.md and
benchmarks/results/diagnosis.json.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from typing import Literal

import numpy as np

from benchmarks.cases import Part, material, members, pictures
from benchmarks.diagnosis import merge_results, share
from benchmarks.document import write_part
from benchmarks.recovery import NEAR_MEAN, NEAR_STD
from benchmarks.workers import one_thread, say
from core.diagnosis.many.of_set import of_set
from core.diagnosis.many.sample import sample_of
from core.diagnosis.many.set_diagnosis import SetDiagnosis
from core.diagnosis.normalization.naming import affine
from core.settings import Settings, change
from examples.materials import Material, case_of
from examples.seeds import swap
from examples.zoo import ZOO, Member

SIZE, STEP = 16, 12  # pictures of a set, and from the first of one set to that of the next
NUMBERS = 4  # times as many sets where only the first layer is asked, which is quick
Start = Literal["right", "swapped", "plain"]


@dataclass(frozen=True)
class SetTrial:
    """One set by names, so that another process can make it."""

    member: str
    seeds: tuple[int, ...]
    start: Start  # the settings under diagnosis

    @property
    def material(self) -> Material:
        """The files of its first picture, with these settings."""
        made = material(ZOO[self.member], self.seeds[0], truth=False)
        if self.start == "swapped":
            return swap(made)
        if self.start == "right":
            return made
        plain = change(Settings(), color="gray" if ZOO[self.member].channels == 1 else "rgb")
        return replace(made, settings=plain)


@dataclass(frozen=True)
class SetOutcome:
    """What was said of one set."""

    trial: SetTrial
    said: tuple[str, ...]  # causes of the faults, worst first
    color: str  # the channel order that was told, "" for none
    answered: bool  # whether a convention was told
    family_right: bool
    mean_error: float | None  # of the solved mean, pixels from 0 to 1, over the channels
    std_error: float | None  # relative
    within: bool | None  # whether the right numbers lie in the intervals
    seconds: float

    @property
    def order_found(self) -> bool:
        """Whether the right order was told."""
        return bool(self.color == ZOO[self.trial.member].convention["color"])

    @property
    def order_false(self) -> bool:
        """Whether the wrong order was told."""
        return bool(self.color) and not self.order_found


def main() -> None:
    """Run a part and print it; the held-out part is written down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=("tune", "held-out"), default="tune")
    parser.add_argument("--only", default="", help="part of the name of a network")
    parser.add_argument("--sets", type=int, default=2, help="sets of each network")
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    part: Part = options.part
    began = time.monotonic()
    trials = [each for each in sets(part, options.sets) if options.only in each.member]
    with ProcessPoolExecutor(options.workers, get_context("spawn"), one_thread) as pool:
        rows = []
        for row in pool.map(outcome, trials):
            say(_line(row))
            rows.append(row)
    figures = figures_of(rows)
    text = _report(part, rows, figures, time.monotonic() - began)
    say(text)
    if part == "held-out" and not options.only:
        write_part("many", text)
        merge_results(figures)


def sets(part: Part, limit: int) -> Iterator[SetTrial]:
    """`limit` sets of every network: right, plain, and swapped where there are colors."""
    for member in members(part):
        for number in range(limit):
            seeds = tuple(pictures(part)[number * STEP : number * STEP + SIZE])
            if member.channels == 3:
                yield SetTrial(member.name, seeds, "swapped")
            yield SetTrial(member.name, seeds, "right")
        more = NUMBERS if member.has_norm else 1
        for number in range(more * limit):
            first = number * STEP // more
            yield SetTrial(member.name, tuple(pictures(part)[first : first + SIZE]), "plain")


def outcome(trial: SetTrial) -> SetOutcome:
    """Diagnose one set; plain pixels by their first layer alone, as only numbers are asked."""
    member, start = ZOO[trial.member], time.perf_counter()
    settings = trial.material.settings
    cases = [case_of(material(member, seed, truth=False)) for seed in trial.seeds]
    network = cases[0].network
    if network is None:
        raise ValueError(f"{trial.member} has no network")
    found = of_set(
        network,
        [sample_of(case.image, name=str(n)) for n, case in enumerate(cases)],
        settings,
        checkpoint=cases[0].checkpoint,
        masks=trial.start != "plain",
    )
    return SetOutcome(
        trial,
        tuple(finding.cause for finding in found.faults),
        found.color if trial.start != "plain" else "",
        found.recovered is not None and found.recovered.certainty != "cannot tell",
        _family_is_right(found, member),
        *_errors(found, member),
        time.perf_counter() - start,
    )


def _family_is_right(found: SetDiagnosis, member: Member) -> bool:
    """Whether what is told to be fed is of the training's family, as in `benchmarks.recovery`."""
    if found.recovered is None:
        return False
    fed = change(found.settings, **found.recovered.changes).preprocessing
    if member.family == "z-score":
        return fed.zscore
    (mean, std), (right_mean, right_std) = affine(fed), affine(member.settings.preprocessing)
    near = float(np.abs(mean - right_mean).mean()) < NEAR_MEAN
    return not fed.zscore and near and float(np.abs(std / right_std - 1).mean()) < NEAR_STD


def _errors(found: SetDiagnosis, member: Member) -> tuple[float | None, float | None, bool | None]:
    """Of the solved numbers in the right channel order: mean, std, and whether intervals hold."""
    family = found.families.get(member.convention["color"])
    if family is None or member.family == "z-score":
        return None, None, None
    numbers = family.numbers
    mean, std = (part[: len(numbers.mean)] for part in affine(member.settings.preprocessing))
    return (
        float(np.abs(numbers.mean - mean).mean()),
        float(np.abs(numbers.std / std - 1).mean()),
        numbers.holds(mean, std),
    )


def figures_of(rows: Sequence[SetOutcome]) -> dict[str, float | int | None]:
    """The figures that are kept, by the names of the issue."""
    swapped, right, plain = (
        [row for row in rows if row.trial.start == start] for start in ("swapped", "right", "plain")
    )
    return {
        "set_order_found": share(row.order_found for row in swapped),
        "set_order_false": sum(row.order_false for row in (*right, *swapped)),
        "set_mean_error": _median(plain, "mean_error"),
        "set_std_error": _median(plain, "std_error"),
        "set_within": share(bool(row.within) for row in plain if row.within is not None),
        "set_family_right": share(row.family_right for row in plain if row.answered),
        "set_family_answered": share(row.answered for row in plain),
        "set_false_alarms": sum(bool(row.said) for row in right),
    }


def _median(rows: Sequence[SetOutcome], name: str) -> float | None:
    values = [value for row in rows if (value := getattr(row, name)) is not None]
    return round(statistics.median(values), 4) if values else None


def _line(row: SetOutcome) -> str:
    errors = [
        f"{value:.3f}" if value is not None else "-" for value in (row.mean_error, row.std_error)
    ]
    return (
        f"{row.trial.member} {row.trial.seeds[0]} {row.trial.start}: {' '.join(row.said) or '-'}, "
        f"order {row.color or '-'}{' WRONG' * row.order_false}, mean {errors[0]}, std {errors[1]}, "
        f"family {'right' if row.family_right else 'wrong' if row.answered else '-'}, "
        f"{row.seconds:.0f} s"
    )


def _report(
    part: Part, rows: Sequence[SetOutcome], figures: dict[str, float | int | None], seconds: float
) -> str:
    listed = "\n".join(f"| {name} | {value} |" for name, value in figures.items())
    lines = []
    for name in dict.fromkeys(row.trial.member for row in rows):
        mine = [row for row in rows if row.trial.member == name]
        swapped = [row for row in mine if row.trial.start == "swapped"]
        plain = [row for row in mine if row.trial.start == "plain"]
        right = [row for row in mine if row.trial.start == "right"]
        mean, std = (_median(plain, key) for key in ("mean_error", "std_error"))
        lines.append(
            f"| {name} | {sum(row.order_found for row in swapped)} of {len(swapped)} | "
            f"{sum(row.order_false for row in mine)} | {sum(bool(row.said) for row in right)} | "
            f"{sum(row.family_right for row in plain if row.answered)} of {len(plain)} | "
            f"{'-' if mean is None else mean} | {'-' if std is None else std} |"
        )
    table = "\n".join(lines)
    return f"""# What sets of {SIZE} pictures prove

Written by `python -m benchmarks.many --part {part}` in {seconds / 60:.0f} minutes: {len(rows)} sets
of {SIZE} rendered scenes without ground truth, of networks and pictures that are shared with no
other part. Every swapped set counts, also where the swap changes little of the mask; an order that
is told wrongly counts wherever the set is fed rightly or swapped. Mean (pixels from 0 to 1) and std
(relative) are solved without a catalogue, in the network's own channel order; the medians are over
all networks with BatchNorm behind the first convolution, and `set_within` is how often the right
numbers lie in all intervals. False alarms are faults of any kind in sets that are fed rightly.

| figure | |
|---|---|
{listed}

| network | order, swapped | wrong orders | false alarms | family | mean error | std error |
|---|---|---|---|---|---|---|
{table}
"""


if __name__ == "__main__":
    main()
