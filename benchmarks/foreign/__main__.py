"""`python -m benchmarks.foreign`: the diagnosis on other people's networks, scenes and files.

python -m benchmarks.foreign --train             networks that have no weights yet (30 minutes)
python -m benchmarks.foreign                     the tune part, printed and kept beside
python -m benchmarks.foreign --part held-out     writes benchmarks/results/foreign.json and docs
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

from benchmarks.cases import Part
from benchmarks.diagnosis import table, told
from benchmarks.foreign.answers import Answer, answer
from benchmarks.foreign.cases import faulty, healthy, pictures, swapped
from benchmarks.foreign.conventions import convention_of
from benchmarks.foreign.networks import MEMBERS, members
from benchmarks.foreign.rebuilding import drawings, rebuilt
from benchmarks.foreign.report import Asked, write
from benchmarks.foreign.training import train_all
from benchmarks.workers import one_thread, say

Given = TypeVar("Given")
Made = TypeVar("Made")


def main() -> None:
    """Train, or ask the cases of a part and tell."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--train", nargs="*", metavar="NAME", help="train these, or all that lack")
    parser.add_argument("--steps", type=int, default=120, help="of a training")
    parser.add_argument("--part", choices=("tune", "held-out"), default="tune")
    parser.add_argument("--only", default="", help="part of the name of a fault, or a network's")
    parser.add_argument("--limit", type=int, default=4, help="cases for each fault")
    parser.add_argument("--healthy", type=int, default=4, help="pictures for each healthy kind")
    parser.add_argument("--swapped", type=int, default=3, help="pictures for each network")
    parser.add_argument("--programs", type=int, default=26, help="that are drawn and rebuilt")
    parser.add_argument("--alone", type=int, default=2, help="pictures, whose training is asked")
    parser.add_argument("--minutes", type=float, default=600, help="after which none is asked")
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    one_thread()
    if options.train is not None:
        train_all(options.train, options.steps)
    elif options.only:
        _look(options)
    else:
        _ask(options)


def _look(options: argparse.Namespace) -> None:
    """A few cases, printed and not kept."""
    trials = [*faulty(options.part, options.limit, options.only)]
    if options.only in MEMBERS:
        trials = [*healthy(options.part, options.healthy, options.only)]
    rows = list(_told(_each(answer, trials, options)))
    say(table(rows))


def _ask(options: argparse.Namespace) -> None:
    part: Part = options.part
    began = time.monotonic()

    def each(ask: Callable[[Given], Made], given: Iterable[Given]) -> Iterator[Made]:
        ends = began + 60 * options.minutes
        return _each(ask, itertools.takewhile(lambda _: time.monotonic() < ends, given), options)

    asked = Asked(  # right runs last: they are the most, and may be fewer
        part,
        rows=list(_told(each(answer, faulty(part, options.limit)))),
        swapped=list(_told(each(answer, swapped(part, options.swapped)))),
        known=list(each(convention_of, _recoveries(part, options.alone))),
        drawn=list(each(rebuilt, drawings(part, options.programs))),
        calm=list(_told(each(answer, healthy(part, options.healthy)))),
        seconds=time.monotonic() - began,
    )
    say(write(asked))


def _each(
    ask: Callable[[Given], Made], given: Iterable[Given], options: argparse.Namespace
) -> Iterator[Made]:
    """A few at a time, so that `given` may end early."""
    if options.workers == 1:
        yield from map(ask, given)
        return
    left = iter(given)
    with ProcessPoolExecutor(options.workers, get_context("spawn"), one_thread) as pool:
        while few := list(itertools.islice(left, 4 * options.workers)):
            yield from pool.map(ask, few)


def _told(answers: Iterable[Answer]) -> Iterator[Answer]:
    """Print what was not opened, not built, or calm over a mask of one class, as it comes."""
    for one in told(answers):
        if not one.built or one.dead_and_calm:
            say(f"{one.fault or 'healthy'} | {one.member} {one.picture} {one.kind}: "
                f"{'calm over one class' if one.dead_and_calm else one.error}")  # fmt: skip
        yield one


def _recoveries(part: Part, count: int) -> list[tuple[str, int]]:
    return [(member.name, seed) for seed in pictures(part)[:count] for member in members(part)]


if __name__ == "__main__":
    main()
