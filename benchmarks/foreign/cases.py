"""The cases: every fault and right runs, over networks, pictures and ways of saving."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.cases import Part
from benchmarks.foreign.faults import BY_NAME, FITTING, OVERFLOW, RESIZED, SWAPPED, UNSAVED
from benchmarks.foreign.files import Files, files, seeded
from benchmarks.foreign.networks import MEMBERS, Foreign, members
from benchmarks.foreign.saving import ONE_SIZE, ways_of
from examples.fault import Fault
from examples.materials import Material

FIRST_PICTURE = {"tune": 1_000, "held-out": 13_000}  # seeds; the training begins at 50,000
PICTURES = 40  # of each part
KINDS = ("scene", "dark", "low contrast")


@dataclass(frozen=True)
class Trial:
    """One case by names, so that another process can make it."""

    member: str
    way: str  # of saving
    picture: int  # seed of the scene
    kind: str  # of the picture
    truth: bool  # whether the diagnosis is given a ground truth
    fault: str = ""  # "" for a healthy one

    @property
    def network(self) -> Foreign:
        """What is saved."""
        return MEMBERS[self.member]

    @property
    def faults(self) -> tuple[Fault, ...]:
        """None or one."""
        return (BY_NAME[self.fault],) if self.fault else ()

    @property
    def healthy(self) -> Files:
        """The files without the fault."""
        return files(self.network, self.picture, self.way, self.kind, truth=self.truth)

    def seeded(self, healthy: Files) -> Material:
        """The files with it."""
        return seeded(healthy, BY_NAME[self.fault], self.way) if self.fault else healthy


def pictures(part: Part) -> range:
    """The seeds of the scenes of a part."""
    return range(FIRST_PICTURE[part], FIRST_PICTURE[part] + PICTURES)


def healthy(part: Part, limit: int, only: str = "") -> Iterator[Trial]:
    """`limit` pictures of every kind for every network; every other one with its truth."""
    for turn in range(limit):
        seed = pictures(part)[turn]
        for member in members(part):
            if only in ("", member.name):
                way = _way(member, seed, "")
                for kind in KINDS:
                    yield Trial(member.name, way, seed, kind, turn % 2 == 1)


def faulty(part: Part, limit: int, only: str = "") -> Iterator[Trial]:
    """`limit` rounds of all faults, over the networks in turn; every other one with its truth."""
    for turn in range(limit):
        for number, fault in enumerate(FITTING):
            able = [member for member in members(part) if fault.needs(member)]
            if only not in fault.name or not able:
                continue
            seed = pictures(part)[(number + turn) % PICTURES]
            member = able[(number + turn) % len(able)]
            truth = turn % 2 == 1 or fault.on_truth
            way = _way(member, seed, fault.name)
            yield Trial(member.name, way, seed, "scene", truth, fault.name)


def swapped(part: Part, limit: int) -> Iterator[Trial]:
    """Red and blue exchanged, for every network, from one picture without a ground truth."""
    for member in members(part):
        for seed in pictures(part)[20 : 20 + limit]:
            way = _way(member, seed, SWAPPED)
            yield Trial(member.name, way, seed, "scene", False, SWAPPED)


def _way(member: Foreign, seed: int, purpose: str) -> str:
    """Any in which this can be saved, by chance from the names."""
    if purpose in UNSAVED:
        return "state dict"
    unfit = {OVERFLOW: "float16", **dict.fromkeys(RESIZED, ONE_SIZE)}.get(purpose)
    able = [way for way in ways_of(member) if way != unfit]
    rng = np.random.default_rng([seed, *member.name.encode(), *purpose.encode()])
    return able[int(rng.integers(len(able)))]
