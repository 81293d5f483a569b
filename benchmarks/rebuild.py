"""`python -m benchmarks.rebuild`: how often the user's broken program is found, bit for bit.

Programs are drawn at random and run as Python; the diagnosis is given only what they wrote. Those
outside the space must never be called exact. benchmarks/results/rebuild.json is the held-out part.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from benchmarks import programs
from benchmarks.cases import Part, material, members, pictures
from benchmarks.workers import one_thread, say
from core.diagnosis import Case
from core.diagnosis.measure.measurements import measure
from core.diagnosis.reproduction.program import Program
from core.diagnosis.reproduction.rebuild import rebuild
from core.diagnosis.reproduction.rebuilt import Rebuilt
from core.diagnosis.reproduction.written import read_written
from core.errors import InspectionError
from core.inference import outputs
from core.preprocess import preprocess
from examples.materials import case_of
from examples.zoo import ZOO, Member

RESULTS = Path(__file__).resolve().parent / "results" / "rebuild.json"
SEED = 7


@dataclass(frozen=True)
class Outcome:
    """What was said of one output."""

    member: str
    number: int
    drawn: tuple[str, ...]  # "stage: key", where the program is not the right one
    found: tuple[str, ...]
    exact: bool
    share: float
    forwards: float
    seconds: float = 0.0  # of the processor, in one thread, that the search took, and
    plain: float = 1.0  # one forward under the settings
    outside: str = ""  # what wrote it, where no program did
    flat: bool = False  # the file has one value, of which nothing can be read
    same: bool = True  # where it was called exact: its lines, run as Python, write the same pixels

    @property
    def wrong(self) -> bool:
        """Whether it was called exact, and is not."""
        return self.exact and not self.same

    @property
    def another(self) -> bool:
        """Whether it is another program than the drawn one, which writes the same file."""
        return self.exact and self.same and not set(self.found) <= set(self.drawn)


def main() -> None:
    """Run a part and print it; the held-out part is written down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=("tune", "held-out"), default="tune")
    parser.add_argument("--programs", type=int, default=200)
    parser.add_argument("--outside", type=int, default=40)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=SEED, help="of what is drawn")
    options = parser.parse_args()
    part: Part = options.part
    began = time.monotonic()
    seed = options.seed
    tasks = [(part, number, "", seed) for number in range(options.programs)]
    tasks += [(part, number, "outside", seed) for number in range(options.outside)]
    with ProcessPoolExecutor(options.workers, get_context("spawn"), one_thread) as pool:
        rows = list(_told(pool.map(outcome, tasks)))
    figures = _figures(part, rows, time.monotonic() - began)
    say(json.dumps(figures, indent=1))
    if part == "held-out" and seed == SEED:
        RESULTS.write_text(json.dumps(figures, indent=1) + "\n")


def _told(rows: Iterator[Outcome]) -> Iterator[Outcome]:
    """Print what was not found, as it comes."""
    for row in rows:
        if row.wrong or row.exact == bool(row.outside or row.flat):
            say(
                f"{row.member} {row.number} {row.outside or ' + '.join(row.drawn)}: "
                f"{'exact' if row.exact else f'{row.share:.2%}'} {' + '.join(row.found)} "
                f"({row.forwards:.1f})"
            )
        yield row


def _figures(part: Part, rows: list[Outcome], seconds: float) -> dict[str, object]:
    drawn = [row for row in rows if not row.outside and not row.flat]
    outside = [row for row in rows if row.outside]
    return {
        "part": part,
        "drawn": len(drawn),
        "exact": round(sum(row.exact and not row.wrong for row in drawn) / len(drawn), 3),
        "wrong_certain": sum(row.wrong for row in drawn),
        "exact_by_another_program": sum(row.another for row in drawn),
        "median_forwards": round(statistics.median(row.forwards for row in drawn), 2),
        "mean_forwards": round(statistics.mean(row.forwards for row in drawn), 2),
        "median_time": round(statistics.median(row.seconds / row.plain for row in drawn), 1),
        "outside": len(outside),
        "outside_exact": sum(row.exact for row in outside),
        "of_one_value": sum(row.flat for row in rows),
        "of_one_value_exact": sum(row.exact for row in rows if row.flat),
        "seconds": round(seconds),
    }


# --- one case -------------------------------------------------------------------------------------


def outcome(task: tuple[Part, int, str, int]) -> Outcome:
    """Draw one program, run it, and ask for it."""
    part, number, kind, drawing = task
    rng = np.random.default_rng([drawing, part == "held-out", number, len(kind)])
    able = [member for member in members(part) if not kind or _others(member, part)]
    member = able[number % len(able)]
    seed = pictures(part)[number % len(pictures(part))]
    case = case_of(material(member, seed, truth=False))
    if kind:
        return _outside(case, member.name, number, seed, part)
    while True:  # a few programs stop on this network: nobody has their output
        program, space = programs.drawn(case, rng)
        try:
            file = programs.file_of(program, case)
            break
        except (InspectionError, RuntimeError, IndexError, OSError):
            continue
    return _asked(case, file, member.name, number, _named(program, space.right))


def _named(program: Program, right: Program) -> tuple[str, ...]:
    return tuple(f"{choice.stage}: {choice.key}" for choice in program.deviations(right))


def _asked(
    case: Case, file: bytes, member: str, number: int, drawn: tuple[str, ...], outside: str = ""
) -> Outcome:
    written = read_written(file)
    flat = written is not None and written.flat
    measured = measure(replace(case, saved=file))
    plain = min(_seconds_of_a_forward(case) for _ in range(3))
    began = time.process_time()
    found: Rebuilt | None = rebuild(measured)
    seconds = time.process_time() - began
    if found is None:
        raise ValueError("the file that a program wrote is an output")
    said = tuple(f"{c.stage}: {c.key}" for c in found.program.deviations(found.right))
    same = not found.exact or _same(found.program, case, file)
    return Outcome(
        member, number, drawn, said, found.exact, found.share, found.forwards,
        seconds, plain, outside, flat, same,
    )  # fmt: skip


def _seconds_of_a_forward(case: Case) -> float:
    """Of the network alone, under the settings of the case."""
    assert case.network is not None
    tensor = preprocess(case.image, case.settings.preprocessing).tensor
    began = time.process_time()
    outputs(case.network, tensor, case.settings.forwarding)
    return time.process_time() - began


def _same(program: Program, case: Case, file: bytes) -> bool:
    """Whether the lines that were found write the same pixels when they are run as Python."""
    ours, theirs = read_written(programs.file_of(program, case)), read_written(file)
    assert ours is not None and theirs is not None
    return np.array_equal(ours.values, theirs.values)


def _others(member: Member, part: Part) -> list[Member]:
    """Networks that can stand in its place."""
    alike = (member.classes, member.channels)
    return [m for m in members(part) if (m.classes, m.channels) == alike and m is not member]


def _outside(case: Case, member_name: str, number: int, seed: int, part: Part) -> Outcome:
    """The next of the kinds of outputs that no program of the space writes."""
    names = [other.name for other in _others(ZOO[member_name], part)]
    other = case_of(material(ZOO[names[number % len(names)]], seed, truth=False))
    rng = np.random.default_rng([SEED, number])
    program = programs.right(case, rng)
    made = list(programs.outside(program, case, replace(case, network=other.network)))
    name, file = made[number % len(made)]
    return _asked(case, file, member_name, number, (), name)


if __name__ == "__main__":
    main()
